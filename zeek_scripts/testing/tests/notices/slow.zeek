# @TEST-DOC: Slow_Responses: a host answers much more slowly than it did.
#
# @TEST-EXEC: run-scenario becomes_slow
# @TEST-EXEC: columns notice.log note id.orig_h id.resp_h msg sub >notices
# @TEST-EXEC: btest-diff notices
# @TEST-EXEC: rm notice.log
# @TEST-EXEC: run-scenario becomes_slow DICOM::slow_response=3sec
# @TEST-EXEC: test ! -e notice.log
# @TEST-EXEC: run-scenario becomes_slow DICOM::slow_response=0sec
# @TEST-EXEC: test ! -e notice.log
