##! Where one direction only is captured, or the answer to a SYN is not, Zeek takes the connection
##! for an attempt that nobody answers, forgets it after tcp_attempt_delay, and takes what follows
##! for a connection of its own. Here the association goes on in that one.

module DICOM;

export {
	## Associations that may wait for the rest of their connection at a time.
	option max_waiting = 10000;
}

# Associations whose connection was given up, by originator and responder.
global waiting: table[addr, port, addr, port] of connection;

event DICOM::waited(c: connection)
	{
	local id = c$id;

	if ( c?$dicom && [id$orig_h, id$orig_p, id$resp_h, id$resp_p] in waiting )
		{
		delete waiting[id$orig_h, id$orig_p, id$resp_h, id$resp_p];
		end_association(c);
		}
	}

# Zeek may take the connection for an attempt.
function is_attempt(c: connection): bool
	{
	return is_one_sided(c) || (/[Ss]/ in c$history && /[Hh]/ !in c$history);
	}

# An association begins: the analyzer will be wanted for what Zeek takes for another connection.
function expect_rest(c: connection)
	{
	local id = c$id;

	if ( is_attempt(c) )
		Analyzer::schedule_analyzer(id$orig_h, id$resp_h, id$resp_p, Analyzer::ANALYZER_DICOM, idle_timeout);
	}

# The connection may go on without Zeek knowing: no end of it was seen, and no whole handshake.
function wait_for_rest(c: connection): bool
	{
	local id = c$id;
	local s = c$dicom_state;

	if ( zeek_is_terminating() || ! is_attempt(c) || s$released || s$aborted ||
	     /[SsHh]/ !in c$history || /[FfRr]/ in c$history || |waiting| >= max_waiting )
		return F;

	finish_row(c, F);
	waiting[id$orig_h, id$orig_p, id$resp_h, id$resp_p] = c;
	schedule idle_timeout { DICOM::waited(c) };
	return T;
	}

# Takes up the association that c is the rest of, if there is one.
function take_up(c: connection): bool
	{
	local id = c$id;
	local turned = [id$resp_h, id$resp_p, id$orig_h, id$orig_p] in waiting;

	if ( ! turned && [id$orig_h, id$orig_p, id$resp_h, id$resp_p] !in waiting )
		return F;

	local first = turned ? waiting[id$resp_h, id$resp_p, id$orig_h, id$orig_p] :
	              waiting[id$orig_h, id$orig_p, id$resp_h, id$resp_p];
	delete waiting[first$id$orig_h, first$id$orig_p, first$id$resp_h, first$id$resp_p];

	# The ports are used again.
	if ( /[SsHh]/ in c$history )
		{
		end_association(first);
		return F;
		}

	c$dicom = first$dicom;
	c$dicom_state = first$dicom_state;
	delete first$dicom;
	delete first$dicom_state;

	local s = c$dicom_state;
	s$swapped = turned != s$swapped;
	s$halved = T;
	s$taken_orig = Taken(); # the row has what there was
	s$taken_resp = Taken();
	s$base_orig = Taken();
	s$base_resp = Taken();
	s$pdus_before = c$dicom$data_pdus;
	s$orig_before = c$dicom$data_bytes_orig;
	s$resp_before = c$dicom$data_bytes_resp;
	s$missed_before = c$dicom$missed_bytes;
	return T;
	}

event zeek_done()
	{
	for ( [a, p, b, q], c in waiting )
		end_association(c);

	waiting = table();
	}
