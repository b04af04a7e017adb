# @TEST-DOC: An association inside TLS that Zeek was given the secrets of has its rows, tls is set.
#
# @TEST-REQUIRES: which openssl
# @TEST-EXEC: tls.py tls.pcap secrets
# @TEST-EXEC: run-capture tls.pcap %INPUT
# @TEST-EXEC: columns known_dicom.log host ae_title role category tls >endpoints
# @TEST-EXEC: btest-diff endpoints
# @TEST-EXEC: columns dicom.log id.resp_p result end store_rq data_bytes_orig >rows
# @TEST-EXEC: btest-diff rows
# @TEST-EXEC: columns conn.log service >services
# @TEST-EXEC: btest-diff services

@load protocols/ssl/decryption

redef SSL::keylog_file = "secrets";

event zeek_init()
	{
	suspend_processing();
	}

event Input::end_of_data(name: string, source: string)
	{
	if ( source == "secrets" )
		continue_processing();
	}
