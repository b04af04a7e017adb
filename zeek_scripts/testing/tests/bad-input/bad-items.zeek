# @TEST-DOC: Items that run past the end of the request.
#
# @TEST-EXEC: run-scenario bad_items
# @TEST-EXEC: btest-diff dicom.log
