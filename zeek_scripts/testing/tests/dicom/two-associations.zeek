# @TEST-DOC: Associations one after the other on one connection: a row each.
#
# @TEST-EXEC: run-scenario two_associations
# @TEST-EXEC: btest-diff dicom.log
# @TEST-EXEC: btest-diff known_dicom.log
