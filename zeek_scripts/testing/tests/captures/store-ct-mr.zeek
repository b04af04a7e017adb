# @TEST-DOC: The rows of the capture store_ct_mr, made with DCMTK and pynetdicom.
#
# @TEST-EXEC: run-capture ${CAPTURES}/store_ct_mr.pcapng
# @TEST-EXEC: btest-diff dicom.log
# @TEST-EXEC: btest-diff known_dicom.log
