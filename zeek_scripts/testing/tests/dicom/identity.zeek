# @TEST-DOC: User identity: its type is logged, its value nowhere.
#
# @TEST-EXEC: run-scenario identity
# @TEST-EXEC: btest-diff dicom.log
# @TEST-EXEC: btest-diff notice.log
# @TEST-EXEC-FAIL: grep -rqE 'jane|correct|horse' --include=*.log .
