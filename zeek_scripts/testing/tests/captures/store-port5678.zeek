# @TEST-DOC: The rows of the capture store_port5678, made with DCMTK and pynetdicom.
#
# @TEST-EXEC: run-capture ${CAPTURES}/store_port5678.pcapng
# @TEST-EXEC: btest-diff dicom.log
# @TEST-EXEC: btest-diff known_dicom.log
