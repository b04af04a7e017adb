# @TEST-DOC: DICOM in TLS is TLS; nothing is guessed.
#
# @TEST-EXEC: run-capture ${CAPTURES}/tls_echo_2762.pcapng
# @TEST-EXEC: test ! -e dicom.log
# @TEST-EXEC: columns conn.log id.resp_p service >services
# @TEST-EXEC: btest-diff services
