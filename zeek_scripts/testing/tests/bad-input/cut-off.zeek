# @TEST-DOC: The capture ends inside a data set.
#
# @TEST-EXEC: run-scenario cut_off
# @TEST-EXEC: btest-diff dicom.log
