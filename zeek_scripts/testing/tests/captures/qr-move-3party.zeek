# @TEST-DOC: The rows of the capture qr_move_3party, made with DCMTK and pynetdicom.
#
# @TEST-EXEC: run-capture ${CAPTURES}/qr_move_3party.pcapng
# @TEST-EXEC: btest-diff dicom.log
# @TEST-EXEC: btest-diff known_dicom.log
