# @TEST-DOC: A reserved byte that is not zero.
#
# @TEST-EXEC: run-scenario reserved
# @TEST-EXEC: btest-diff dicom.log
