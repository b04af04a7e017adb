# @TEST-DOC: A PDV that runs past the end of its PDU.
#
# @TEST-EXEC: run-scenario overlong_pdv
# @TEST-EXEC: btest-diff dicom.log
