##! dicom_times.log: how fast it was, one row an association and kind of operation when it has ended.

@load ./main

module DICOM;

export {
	redef enum Log::ID += { TIMES_LOG };

	## Log policy of dicom_times.log.
	global log_policy_times: Log::PolicyHook;

	## Event that can be handled to access the record as it is sent to the logging framework.
	global log_dicom_times: event(rec: Times);

	## Run when operations of one kind have got responses: at the end of an association, and about
	## every minute before.
	##
	## c: The connection.
	##
	## row: What was measured so far.
	##
	## news: Elements of its histogram: how many responses each got since this was run last.
	global responded: hook(c: connection, row: Times, news: vector of count);

	## Writes the rows of an encrypted connection.
	global finalize_sealed: Conn::RemovalHook;
}

redef record connection += {
	## From the SYN to the acknowledgment of the SYN-ACK, where each was seen once.
	dicom_round_trip: interval &optional;
	## What was measured of it while it was encrypted.
	dicom_sealed: vector of DICOM::Times &optional;
};

redef record State += {
	## What was measured so far.
	times:            vector of Times &optional;
	## Operations that the requestor may have under way, as negotiated.
	requestor_window: count &optional;
	## Operations that the acceptor may have under way.
	acceptor_window:  count &optional;
};

event zeek_init() &priority=5
	{
	Log::create_stream(TIMES_LOG, Log::Stream($columns=Times, $ev=log_dicom_times, $path="dicom_times",
	                                          $policy=log_policy_times));
	Log::remove_default_filter(TIMES_LOG);
	Log::add_filter(TIMES_LOG, Log::Filter($name="default", $field_name_map=table(["requests"] = "count")));
	}

event connection_first_ACK(c: connection)
	{
	# Sent again, either of them leaves open which one was answered. Data of the SYN (RFC 7413) is T there.
	if ( c$orig?$num_pkts && c$orig$num_pkts == 1 && c$resp?$num_pkts && c$resp$num_pkts == 1 &&
	     /^S[DT]?h/ in c$history && c$duration >= 0sec && c$duration <= 1day )
		c$dicom_round_trip = c$duration;
	}

event DICOM::associate(c: connection, is_orig: bool, is_request: bool, n: Negotiation, begun: time) &priority=-5
	{
	if ( is_request || ! n$is_whole || ! c?$dicom || c$dicom_state?$requestor_window )
		return;

	local s = c$dicom_state;
	s$requestor_window = n?$requestor_window ? n$requestor_window : 1; # PS3.7, D.3.3.3
	s$acceptor_window = n?$acceptor_window ? n$acceptor_window : 1;
	}

# How many responses each element of a histogram got since it was as it was.
function added(now: vector of count, before: vector of count): vector of count
	{
	local news: vector of count;

	for ( i, n in now )
		news[i] = i < |before| ? n - before[i] : n;

	return news;
	}

# The histogram of an operation as it was told last.
function times_before(s: State, row: Times): vector of count
	{
	if ( s?$times )
		for ( i, was in s$times )
			if ( was$operation == row$operation && was$requestor == row$requestor && was?$response_times )
				return was$response_times;

	return vector();
	}

event DICOM::timed(c: connection, rows: vector of Times)
	{
	if ( ! c?$dicom )
		return;

	local s = c$dicom_state;

	for ( i, row in rows )
		if ( row?$response_times )
			hook responded(c, row, added(row$response_times, times_before(s, row)));

	s$times = rows;
	}

# The sides of the association, which may not be those of the connection.
function turn(row: Times)
	{
	local closed = row$orig_closed_time;
	local resent = row$orig_resent;
	row$requestor = row$requestor == "orig" ? "resp" : "orig";
	row$orig_closed_time = row$resp_closed_time;
	row$resp_closed_time = closed;
	row$orig_resent = row$resp_resent;
	row$resp_resent = resent;
	}

# Fills what depends on the association as a whole.
function finish_times(c: connection, row: Times)
	{
	local info = c$dicom;
	local s = c$dicom_state;

	row$ts = info$ts;
	row$uid = info$uid;
	row$id = info$id;
	row$community_id = info$community_id;
	row$tls = "SSL" in c$service;

	if ( s$swapped )
		turn(row);

	if ( s?$requestor_window )
		row$ops_window = row$requestor == "orig" ? s$requestor_window : s$acceptor_window;

	if ( c?$dicom_round_trip )
		row$round_trip = c$dicom_round_trip;
	}

# Of an association whose beginning or one of whose sides was not seen there is too little to tell.
hook association_ended(c: connection) &priority=-10
	{
	local s = c$dicom_state;

	if ( ! s?$times || s$halved || ! (s$requested || s$accepted) || is_one_sided(c) )
		return;

	for ( i, row in s$times )
		{
		finish_times(c, row);
		Log::write(TIMES_LOG, row);
		}
	}

# An encrypted connection, of which nobody has read what is in it.
event DICOM::sealed(c: connection, rows: vector of Times)
	{
	if ( c?$dicom || c?$dicom_sealed )
		return;

	c$dicom_sealed = rows;
	Conn::register_removal_hook(c, finalize_sealed);
	}

hook finalize_sealed(c: connection) &priority=-5
	{
	if ( c?$dicom || /^Sh/ !in c$history || is_one_sided(c) ||
	     (c?$conn && c$conn$missed_bytes > 0) )
		return;

	for ( i, row in c$dicom_sealed )
		{
		row$uid = c$uid;
		row$id = c$id;
		row$community_id = community_id_v1(c$id);
		row$tls = T;

		if ( c?$dicom_round_trip )
			row$round_trip = c$dicom_round_trip;

		Log::write(TIMES_LOG, row);
		}
	}
