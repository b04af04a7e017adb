# @TEST-DOC: C-GET: role selection makes the requestor SCP of storage.
#
# @TEST-EXEC: run-scenario roles
# @TEST-EXEC: btest-diff dicom.log
# @TEST-EXEC: btest-diff known_dicom.log
