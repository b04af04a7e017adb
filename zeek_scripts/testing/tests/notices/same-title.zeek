# @TEST-DOC: AE_Title_On_Several_Hosts: an AE title calls from several hosts; a toolkit's default may.
#
# @TEST-EXEC: run-scenario same_title %INPUT
# @TEST-EXEC: columns notice.log note id.orig_h id.resp_h msg sub >notices
# @TEST-EXEC: btest-diff notices
