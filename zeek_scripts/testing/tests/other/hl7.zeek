# @TEST-DOC: HL7 over MLLP: service, message types and counts, and nothing of the content.
#
# @TEST-EXEC: run-scenario hl7
# @TEST-EXEC: btest-diff hl7.log
# @TEST-EXEC: columns conn.log id.orig_p id.resp_p service | sort >services
# @TEST-EXEC: btest-diff services
# @TEST-EXEC-FAIL: grep -rqE 'DOE|4711' --include=*.log .
