# @TEST-DOC: PDVs of length 0 and 1, and a PDU without any.
#
# @TEST-EXEC: run-scenario short_pdvs
# @TEST-EXEC: btest-diff dicom.log
