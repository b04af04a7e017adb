# @TEST-DOC: Only one direction was captured, the responder's.
#
# @TEST-EXEC: run-scenario responder_only
# @TEST-EXEC: btest-diff dicom.log
