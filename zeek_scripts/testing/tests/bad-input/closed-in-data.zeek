# @TEST-DOC: A close inside a data set.
#
# @TEST-EXEC: run-scenario closed_in_data
# @TEST-EXEC: btest-diff dicom.log
