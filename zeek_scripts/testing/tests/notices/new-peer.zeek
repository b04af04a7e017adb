# @TEST-DOC: New_Peer: a host that a PACS never had to do with, after the time of learning.
#
# @TEST-EXEC: run-scenario peers %INPUT
# @TEST-EXEC: columns notice.log note id.orig_h id.resp_h msg sub >notices
# @TEST-EXEC: btest-diff notices
