# @TEST-DOC: Malformed: PDVs that break the standard.
#
# @TEST-EXEC: run-scenario short_pdvs %INPUT
# @TEST-EXEC: columns notice.log note id.orig_h id.resp_h msg sub >notices
# @TEST-EXEC: btest-diff notices
