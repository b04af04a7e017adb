# @TEST-DOC: An association of 25 minutes: two rows in advance, and one at the end.
#
# @TEST-EXEC: run-scenario long_association
# @TEST-EXEC: btest-diff dicom.log
