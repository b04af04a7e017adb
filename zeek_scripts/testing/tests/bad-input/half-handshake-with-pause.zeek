# @TEST-DOC: Without the answer to its SYN Zeek gives a connection up: it stays one association.
#
# @TEST-EXEC: run-scenario half_handshake_with_pause
# @TEST-EXEC: columns dicom.log result end flags store_rq rsp_success data_bytes_orig | tail -1 >last
# @TEST-EXEC: columns dicom.log uid | sort -u | wc -l | tr -d ' ' >associations
# @TEST-EXEC: btest-diff last
# @TEST-EXEC: btest-diff associations
