# @TEST-DOC: AE_Title_Guessing: rejections with different AE titles.
#
# @TEST-EXEC: run-scenario guessing %INPUT
# @TEST-EXEC: columns notice.log note id.orig_h id.resp_h msg sub >notices
# @TEST-EXEC: btest-diff notices
