# @TEST-DOC: AE titles with bytes that nobody expects; the log stays one line a row.
#
# @TEST-EXEC: run-scenario odd_titles
# @TEST-EXEC: btest-diff dicom.log
# @TEST-EXEC: btest-diff known_dicom.log
