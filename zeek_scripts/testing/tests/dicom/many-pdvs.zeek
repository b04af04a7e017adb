# @TEST-DOC: Command and data set in several PDVs of one PDU.
#
# @TEST-EXEC: run-scenario many_pdvs
# @TEST-EXEC: btest-diff dicom.log
