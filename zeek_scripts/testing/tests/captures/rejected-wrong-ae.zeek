# @TEST-DOC: The rows of the capture rejected_wrong_ae, made with DCMTK and pynetdicom.
#
# @TEST-EXEC: run-capture ${CAPTURES}/rejected_wrong_ae.pcapng
# @TEST-EXEC: btest-diff dicom.log
# @TEST-EXEC: test ! -e known_dicom.log
