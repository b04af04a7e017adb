# @TEST-DOC: The rows of the capture midstream_104, made with DCMTK and pynetdicom.
#
# @TEST-EXEC: run-capture ${CAPTURES}/midstream_104.pcapng
# @TEST-EXEC: btest-diff dicom.log
# @TEST-EXEC: test ! -e known_dicom.log
