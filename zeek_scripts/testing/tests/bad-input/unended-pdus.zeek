# @TEST-DOC: An association lasts to its last whole PDU, not to the end of the connection within another.
#
# @TEST-EXEC: run-scenario unended_pdus %INPUT
# @TEST-EXEC: columns dicom.log id.orig_p duration end data_pdus data_bytes_orig flags >output
# @TEST-EXEC: btest-diff output
