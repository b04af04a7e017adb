# @TEST-DOC: A part of the request is missing.
#
# @TEST-EXEC: run-scenario gap_in_request
# @TEST-EXEC: btest-diff dicom.log
