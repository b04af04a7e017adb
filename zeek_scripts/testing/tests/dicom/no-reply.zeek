# @TEST-DOC: A request that nobody answers.
#
# @TEST-EXEC: run-scenario no_reply
# @TEST-EXEC: btest-diff dicom.log
