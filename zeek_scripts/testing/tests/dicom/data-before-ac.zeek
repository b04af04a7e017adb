# @TEST-DOC: Data before the acceptance.
#
# @TEST-EXEC: run-scenario data_before_ac
# @TEST-EXEC: btest-diff dicom.log
# @TEST-EXEC: btest-diff known_dicom.log
