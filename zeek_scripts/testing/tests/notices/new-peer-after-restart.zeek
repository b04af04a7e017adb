# @TEST-DOC: With a memory, what a PACS's peers are is still known after a restart; without, not.
#
# @TEST-EXEC: run-scenario peers DICOM::memory_file=memory.sqlite
# @TEST-EXEC: run-scenario peers_later DICOM::memory_file=memory.sqlite
# @TEST-EXEC: columns notice.log note id.orig_h id.resp_h msg >notices
# @TEST-EXEC: btest-diff notices
# @TEST-EXEC: rm notice.log
# @TEST-EXEC: run-scenario peers_later
# @TEST-EXEC: test ! -e notice.log
