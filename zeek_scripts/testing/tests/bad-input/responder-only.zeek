# @TEST-DOC: Only one direction was captured, the responder's.
#
# @TEST-EXEC: run-scenario responder_only
# @TEST-EXEC: btest-diff dicom.log
# @TEST-EXEC: columns dicom.log flags >flags
# @TEST-EXEC: test "$(cat flags)" = one_sided
