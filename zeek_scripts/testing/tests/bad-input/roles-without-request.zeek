# @TEST-DOC: Roles that belong to a request that was not captured are not told; endpoints are.
#
# @TEST-EXEC: run-scenario roles_without_request
# @TEST-EXEC: columns dicom.log result end orig_roles resp_roles >row
# @TEST-EXEC: btest-diff row
# @TEST-EXEC: columns known_dicom.log host port_num ae_title role category >known
# @TEST-EXEC: btest-diff known
