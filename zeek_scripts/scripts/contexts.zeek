##! What a negotiation says: presentation contexts, SOP classes, and the roles of both sides.

@load ./association

module DICOM;

const user_identity_types: table[count] of string = {
	[1] = "username",
	[2] = "username_passcode",
	[3] = "kerberos",
	[4] = "saml",
	[5] = "jwt",
} &default=function(n: count): string { return cat(n); };

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
