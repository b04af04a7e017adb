# @TEST-DOC: A reset inside a data set.
#
# @TEST-EXEC: run-scenario reset_in_data
# @TEST-EXEC: btest-diff dicom.log
