# @TEST-DOC: A file with its preamble in a C-STORE.
#
# @TEST-EXEC: run-scenario part10
# @TEST-EXEC: btest-diff dicom.log
