# @TEST-DOC: How fast it was: a row an operation, also of the images of a series, of two associations on one connection, and of both sides.
#
# @TEST-EXEC: run-scenario paused_series
# @TEST-EXEC: btest-diff dicom_times.log
# @TEST-EXEC: run-scenario two_associations
# @TEST-EXEC: columns dicom_times.log ts operation requestor count response_times setup_time round_trip pause_time >two
# @TEST-EXEC: btest-diff two
# @TEST-EXEC: run-capture ${CAPTURES}/qr_move_3party.pcapng
# @TEST-EXEC: columns dicom_times.log operation requestor count failed data_sets data_bytes response_times first_responses outstanding ops_window >move
# @TEST-EXEC: btest-diff move
