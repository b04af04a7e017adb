# @TEST-DOC: The capture starts inside a data set.
#
# @TEST-EXEC: run-scenario midstream
# @TEST-EXEC: btest-diff dicom.log
