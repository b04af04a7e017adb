# @TEST-DOC: A PDU of an unknown type ends its direction.
#
# @TEST-EXEC: run-scenario unknown_pdu
# @TEST-EXEC: btest-diff dicom.log
