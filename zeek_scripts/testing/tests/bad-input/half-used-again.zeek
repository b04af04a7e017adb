# @TEST-DOC: Ports that are used again begin another association.
#
# @TEST-EXEC: run-scenario half_used_again
# @TEST-EXEC: columns dicom.log end flags store_rq data_bytes_orig >rows
# @TEST-EXEC: btest-diff rows
