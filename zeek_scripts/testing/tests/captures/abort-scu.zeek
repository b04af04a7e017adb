# @TEST-DOC: The rows of the capture abort_scu, made with DCMTK and pynetdicom.
#
# @TEST-EXEC: run-capture ${CAPTURES}/abort_scu.pcapng
# @TEST-EXEC: btest-diff dicom.log
# @TEST-EXEC: btest-diff known_dicom.log
