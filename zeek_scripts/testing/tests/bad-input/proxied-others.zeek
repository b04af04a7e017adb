# @TEST-DOC: PROXY headers in front of another protocol, that lie, and that never end: no row, no word.
#
# @TEST-EXEC: run-scenario proxied_others
# @TEST-EXEC: test ! -e dicom.log
# @TEST-EXEC: test ! -e analyzer.log
# @TEST-EXEC: test ! -e reporter.log
