##! dicom.log: one row an association, and how a row is filled.

@load ./spicy-events
@load ./uids

module DICOM;

export {
	redef enum Log::ID += { LOG };

	## Log policy of dicom.log.
	global log_policy: Log::PolicyHook;

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
		## midstream, malformed, truncated, sampled, reserved_nonzero, part10_in_dataset, one_sided, unfinished.
		flags:              set[string] &log &optional;
		## The innermost VLAN that the connection was in.
		vlan:               count       &log &optional;
		## Kinds of tunnels that it came through, in the words of Tunnel::Type.
		tunnel:             set[string] &log &optional;
		## The client that a load balancer's PROXY header names.
		proxied_for:        addr        &log &optional;
	};

	## Event that can be handled to access the record as it is sent to the logging framework.
	global log_dicom: event(rec: Info);

	## Adds an element to a set of at most `max_set_size`.
	global add_capped: function(s: set[string], element: string);
}

event zeek_init() &priority=5
	{
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
