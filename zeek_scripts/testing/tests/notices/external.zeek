# @TEST-DOC: External_Association: from and to the outside.
#
# @TEST-EXEC: run-scenario external %INPUT
# @TEST-EXEC: columns notice.log note id.orig_h id.resp_h msg sub >notices
# @TEST-EXEC: btest-diff notices
