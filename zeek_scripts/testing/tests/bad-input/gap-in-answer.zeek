# @TEST-DOC: Where the end of an acceptance is missing, roles are not told: it may select them.
#
# @TEST-EXEC: run-scenario gap_in_answer
# @TEST-EXEC: columns dicom.log result end ctx_accepted services orig_roles resp_roles >row
# @TEST-EXEC: btest-diff row
# @TEST-EXEC: columns known_dicom.log host port_num ae_title role category services >known
# @TEST-EXEC: btest-diff known
