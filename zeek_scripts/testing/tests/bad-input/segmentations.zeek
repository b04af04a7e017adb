# @TEST-DOC: However the PDUs of a data set are cut into segments, the counts are the same.
#
# @TEST-EXEC: run-scenario segmentations
# @TEST-EXEC: columns dicom.log store_rq data_pdus data_bytes_orig missed_bytes flags >counts
# @TEST-EXEC: test $(wc -l <counts) = 24
# @TEST-EXEC: sort counts | uniq >distinct
# @TEST-EXEC: btest-diff distinct
# @TEST-EXEC: columns dicom.log ts duration end >durations
# @TEST-EXEC: btest-diff durations
