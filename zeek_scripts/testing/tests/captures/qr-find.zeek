# @TEST-DOC: The rows of the capture qr_find, made with DCMTK and pynetdicom.
#
# @TEST-EXEC: run-capture ${CAPTURES}/qr_find.pcapng
# @TEST-EXEC: btest-diff dicom.log
# @TEST-EXEC: btest-diff known_dicom.log
