# @TEST-DOC: A second request within an association.
#
# @TEST-EXEC: run-scenario two_requests
# @TEST-EXEC: btest-diff dicom.log
