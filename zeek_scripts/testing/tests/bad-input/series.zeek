# @TEST-DOC: However the images of a series are cut into segments, they are counted the same, and a file among them is found.
#
# @TEST-EXEC: run-scenario series
# @TEST-EXEC: columns dicom.log end modalities store_rq rsp_success rsp_failure failure_codes data_pdus data_bytes_orig data_bytes_resp missed_bytes flags >counts
# @TEST-EXEC: test $(wc -l <counts) = 40
# @TEST-EXEC: sort counts | uniq >distinct
# @TEST-EXEC: btest-diff distinct
