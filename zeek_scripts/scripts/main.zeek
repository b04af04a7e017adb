##! DICOM associations (PS3.8): one row in dicom.log for each, with who, what and how much, and
##! nothing of the data sets.

@load ./association
@load ./commands
@load ./contexts

module DICOM;

export {
	## TCP ports on which the analyzer runs from the first byte. On any other port the signature
	## in dpd.sig finds an association by its request.
	const ports = { 104/tcp, 2761/tcp, 2762/tcp, 4242/tcp, 11112/tcp } &redef;

	## Run when an association was requested, c$dicom being filled from the request.
	global association_requested: hook(c: connection);

	## Run when an association was accepted.
	global association_accepted: hook(c: connection);

	## Run when an association was rejected.
	global association_rejected: hook(c: connection);
}

redef likely_server_ports += { ports };

# Where the handshake was not seen, too, bytes that are missing are counted.
redef report_gaps_for_partial = T;

event zeek_init() &priority=5
	{
	Analyzer::register_for_ports(Analyzer::ANALYZER_DICOM, ports);
	}

event DICOM::associate(c: connection, is_orig: bool, is_request: bool, n: Negotiation, begun: time)
	{
	if ( ! c?$dicom )
		begin_association(c, begun);
	else if ( is_request && (c$dicom_state$released || c$dicom_state$aborted ||
	                         c$dicom$result == "rejected") )
		begin_another(c, begun);

	local info = c$dicom;
	local s = c$dicom_state;

	# A connection holds one association at a time (PS3.8, 9.1.1).
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

event DICOM::proxied(c: connection, client: addr)
	{
	c$dicom_client = client;
	}
