# @TEST-DOC: Only one direction was captured, the originator's.
#
# @TEST-EXEC: run-scenario originator_only
# @TEST-EXEC: btest-diff dicom.log
