# @TEST-DOC: Captures that are cut at 128 bytes or sampled: no crash, no error, nothing made up.
#
# @TEST-EXEC: run-capture ${CAPTURES}/store_snap128.pcapng
# @TEST-EXEC: run-capture ${CAPTURES}/sampled_1in10_snap128.pcap
