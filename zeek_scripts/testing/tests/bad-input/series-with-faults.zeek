# @TEST-DOC: A C-STORE that is not sound is not taken for one that repeats the one before it.
#
# @TEST-EXEC: run-scenario series_with_faults
# @TEST-EXEC: columns dicom.log end store_rq data_pdus data_bytes_orig flags >counts
# @TEST-EXEC: btest-diff counts
