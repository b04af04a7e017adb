# @TEST-DOC: The other side's packets come later: the flag one_sided leaves the row again.
#
# @TEST-EXEC: run-scenario responder_later DICOM::flush_interval=1sec
# @TEST-EXEC: columns dicom.log end flags >flags
# @TEST-EXEC: btest-diff flags
# @TEST-EXEC: btest-diff dicom.log
