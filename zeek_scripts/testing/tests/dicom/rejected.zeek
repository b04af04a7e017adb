# @TEST-DOC: A rejected association; no endpoint is known from it.
#
# @TEST-EXEC: run-scenario rejected
# @TEST-EXEC: btest-diff dicom.log
# @TEST-EXEC: test ! -e known_dicom.log
