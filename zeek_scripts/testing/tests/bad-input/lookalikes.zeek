# @TEST-DOC: Other protocols on the ports of DICOM: no service, no row.
#
# @TEST-EXEC: run-scenario lookalikes
# @TEST-EXEC: test ! -e dicom.log
# @TEST-EXEC: test ! -e known_dicom.log
# @TEST-EXEC-FAIL: grep -q dicom conn.log
# @TEST-EXEC: grep -q http conn.log
