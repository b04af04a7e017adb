# @TEST-DOC: A connection that falls silent within a PDU's header is given up without a complaint.
#
# @TEST-EXEC: run-scenario cut_off_in_header
# @TEST-EXEC: btest-diff dicom.log
# @TEST-EXEC: test ! -e analyzer.log
