# @TEST-DOC: Gaps are counted where the handshake was not captured whole.
#
# @TEST-EXEC: run-scenario half_handshake
# @TEST-EXEC: columns dicom.log result end store_rq missed_bytes >row
# @TEST-EXEC: btest-diff row
