# @TEST-DOC: Command sets that violate PS3.7.
#
# @TEST-EXEC: run-scenario bad_commands
# @TEST-EXEC: btest-diff dicom.log
