# @TEST-DOC: A response whose Status is longer than it may be is a response, also where it repeats the one before it.
#
# @TEST-EXEC: run-scenario series_with_long_statuses
# @TEST-EXEC: columns dicom.log store_rq rsp_success flags >counts
# @TEST-EXEC: columns dicom_times.log operation count response_times >>counts
# @TEST-EXEC: btest-diff counts
