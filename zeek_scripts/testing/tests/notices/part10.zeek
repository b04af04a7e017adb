# @TEST-DOC: Part10_In_Data_Set: a file's header on the wire.
#
# @TEST-EXEC: run-scenario part10 %INPUT
# @TEST-EXEC: columns notice.log note id.orig_h id.resp_h msg sub >notices
# @TEST-EXEC: btest-diff notices
