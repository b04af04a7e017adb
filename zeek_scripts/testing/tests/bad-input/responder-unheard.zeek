# @TEST-DOC: Where of the responder neither SYN nor a byte was captured, how it ended is not told.
#
# @TEST-EXEC: run-scenario responder_unheard
# @TEST-EXEC: columns dicom.log result end missed_bytes flags >row
# @TEST-EXEC: btest-diff row
