# @TEST-DOC: Find_Enumeration: requests and results count.
#
# @TEST-EXEC: run-scenario enumeration %INPUT
# @TEST-EXEC: columns notice.log note id.orig_h id.resp_h msg sub >notices
# @TEST-EXEC: btest-diff notices

redef DICOM::find_threshold = 150;
