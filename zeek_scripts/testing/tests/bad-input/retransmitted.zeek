# @TEST-DOC: Retransmissions, and segments out of order.
#
# @TEST-EXEC: run-scenario retransmitted
# @TEST-EXEC: btest-diff dicom.log
