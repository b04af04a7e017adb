# @TEST-DOC: Bytes are missing inside a PDV: nothing is lost but they.
#
# @TEST-EXEC: run-scenario gap_in_data
# @TEST-EXEC: btest-diff dicom.log
