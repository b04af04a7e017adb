# @TEST-DOC: Only one direction was captured, the originator's.
#
# @TEST-EXEC: run-scenario originator_only
# @TEST-EXEC: btest-diff dicom.log
# @TEST-EXEC: columns dicom.log flags >flags
# @TEST-EXEC: test "$(cat flags)" = one_sided
