# @TEST-DOC: Roles that belong to a request that was not captured are not told.
#
# @TEST-EXEC: run-scenario roles_without_request
# @TEST-EXEC: columns dicom.log result end orig_roles resp_roles >row
# @TEST-EXEC: btest-diff row
# @TEST-EXEC: test ! -e known_dicom.log
