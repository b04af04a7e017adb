# @TEST-DOC: No event for a PDV: an object of 40 PDUs makes two commands, and a direction tells what was counted at most ten times a second.
#
# @TEST-EXEC: run-scenario echo %INPUT >output
# @TEST-EXEC: run-capture ${CAPTURES}/store_ct_smallpdu.pcapng %INPUT >>output
# @TEST-EXEC: btest-diff output

global events: table[string] of count &default=0 &ordered;

event DICOM::associate(c: connection, is_orig: bool, is_request: bool, n: DICOM::Negotiation, begun: time)
	{
	events["associate"] += 1;
	}

event DICOM::command(c: connection, is_orig: bool, m: DICOM::Command, begun: time)
	{
	events["command"] += 1;
	}

event DICOM::taken(c: connection, is_orig: bool, t: DICOM::Taken)
	{
	events["taken"] += 1;
	}

event DICOM::release(c: connection, is_orig: bool, is_request: bool)
	{
	events["release"] += 1;
	}

event DICOM::log_dicom(rec: DICOM::Info)
	{
	events["data_pdus"] += rec$data_pdus;
	}

event zeek_done()
	{
	print events;
	}
