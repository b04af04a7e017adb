# @TEST-DOC: The rows of the capture echo_ok, made with DCMTK and pynetdicom.
#
# @TEST-EXEC: run-capture ${CAPTURES}/echo_ok.pcapng
# @TEST-EXEC: btest-diff dicom.log
# @TEST-EXEC: btest-diff known_dicom.log
