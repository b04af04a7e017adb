# @TEST-DOC: A request that claims 4 GiB is none.
#
# @TEST-EXEC: run-scenario huge_request
# @TEST-EXEC: test ! -e dicom.log
# @TEST-EXEC: test ! -e known_dicom.log
# @TEST-EXEC-FAIL: grep -q dicom conn.log
