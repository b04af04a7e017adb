# @TEST-DOC: Responses of every class.
#
# @TEST-EXEC: run-scenario statuses
# @TEST-EXEC: btest-diff dicom.log
