# @TEST-DOC: Executable_In_DICOM_File: files that are a program, too.
#
# @TEST-EXEC: run-scenario program_files %INPUT
# @TEST-EXEC: columns notice.log note id.orig_h id.resp_h msg sub >notices
# @TEST-EXEC: btest-diff notices
