# @TEST-DOC: Commands split at every byte.
#
# @TEST-EXEC: run-scenario split_commands
# @TEST-EXEC: btest-diff dicom.log
