# @TEST-DOC: Bulk_Retrieval and Move_To_Unknown_Destination.
#
# @TEST-EXEC: run-scenario retrieval %INPUT
# @TEST-EXEC: columns notice.log note id.orig_h id.resp_h msg sub >notices
# @TEST-EXEC: btest-diff notices

redef DICOM::retrieve_threshold = 50;
redef DICOM::learning_period = 0sec;
