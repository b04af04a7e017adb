# @TEST-DOC: An association on a port without an analyzer: the signature finds it.
#
# @TEST-EXEC: run-scenario echo
# @TEST-EXEC: btest-diff conn.log
# @TEST-EXEC: btest-diff dicom.log
# @TEST-EXEC: btest-diff known_dicom.log
