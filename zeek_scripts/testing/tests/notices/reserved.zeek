# @TEST-DOC: Reserved_Bits_Set: a reserved byte that is not zero.
#
# @TEST-EXEC: run-scenario reserved %INPUT
# @TEST-EXEC: columns notice.log note id.orig_h id.resp_h msg sub >notices
# @TEST-EXEC: btest-diff notices
