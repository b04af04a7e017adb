# @TEST-DOC: A request that arrives byte by byte.
#
# @TEST-EXEC: run-scenario request_by_bytes
# @TEST-EXEC: btest-diff dicom.log
