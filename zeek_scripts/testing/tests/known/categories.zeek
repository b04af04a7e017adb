# @TEST-DOC: What a host is, from its traffic: one of each category.
#
# @TEST-EXEC: run-scenario hospital
# @TEST-EXEC: btest-diff known_dicom.log
