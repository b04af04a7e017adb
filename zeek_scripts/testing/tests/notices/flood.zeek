# @TEST-DOC: Association_Flood: many associations of one host.
#
# @TEST-EXEC: run-scenario flood %INPUT
# @TEST-EXEC: columns notice.log note id.orig_h id.resp_h msg sub >notices
# @TEST-EXEC: btest-diff notices

redef DICOM::flood_threshold = 50;
