# @TEST-DOC: An answer that was not captured is no silence.
#
# @TEST-EXEC: run-scenario answer_missed
# @TEST-EXEC: columns dicom.log result end missed_bytes >row
# @TEST-EXEC: btest-diff row
