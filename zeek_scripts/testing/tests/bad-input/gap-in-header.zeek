# @TEST-DOC: The header of a PDU is missing: parsing goes on at the next.
#
# @TEST-EXEC: run-scenario gap_in_header
# @TEST-EXEC: btest-diff dicom.log
