# @TEST-DOC: Cleartext_Credentials: a password in clear text.
#
# @TEST-EXEC: run-scenario identity %INPUT
# @TEST-EXEC: columns notice.log note id.orig_h id.resp_h msg sub >notices
# @TEST-EXEC: btest-diff notices
