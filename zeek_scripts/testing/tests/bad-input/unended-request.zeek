# @TEST-DOC: Before the end of a connection nothing says that no answer comes.
#
# @TEST-EXEC: run-scenario unended_request
# @TEST-EXEC: columns dicom.log result end missed_bytes >row
# @TEST-EXEC: btest-diff row
