# @TEST-DOC: DICOMweb in http.log: service and counts; neither query keys nor UIDs.
#
# @TEST-EXEC: run-scenario dicomweb
# @TEST-EXEC: columns http.log id.orig_p method uri dicomweb_service dicomweb_orig_parts dicomweb_resp_parts | sort >services
# @TEST-EXEC: btest-diff services
# @TEST-EXEC-FAIL: grep -qE 'DOE|1\.2\.840' http.log
