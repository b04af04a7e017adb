# @TEST-DOC: VLAN tags, one or two, and IPv6 make no difference to a row.
#
# @TEST-EXEC: run-scenario carriers
# @TEST-EXEC: columns dicom.log id.orig_h id.orig_p id.resp_h id.resp_p result end >rows
# @TEST-EXEC: btest-diff rows
# @TEST-EXEC: columns dicom.log duration calling_ae called_ae sop_classes store_rq rsp_success data_pdus data_bytes_orig missed_bytes flags | sort -u >same
# @TEST-EXEC: test $(wc -l <same) = 1
# @TEST-EXEC: columns known_dicom.log host port_num ae_title role category local >endpoints
# @TEST-EXEC: btest-diff endpoints
