# @TEST-DOC: The rows of the capture store_ct_smallpdu, made with DCMTK and pynetdicom.
#
# @TEST-EXEC: run-capture ${CAPTURES}/store_ct_smallpdu.pcapng
# @TEST-EXEC: btest-diff dicom.log
# @TEST-EXEC: btest-diff known_dicom.log
