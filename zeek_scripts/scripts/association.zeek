##! The life of an association: from its first PDU to its row, also where it goes on for days, where
##! another follows on the same connection, or where Zeek saw only a part.

@load ./log

@load base/protocols/conn/removal-hooks

module DICOM;

export {
	## How often the row of an association that goes on is written in advance, with what was
	## counted so far and `end` unset. The last row of a uid holds everything. 0sec is never.
	option flush_interval = 10min;

	## How long an association may be idle and still be followed: people pause in front of a
	## viewer for longer than Zeek's tcp_inactivity_timeout, after which the rest of a connection
	## would look like another one.
	option idle_timeout = 2 hrs;

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
		## It was asked for storage commitment.
		asked_to_commit: bool &default=F;
		## It answered for storage commitment: it is the archive (PS3.4, Annex J).
		commits:    bool &default=F;
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
		## Another association followed on the connection.
		closed:    bool &default=F;
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
		## What the analyzer had counted when the association began on a connection that had held
		## another one.
		base_orig: Taken &default=Taken();
		base_resp: Taken &default=Taken();
		## P-DATA-TF, data-set bytes and missed bytes on an earlier part of the connection that
		## Zeek took for one of its own.
		pdus_before:   count &default=0;
		orig_before:   count &default=0;
		resp_before:   count &default=0;
		missed_before: count &default=0;
		## It was on such a part: what was under way between the two was not timed.
		halved:        bool &default=F;
		## The originator of the association.
		orig:      Side &default=Side();
		## The responder of the association.
		resp:      Side &default=Side();
		## When the last whole PDU ended.
		clock:     time &default=double_to_time(0.0);
		## PDU boundaries were lost at least once.
		stopped:   bool &default=F;
	};

	## Run when the row of an association that goes on is about to be written in advance.
	global association_flushed: hook(c: connection);

	## Run when an association has ended, just before its row is written.
	global association_ended: hook(c: connection);

	## Finishes the row of a connection.
	global finalize_dicom: Conn::RemovalHook;
}

redef record connection += {
	dicom: DICOM::Info &optional;
	dicom_state: DICOM::State &optional;
	## The client that a PROXY header names.
	dicom_client: addr &optional;
};

# In halves.zeek.
global wait_for_rest: function(c: connection): bool;
global take_up: function(c: connection): bool;
global expect_rest: function(c: connection);

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

# Brings the row up to date with what the analyzer counted.
function apply_taken(info: Info, s: State)
	{
	local o = s$taken_orig;
	local r = s$taken_resp;

	local orig_bytes = o$data_bytes - s$base_orig$data_bytes;
	local resp_bytes = r$data_bytes - s$base_resp$data_bytes;

	info$data_pdus = s$pdus_before + o$data_pdus - s$base_orig$data_pdus + r$data_pdus -
	                 s$base_resp$data_pdus;
	info$data_bytes_orig = s$orig_before + (s$swapped ? resp_bytes : orig_bytes);
	info$data_bytes_resp = s$resp_before + (s$swapped ? orig_bytes : resp_bytes);
	s$stopped = o$stopped || r$stopped;

	if ( o$malformed || r$malformed )
		flag(info, "malformed");

	if ( o$reserved_nonzero || r$reserved_nonzero )
		flag(info, "reserved_nonzero");

	if ( o$part10 || r$part10 )
		flag(info, "part10_in_dataset");
	}

# What one side sent ended inside a PDU: of what its header announced the bytes that came count. `lacking`
# of them did not, and may still come where the end was not seen.
function cut_off(c: connection, t: Taken, ends: pattern): count
	{
	if ( ! t$unfinished || ends !in c$history )
		return 0;

	flag(c$dicom, "unfinished");
	return t$lacking;
	}

# What was announced in a damaged stream may not have been counted at all.
function less(counted: count, lacking: count): count
	{
	return counted > lacking ? counted - lacking : 0;
	}

# Takes off the counts what was announced and never sent.
function take_off(c: connection)
	{
	local info = c$dicom;
	local s = c$dicom_state;
	local orig = cut_off(c, s$taken_orig, /[RrF]/);
	local resp = cut_off(c, s$taken_resp, /[Rrf]/);

	if ( s$swapped )
		{
		info$data_bytes_orig = less(info$data_bytes_orig, resp);
		info$data_bytes_resp = less(info$data_bytes_resp, orig);
		}
	else
		{
		info$data_bytes_orig = less(info$data_bytes_orig, orig);
		info$data_bytes_resp = less(info$data_bytes_resp, resp);
		}
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

# A connection was carried by others: through what.
function name_tunnels(c: connection)
	{
	if ( ! c?$tunnel || |c$tunnel| == 0 )
		return;

	c$dicom$tunnel = set();

	for ( i, t in c$tunnel )
		add_capped(c$dicom$tunnel, to_lower(sub(cat(t$tunnel_type), /^.*::/, "")));
	}

# Fills what depends on the connection as a whole.
function finish_row(c: connection, ended: bool)
	{
	local info = c$dicom;
	local s = c$dicom_state;

	apply_taken(info, s);
	info$id = logged_id(c);
	name_tunnels(c);

	if ( c?$inner_vlan )
		info$vlan = int_to_count(c$inner_vlan);
	else if ( c?$vlan )
		info$vlan = int_to_count(c$vlan);

	if ( c?$dicom_client )
		info$proxied_for = c$dicom_client;

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

	take_off(c);

	local answered = s$swapped ? c$orig$size : c$resp$size;

	# Silence tells something only where nothing can have been missed.
	if ( info$result == "unknown" && s$requested && answered == 0 && info$data_pdus == 0 && ! one_sided &&
	     info$missed_bytes == 0 && /[Hh].*[FfRr]/ in c$history )
		info$result = "no_reply";

	if ( s$released )
		info$end = "released";
	else if ( s$aborted )
		info$end = "aborted";
	else if ( s$closed )
		info$end = "closed";
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

# A request after the end of an association is another one, with a row of its own.
function begin_another(c: connection, begun: time)
	{
	local before = c$dicom_state;

	if ( c$dicom$result == "rejected" && ! before$aborted )
		before$closed = T;

	finish_row(c, T);
	hook association_ended(c);
	Log::write(LOG, c$dicom);

	c$dicom = Info($ts=begun, $uid=c$uid, $id=c$id);
	c$dicom_state = State($taken_orig=before$taken_orig, $taken_resp=before$taken_resp,
	                      $base_orig=before$taken_orig, $base_resp=before$taken_resp);
	}

hook finalize_dicom(c: connection) &priority=-5
	{
	if ( c?$dicom && ! wait_for_rest(c) )
		end_association(c);
	}
