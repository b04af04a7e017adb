# @TEST-DOC: A request with another application context is none.
#
# @TEST-EXEC: run-scenario wrong_context
# @TEST-EXEC: test ! -e dicom.log
# @TEST-EXEC: test ! -e known_dicom.log
# @TEST-EXEC-FAIL: grep -q dicom conn.log
