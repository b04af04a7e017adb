# @TEST-DOC: Request and acceptance are missing.
#
# @TEST-EXEC: run-scenario gap_at_start
# @TEST-EXEC: btest-diff dicom.log
