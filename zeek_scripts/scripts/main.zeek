##! DICOM associations (PS3.8): one row in dicom.log for each, with who, what and how much, and
##! nothing of the data sets.

@load ./spicy-events
@load ./uids

@load base/protocols/conn/removal-hooks

module DICOM;

export {
	redef enum Log::ID += { LOG };

	## TCP ports on which the analyzer runs from the first byte. On any other port the signature
	## in dpd.sig finds an association by its request.
	const ports = { 104/tcp, 2761/tcp, 2762/tcp, 4242/tcp, 11112/tcp } &redef;

	## Log policy of dicom.log.
	global log_policy: Log::PolicyHook;

	## How often the row of an association that goes on is written in advance, with what was
	## counted so far and `end` unset. The last row of a uid holds everything. 0sec is never.
	option flush_interval = 10min;

	## How long an association may be idle and still be followed: people pause in front of a
	## viewer for longer than Zeek's tcp_inactivity_timeout, after which the rest of a connection
	## would look like another one.
	option idle_timeout = 2 hrs;

	## Elements that a set in the log holds at most.
	option max_set_size = 32;

	## The columns of dicom.log.
	type Info: record {
		## When the association began.
		ts:                 time        &log;
		## Unique ID of the connection.
		uid:                string      &log;
		## The endpoints. The originator is the side that requested the association.
		id:                 conn_id     &log;
		## Community ID v1 of the connection.
		community_id:       string      &log &optional;
		## From the request to the last whole PDU.
		duration:           interval    &log &optional;
		## Calling AE title.
		calling_ae:         string      &log &optional;
		## Called AE title.
		called_ae:          string      &log &optional;
		## accepted, rejected, no_reply or unknown.
		result:             string      &log &default="unknown";
		## released, aborted, closed or incomplete; unset while the association goes on.
		end:                string      &log &optional;
		## Result of an A-ASSOCIATE-RJ (PS3.8, table 9-21).
		reject_result:      count       &log &optional;
		## Its source.
		reject_source:      count       &log &optional;
		## Its reason.
		reject_reason:      count       &log &optional;
		## Source of an A-ABORT (PS3.8, table 9-26).
		abort_source:       count       &log &optional;
		## Its reason.
		abort_reason:       count       &log &optional;
		## Presentation contexts offered.
		ctx_offered:        count       &log &optional;
		## Presentation contexts accepted.
		ctx_accepted:       count       &log &optional;
		## SOP classes accepted or used, by name.
		sop_classes:        set[string] &log &optional;
		## Transfer syntaxes accepted, by name.
		transfer_syntaxes:  set[string] &log &optional;
		## verification, storage, query, retrieve, worklist, mpps, commitment, print, other.
		services:           set[string] &log &optional;
		## Modalities, from the Storage SOP classes.
		modalities:         set[string] &log &optional;
		## Roles of the originator, scu and scp, after role selection.
		orig_roles:         set[string] &log &optional;
		## Roles of the responder.
		resp_roles:         set[string] &log &optional;
		## Implementation Class UID of the originator.
		orig_impl_uid:      string      &log &optional;
		## Implementation Version Name of the originator.
		orig_impl_version:  string      &log &optional;
		## Implementation Class UID of the responder.
		resp_impl_uid:      string      &log &optional;
		## Implementation Version Name of the responder.
		resp_impl_version:  string      &log &optional;
		## Longest P-DATA-TF that the originator accepts, in bytes.
		orig_max_pdu:       count       &log &optional;
		## Longest P-DATA-TF that the responder accepts, in bytes.
		resp_max_pdu:       count       &log &optional;
		## Type of user identity; never its value.
		user_identity:      string      &log &optional;
		## C-ECHO requests.
		echo_rq:            count       &log &default=0;
		## C-STORE requests.
		store_rq:           count       &log &default=0;
		## C-FIND requests.
		find_rq:            count       &log &default=0;
		## C-GET requests.
		get_rq:             count       &log &default=0;
		## C-MOVE requests.
		move_rq:            count       &log &default=0;
		## C-CANCEL requests.
		cancel_rq:          count       &log &default=0;
		## DIMSE-N requests.
		n_rq:               count       &log &default=0;
		## Responses of success (PS3.7, annex C).
		rsp_success:        count       &log &default=0;
		## Responses of warning.
		rsp_warning:        count       &log &default=0;
		## Responses of failure.
		rsp_failure:        count       &log &default=0;
		## Pending responses.
		rsp_pending:        count       &log &default=0;
		## Responses of cancellation.
		rsp_cancel:         count       &log &default=0;
		## Status codes of the failures.
		failure_codes:      set[string] &log &optional;
		## Move destinations.
		move_destinations:  set[string] &log &optional;
		## P-DATA-TF PDUs, both directions.
		data_pdus:          count       &log &default=0;
		## Data-set bytes of the originator, from the length headers.
		data_bytes_orig:    count       &log &default=0;
		## Data-set bytes of the responder, from the length headers.
		data_bytes_resp:    count       &log &default=0;
		## Bytes that Zeek did not see.
		missed_bytes:       count       &log &default=0;
		## midstream, malformed, truncated, sampled, reserved_nonzero, part10_in_dataset, one_sided.
		flags:              set[string] &log &optional;
	};

	## What one side of an association did.
	type Side: record {
		## Kinds of DIMSE requests sent: echo, store, find, get, move, cancel, n.
		sent:       set[string] &default=set();
		## Services of the SOP classes of the requests sent.
		services:   set[string] &default=set();
		## Services that it is SCU of, by the accepted contexts.
		as_scu:     set[string] &default=set();
		## Services that it is SCP of, by the accepted contexts.
		as_scp:     set[string] &default=set();
		## Modalities of the objects that it sent or received by C-STORE.
		modalities: set[string] &default=set();
		## Command Field of the last command that it sent, 0 before there is one.
		field:      count &default=0;
		## SOP class UID of the last command that it sent.
		sop_class:  string &default="";
	};

	## What is known of an association besides its row.
	type State: record {
		## Originator and responder of the TCP connection are swapped: Zeek missed its start.
		swapped:   bool &default=F;
		## The request was seen.
		requested: bool &default=F;
		## The acceptance was seen.
		accepted:  bool &default=F;
		## The acceptance was read to its end.
		whole:     bool &default=F;
		## A-RELEASE-RP was seen.
		released:  bool &default=F;
		## A-ABORT was seen.
		aborted:   bool &default=F;
		## What the analyzer counted in each direction of the connection, as last told; the row has
		## it when it is written.
		taken_orig: Taken &default=Taken();
		taken_resp: Taken &default=Taken();
		## Abstract syntaxes offered, by presentation-context-ID.
		offered:   table[count] of string &default=table();
		## Presentation contexts accepted.
		contexts:  vector of PresentationContext &default=vector();
		## Roles of the originator that the acceptance selects, by SOP class.
		roles:     table[string] of RoleSelection &default=table();
		## What tells the roles was not seen: the end of the answer, or the request whose SOP
		## classes it selects roles for.
		roles_unknown: bool &default=F;
		## P-DATA-TF, data-set bytes and missed bytes on an earlier part of the connection that
		## Zeek took for one of its own.
		pdus_before:   count &default=0;
		orig_before:   count &default=0;
		resp_before:   count &default=0;
		missed_before: count &default=0;
		## The originator of the association.
		orig:      Side &default=Side();
		## The responder of the association.
		resp:      Side &default=Side();
		## When the last whole PDU ended.
		clock:     time &default=double_to_time(0.0);
		## PDU boundaries were lost at least once.
		stopped:   bool &default=F;
	};

	## Run when an association was requested, c$dicom being filled from the request.
	global association_requested: hook(c: connection);

	## Run when an association was accepted.
	global association_accepted: hook(c: connection);

	## Run when an association was rejected.
	global association_rejected: hook(c: connection);

	## Run for each DIMSE command, but once for successful C-STORE of one SOP class that follow
	## each other on their side: of the images of a series.
	##
	## c: The connection.
	##
	## is_orig: True if the requestor of the association sent it.
	##
	## m: The command.
	global command_seen: hook(c: connection, is_orig: bool, m: Command);

	## Run when the row of an association that goes on is about to be written in advance.
	global association_flushed: hook(c: connection);

	## Run when an association has ended, just before its row is written.
	global association_ended: hook(c: connection);

	## Event that can be handled to access the record as it is sent to the logging framework.
	global log_dicom: event(rec: Info);

	## Finishes the row of a connection.
	global finalize_dicom: Conn::RemovalHook;

	## Adds an element to a set of at most `max_set_size`.
	global add_capped: function(s: set[string], element: string);
}

redef record connection += {
	dicom: DICOM::Info &optional;
	dicom_state: DICOM::State &optional;
};

# In halves.zeek.
global wait_for_rest: function(c: connection): bool;
global take_up: function(c: connection): bool;
global expect_rest: function(c: connection);

redef likely_server_ports += { ports };

# Where the handshake was not seen, too, bytes that are missing are counted.
redef report_gaps_for_partial = T;

# Names of the request commands (PS3.7, table E.1-1); all others are DIMSE-N.
const request_kinds: table[count] of string = {
	[0x0001] = "store",
	[0x0010] = "get",
	[0x0020] = "find",
	[0x0021] = "move",
	[0x0030] = "echo",
	[0x0fff] = "cancel",
} &default="n";

const user_identity_types: table[count] of string = {
	[1] = "username",
	[2] = "username_passcode",
	[3] = "kerberos",
	[4] = "saml",
	[5] = "jwt",
} &default=function(n: count): string { return cat(n); };

event zeek_init() &priority=5
	{
	Analyzer::register_for_ports(Analyzer::ANALYZER_DICOM, ports);

	Log::create_stream(LOG, Log::Stream($columns=Info, $ev=log_dicom, $path="dicom",
	                                    $policy=log_policy));

	# AE titles are what the other side likes them to be: nothing but printable ASCII passes.
	Log::remove_default_filter(LOG);
	Log::add_filter(LOG, Log::Filter($name="default", $config=table(["enable_utf_8"] = "F")));
	}

function add_capped(s: set[string], element: string)
	{
	if ( element != "" && |s| < max_set_size )
		add s[element];
	}

function add_sop_class(info: Info, uid: string)
	{
	if ( uid == "" )
		return;

	if ( ! info?$sop_classes )
		info$sop_classes = set();

	local name = uid in sop_class_names ? sop_class_names[uid] : uid;

	if ( name in info$sop_classes )
		return;

	add_capped(info$sop_classes, name);

	if ( uid in sop_class_services )
		{
		if ( ! info?$services )
			info$services = set();

		add_capped(info$services, sop_class_services[uid]);
		}

	if ( uid in sop_class_modalities )
		{
		if ( ! info?$modalities )
			info$modalities = set();

		add_capped(info$modalities, sop_class_modalities[uid]);
		}
	}

function flag(info: Info, name: string)
	{
	if ( ! info?$flags )
		info$flags = set();

	add info$flags[name];
	}

function unflag(info: Info, name: string)
	{
	if ( ! info?$flags )
		return;

	delete info$flags[name];

	if ( |info$flags| == 0 )
		delete info$flags;
	}

# Roles of the originator in one accepted context; those of the responder mirror them.
function add_roles(c: connection, sop_class: string, scu: bool, scp: bool)
	{
	if ( ! scu && ! scp )
		return;

	local info = c$dicom;
	local s = c$dicom_state;
	local service = sop_class in sop_class_services ? sop_class_services[sop_class] : "";

	if ( ! info?$orig_roles )
		{
		info$orig_roles = set();
		info$resp_roles = set();
		}

	if ( scu )
		{
		add info$orig_roles["scu"];
		add info$resp_roles["scp"];
		add_capped(s$orig$as_scu, service);
		add_capped(s$resp$as_scp, service);
		}

	if ( scp )
		{
		add info$orig_roles["scp"];
		add info$resp_roles["scu"];
		add_capped(s$orig$as_scp, service);
		add_capped(s$resp$as_scu, service);
		}
	}

# The start of a TCP connection was seen, and nothing of it was lost.
function is_whole(c: connection): bool
	{
	return /[SsHh]/ in c$history && (! c?$conn || c$conn$missed_bytes == 0);
	}

# Not one packet of one of the two sides was seen: what it sent is unknown, and not nothing.
function is_one_sided(c: connection): bool
	{
	return c$orig?$num_pkts && c$resp?$num_pkts && (c$orig$num_pkts == 0 || c$resp$num_pkts == 0);
	}

# Of each side the SYN or a byte was seen: where neither was, what it sent before its end was missed.
function are_both_heard(c: connection): bool
	{
	return (c$orig$size > 0 || /[SH]/ in c$history) && (c$resp$size > 0 || /[sh]/ in c$history);
	}

# Stops looking at a connection that is no association.
function give_up(c: connection)
	{
	local aid = lookup_connection_analyzer_id(c$id, Analyzer::ANALYZER_DICOM);

	if ( aid != 0 )
		disable_analyzer(c$id, aid, F);
	}

# Brings the row up to date with what the analyzer counted.
function apply_taken(info: Info, s: State)
	{
	local o = s$taken_orig;
	local r = s$taken_resp;

	info$data_pdus = s$pdus_before + o$data_pdus + r$data_pdus;
	info$data_bytes_orig = s$orig_before + (s$swapped ? r$data_bytes : o$data_bytes);
	info$data_bytes_resp = s$resp_before + (s$swapped ? o$data_bytes : r$data_bytes);
	s$stopped = o$stopped || r$stopped;

	if ( o$malformed || r$malformed )
		flag(info, "malformed");

	if ( o$reserved_nonzero || r$reserved_nonzero )
		flag(info, "reserved_nonzero");

	if ( o$part10 || r$part10 )
		flag(info, "part10_in_dataset");
	}

# The originator of the association, whoever of the two it is on the wire.
function logged_id(c: connection): conn_id
	{
	if ( ! c$dicom_state$swapped )
		return c$id;

	local id = copy(c$id);
	id$orig_h = c$id$resp_h;
	id$orig_p = c$id$resp_p;
	id$resp_h = c$id$orig_h;
	id$resp_p = c$id$orig_p;
	return id;
	}

# Fills what depends on the connection as a whole.
function finish_row(c: connection, ended: bool)
	{
	local info = c$dicom;
	local s = c$dicom_state;

	apply_taken(info, s);
	info$id = logged_id(c);
	info$community_id = community_id_v1(c$id);

	if ( s$clock > info$ts )
		info$duration = s$clock - info$ts;
	else
		info$duration = 0sec;

	if ( c?$conn )
		info$missed_bytes = s$missed_before + c$conn$missed_bytes;

	if ( ! s$requested && ! s$accepted )
		flag(info, "midstream");

	local one_sided = is_one_sided(c);

	if ( one_sided )
		flag(info, "one_sided");
	else
		unflag(info, "one_sided"); # an earlier row of this association may have had it

	if ( ! ended )
		return;

	local answered = s$swapped ? c$orig$size : c$resp$size;

	# Silence tells something only where nothing can have been missed.
	if ( info$result == "unknown" && s$requested && answered == 0 && info$data_pdus == 0 && ! one_sided &&
	     info$missed_bytes == 0 && /[Hh].*[FfRr]/ in c$history )
		info$result = "no_reply";

	if ( s$released )
		info$end = "released";
	else if ( s$aborted )
		info$end = "aborted";
	else if ( s$stopped && ! (info$missed_bytes == 0 && (! info?$flags || "malformed" !in info$flags)) )
		info$end = "incomplete";
	else if ( /[Rr]|F.*f|f.*F/ in c$history && ! one_sided && are_both_heard(c) )
		info$end = "closed";
	else
		info$end = "incomplete";
	}

function end_association(c: connection)
	{
	finish_row(c, T);
	hook association_ended(c);
	Log::write(LOG, c$dicom);
	delete c$dicom;
	delete c$dicom_state;
	}

event DICOM::flush(c: connection)
	{
	if ( ! c?$dicom || ! connection_exists(c$id) || zeek_is_terminating() )
		return;

	if ( flush_interval > 0sec )
		schedule flush_interval { DICOM::flush(c) };

	finish_row(c, F);
	hook association_flushed(c);
	Log::write(LOG, copy(c$dicom));
	}

function begin_association(c: connection, begun: time)
	{
	if ( ! take_up(c) )
		{
		c$dicom = Info($ts=begun, $uid=c$uid, $id=c$id);
		c$dicom_state = State();
		expect_rest(c);
		}

	Conn::register_removal_hook(c, finalize_dicom);

	if ( idle_timeout > tcp_inactivity_timeout )
		set_inactivity_timeout(c$id, idle_timeout);

	if ( flush_interval > 0sec )
		schedule flush_interval { DICOM::flush(c) };
	}

# What the accepted contexts say, once both the offer and the acceptance are known.
function join_contexts(c: connection)
	{
	local info = c$dicom;
	local s = c$dicom_state;

	local accepted: vector of string;

	# Roles are told where nothing can tell otherwise: the answer was read to its end, where a role
	# selection stands (PS3.7, D.3.3.4), and each SOP class that it may speak of is known.
	s$roles_unknown = ! s$whole;

	for ( i, context in s$contexts )
		{
		if ( context$result != 0 )
			next;

		if ( context$transfer_syntax != "" )
			{
			if ( ! info?$transfer_syntaxes )
				info$transfer_syntaxes = set();

			add_capped(info$transfer_syntaxes, context$transfer_syntax in transfer_syntax_names ?
			           transfer_syntax_names[context$transfer_syntax] : context$transfer_syntax);
			}

		local sop_class = context$id in s$offered ? s$offered[context$id] : "";
		add_sop_class(info, sop_class);
		accepted += sop_class;

		if ( sop_class == "" && |s$roles| > 0 )
			s$roles_unknown = T;
		}

	if ( ! s$roles_unknown )
		for ( i, uid in accepted )
			{
			if ( uid in s$roles )
				add_roles(c, uid, s$roles[uid]$scu, s$roles[uid]$scp);
			else
				add_roles(c, uid, T, F);
			}

	if ( s$whole )
		info$ctx_accepted = |accepted|;
	}

function name_requestor(info: Info, n: Negotiation)
	{
	if ( n$calling_ae != "" )
		info$calling_ae = n$calling_ae;

	if ( n$called_ae != "" )
		info$called_ae = n$called_ae;
	}

event DICOM::associate(c: connection, is_orig: bool, is_request: bool, n: Negotiation, begun: time)
	{
	if ( ! c?$dicom )
		begin_association(c, begun);

	local info = c$dicom;
	local s = c$dicom_state;

	# A connection holds one association (PS3.8, 9.1.1).
	if ( is_request ? s$requested : s$accepted )
		{
		flag(info, "malformed");
		return;
		}

	if ( ! s$requested && ! s$accepted && is_orig != is_request )
		s$swapped = T;

	if ( is_request )
		{
		s$requested = T;
		name_requestor(info, n);

		if ( n$is_whole )
			info$ctx_offered = n$context_items;

		for ( i, context in n$contexts )
			s$offered[context$id] = context$abstract_syntax;

		if ( n?$user_identity )
			info$user_identity = user_identity_types[n$user_identity];

		if ( n$implementation_uid != "" )
			info$orig_impl_uid = n$implementation_uid;

		if ( n$implementation_version != "" )
			info$orig_impl_version = n$implementation_version;

		if ( n?$max_pdu )
			info$orig_max_pdu = n$max_pdu;

		hook association_requested(c);
		}
	else
		{
		s$accepted = T;
		s$whole = n$is_whole;
		info$result = "accepted";
		s$contexts = n$contexts;

		for ( i, role in n$roles )
			s$roles[role$sop_class] = role;

		# The acceptance repeats the AE titles (PS3.8, table 9-17).
		if ( ! s$requested )
			name_requestor(info, n);

		if ( n$implementation_uid != "" )
			info$resp_impl_uid = n$implementation_uid;

		if ( n$implementation_version != "" )
			info$resp_impl_version = n$implementation_version;

		if ( n?$max_pdu )
			info$resp_max_pdu = n$max_pdu;
		}

	if ( s$accepted )
		join_contexts(c);

	if ( ! is_request )
		hook association_accepted(c);
	}

event DICOM::reject(c: connection, is_orig: bool, result: count, source: count, reason: count)
	{
	if ( ! c?$dicom )
		return;

	local info = c$dicom;

	if ( info$result == "accepted" )
		{
		flag(info, "malformed");
		return;
		}

	info$result = "rejected";
	info$reject_result = result;
	info$reject_source = source;
	info$reject_reason = reason;
	hook association_rejected(c);
	}

event DICOM::release(c: connection, is_orig: bool, is_request: bool)
	{
	if ( ! c?$dicom )
		return;

	if ( ! is_request )
		c$dicom_state$released = T;
	}

event DICOM::abort(c: connection, is_orig: bool, source: count, reason: count)
	{
	if ( ! c?$dicom )
		return;

	c$dicom_state$aborted = T;
	c$dicom$abort_source = source;
	c$dicom$abort_reason = reason;
	}

# Classes of PS3.7, annex C.
function count_response(info: Info, status: count)
	{
	if ( status == 0x0000 )
		++info$rsp_success;
	else if ( status == 0xff00 || status == 0xff01 )
		++info$rsp_pending;
	else if ( status == 0xfe00 )
		++info$rsp_cancel;
	else if ( status == 0x0001 || status == 0x0107 || status == 0x0116 || status & 0xf000 == 0xb000 )
		++info$rsp_warning;
	else
		{
		++info$rsp_failure;

		if ( ! info?$failure_codes )
			info$failure_codes = set();

		add_capped(info$failure_codes, "0x" + to_upper(fmt("%04x", status)));
		}
	}

function count_request(info: Info, kind: string)
	{
	switch ( kind )
		{
		case "store":
			++info$store_rq;
			break;
		case "get":
			++info$get_rq;
			break;
		case "find":
			++info$find_rq;
			break;
		case "move":
			++info$move_rq;
			break;
		case "echo":
			++info$echo_rq;
			break;
		case "cancel":
			++info$cancel_rq;
			break;
		default:
			++info$n_rq;
			break;
		}
	}

# What a request tells of the side that sent it, and of what both sides handle.
function add_kind(s: State, side: Side, kind: string, sop_class: string)
	{
	add side$sent[kind];

	if ( sop_class in sop_class_services )
		add_capped(side$services, sop_class_services[sop_class]);

	if ( kind == "store" && sop_class in sop_class_modalities )
		{
		add_capped(s$orig$modalities, sop_class_modalities[sop_class]);
		add_capped(s$resp$modalities, sop_class_modalities[sop_class]);
		}
	}

event DICOM::command(c: connection, is_orig: bool, m: Command, begun: time)
	{
	if ( ! c?$dicom )
		{
		# A command before any association is the middle of one, if the start was missed.
		if ( is_whole(c) )
			{
			give_up(c);
			return;
			}

		add c$service[Analyzer::name(Analyzer::ANALYZER_DICOM)];
		begin_association(c, begun);
		}

	# There is one of these for each image: function calls and fields count.
	local info = c$dicom;
	local s = c$dicom_state;

	local from_orig = is_orig != s$swapped;
	local side = from_orig ? s$orig : s$resp;

	local is_new = m$field != side$field || m$sop_class != side$sop_class;

	# The next image of a series has nothing new to tell but its number.
	if ( ! is_new && m$field == 0x0001 )
		{
		++info$store_rq;
		return;
		}

	if ( ! is_new && m$field == 0x8001 && m?$status && m$status == 0x0000 )
		{
		++info$rsp_success;
		return;
		}

	if ( is_new )
		{
		side$field = m$field;
		side$sop_class = m$sop_class;
		add_sop_class(info, m$sop_class);
		}

	if ( m$field >= 0x8000 )
		{
		if ( m?$status )
			count_response(info, m$status);
		}
	else
		{
		local kind = request_kinds[m$field];
		count_request(info, kind);

		if ( is_new )
			add_kind(s, side, kind, m$sop_class);

		if ( kind == "move" && m$move_destination != "" )
			{
			if ( ! info?$move_destinations )
				info$move_destinations = set();

			add_capped(info$move_destinations, m$move_destination);
			}
		}

	hook command_seen(c, from_orig, m);
	}

event DICOM::taken(c: connection, is_orig: bool, t: Taken)
	{
	if ( ! c?$dicom )
		return;

	local info = c$dicom;
	local s = c$dicom_state;
	local before = is_orig ? s$taken_orig : s$taken_resp;

	info$store_rq += t$store_rq - before$store_rq;
	info$rsp_success += t$store_rsp - before$store_rsp;

	if ( is_orig )
		s$taken_orig = t;
	else
		s$taken_resp = t;

	if ( t$clock > s$clock )
		s$clock = t$clock;
	}

event DICOM::unrecognised(c: connection)
	{
	# Another protocol on one of our ports. The middle of a stream may still hold an association.
	if ( ! c?$dicom && is_whole(c) )
		give_up(c);
	}

hook finalize_dicom(c: connection) &priority=-5
	{
	if ( c?$dicom && ! wait_for_rest(c) )
		end_association(c);
	}
