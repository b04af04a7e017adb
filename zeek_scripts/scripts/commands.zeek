##! DIMSE commands (PS3.7): requests, responses and what they tell of the two sides.

@load ./association

module DICOM;

export {
	## Run for each DIMSE command, but once for successful C-STORE of one SOP class that follow
	## each other on their side: of the images of a series.
	##
	## c: The connection.
	##
	## is_orig: True if the requestor of the association sent it.
	##
	## m: The command.
	global command_seen: hook(c: connection, is_orig: bool, m: Command);
}

# Names of the request commands (PS3.7, table E.1-1); all others are DIMSE-N.
const request_kinds: table[count] of string = {
	[0x0001] = "store",
	[0x0010] = "get",
	[0x0020] = "find",
	[0x0021] = "move",
	[0x0030] = "echo",
	[0x0fff] = "cancel",
} &default="n";

# Stops looking at a connection that is no association.
function give_up(c: connection)
	{
	local aid = lookup_connection_analyzer_id(c$id, Analyzer::ANALYZER_DICOM);

	if ( aid != 0 )
		disable_analyzer(c$id, aid, F);
	}

function is_warning(status: count): bool
	{
	return status == 0x0001 || status == 0x0107 || status == 0x0116 || status & 0xf000 == 0xb000;
	}

# Classes of PS3.7, annex C.
function is_failure(status: count): bool
	{
	return status != 0x0000 && status != 0xff00 && status != 0xff01 && status != 0xfe00 && ! is_warning(status);
	}

function count_response(info: Info, status: count)
	{
	if ( status == 0x0000 )
		++info$rsp_success;
	else if ( status == 0xff00 || status == 0xff01 )
		++info$rsp_pending;
	else if ( status == 0xfe00 )
		++info$rsp_cancel;
	else if ( is_warning(status) )
		++info$rsp_warning;
	else
		{
		++info$rsp_failure;

		if ( ! info?$failure_codes )
			info$failure_codes = set();

		add_capped(info$failure_codes, "0x" + to_upper(fmt("%04x", status)));
		}
	}

const n_event_report = 0x0100;
const n_action = 0x0130;
const n_action_rsp = 0x8130;

# Who answers N-ACTION of Storage Commitment, or sends its N-EVENT-REPORT, is the archive (PS3.4
# Annex J), whoever began the association.
function note_commitment(side: Side, other: Side, m: Command)
	{
	local commitment = m$sop_class in sop_class_services && sop_class_services[m$sop_class] == "commitment";

	if ( m$field == n_action && commitment )
		other$asked_to_commit = T;
	else if ( m$field == n_event_report && commitment )
		side$commits = T;
	else if ( m$field == n_action_rsp && side$asked_to_commit && ! (m?$status && is_failure(m$status)) )
		side$commits = T;
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

	# An SCP sends N-EVENT-REPORT: it shows no use of the service.
	if ( sop_class in sop_class_services && side$field != n_event_report )
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

	if ( m$field == n_action || m$field == n_event_report || m$field == n_action_rsp )
		note_commitment(side, from_orig ? s$resp : s$orig, m);

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
