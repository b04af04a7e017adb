# @TEST-DOC: Echo_Scan: C-ECHO to many endpoints.
#
# @TEST-EXEC: run-scenario echo_scan %INPUT
# @TEST-EXEC: columns notice.log note id.orig_h id.resp_h msg sub >notices
# @TEST-EXEC: btest-diff notices
