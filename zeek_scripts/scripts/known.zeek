##! DICOM endpoints: who was seen in which role, tagged from the inventory, or from the traffic
##! where the inventory says nothing. In a cluster the proxies own the endpoints.

@load base/frameworks/cluster
@load base/utils/site

@load ./inventory
@load ./main
@load ./remember
@load ./telemetry

module DICOM;

export {
	redef enum Log::ID += { KNOWN_LOG };

	## Log policy of known_dicom.log.
	global log_policy_known: Log::PolicyHook;

	## How many hosts are tracked at most on one node. More are not logged, see the counter
	## zeek_dicom_untracked_total.
	option max_hosts = 50000;

	## How many rows a host has at most: combinations of port, AE title and role.
	option max_rows_per_host = 64;

	## The columns of known_dicom.log.
	type KnownInfo: record {
		## When the first association began that shows the endpoint.
		ts:           time        &log;
		## The host.
		host:         addr        &log;
		## The port it listens on, if it accepted the connection.
		port_num:     port        &log &optional;
		## Its AE title.
		ae_title:     string      &log &optional;
		## scu, scp or both; unset where what tells the roles was not seen.
		role:         string      &log &optional;
		## pacs, modality, workstation, worklist, printer, gateway, other or unknown.
		category:     string      &log &default="unknown";
		## Where the category is from: inventory, association or traffic.
		basis:        string      &log &default="association";
		## Services of the accepted contexts.
		services:     set[string] &log &optional;
		## Modalities of the objects that it sent or received.
		modalities:   set[string] &log &optional;
		## Implementation Class UID.
		impl_uid:     string      &log &optional;
		## Implementation Version Name.
		impl_version: string      &log &optional;
		## Seen inside TLS.
		tls:          bool        &log &default=F;
		## Its address is a local one. In the log it is called `local`, which is a keyword here.
		is_local:     bool        &log &default=F;
		## The connection of that association.
		evidence_uid: string      &log;
	};

	## What one association says of one of its two endpoints.
	type Evidence: record {
		## The row that it makes by itself.
		row:      KnownInfo;
		## MAC address of the endpoint, if known.
		mac:      string &optional;
		## The other endpoint.
		peer:     addr;
		## Connection of the association.
		id:       conn_id;
		## Services that it is SCP of.
		as_scp:   set[string];
		## Services that it used as SCU.
		used:     set[string];
		## It sent C-STORE requests.
		stored:   bool &default=F;
		## It sent requests of query or retrieve.
		queried:  bool &default=F;
		## It answered for storage commitment.
		commits:  bool &default=F;
	};

	## What is known of a host, from all its associations.
	type Host: record {
		## When it was first seen.
		since:   time;
		## Services that it is SCP of.
		as_scp:  set[string] &default=set();
		## Services that it used as SCU.
		used:    set[string] &default=set();
		## It sent C-STORE requests.
		stored:  bool &default=F;
		## It sent requests of query or retrieve.
		queried: bool &default=F;
		## It answered for storage commitment.
		commits: bool &default=F;
		## Hosts that it had associations with.
		peers:   set[addr] &default=set();
	};

	## Sent by workers to the proxy that owns the host.
	global endpoint_seen: event(e: Evidence);

	## Run on the node that owns a host, for each new evidence of it. What says the same as what
	## was told within the hour is no news.
	##
	## e: The evidence.
	##
	## host: What is known, without the peer of this evidence.
	##
	## category: The category with this evidence.
	global endpoint_updated: hook(e: Evidence, host: Host, category: string);

	## Event that can be handled to access the record as it is sent to the logging framework.
	global log_known_dicom: event(rec: KnownInfo);
}

# What is known of the hosts that this node owns.
global hosts: table[addr] of Host = table() &write_expire=30days;

# The rows that were logged, by host and key; logged anew each day.
global rows: table[addr] of table[string] of KnownInfo = table() &create_expire=1day;

# What this node told who owns the hosts, so as not to repeat it: when the first association began
# that said it.
global told: table[string] of time = table() &create_expire=1hr;

event zeek_init() &priority=5
	{
	Log::create_stream(KNOWN_LOG, Log::Stream($columns=KnownInfo, $ev=log_known_dicom,
	                                          $path="known_dicom", $policy=log_policy_known));
	Log::remove_default_filter(KNOWN_LOG);
	Log::add_filter(KNOWN_LOG, Log::Filter($name="default", $config=table(["enable_utf_8"] = "F"),
	                                       $field_name_map=table(["is_local"] = "local")));
	}

# True if the first has an element that the second lacks and has room for.
function adds(some: set[string], to: set[string]): bool
	{
	if ( |to| >= max_set_size )
		return F;

	for ( element in some )
		if ( element !in to )
			return T;

	return F;
	}

function merge(from: set[string], into: set[string])
	{
	for ( element in from )
		add_capped(into, element);
	}

# What the traffic says of a host: the first that fits.
function infer_category(h: Host): string
	{
	if ( "query" in h$as_scp || "retrieve" in h$as_scp || h$commits )
		return "pacs";

	if ( "worklist" in h$as_scp || "mpps" in h$as_scp )
		return "worklist";

	if ( "print" in h$as_scp )
		return "printer";

	if ( h$queried )
		return "workstation";

	# Who takes images and asks for none may be an archive, on the way to one, or a viewer that is
	# sent to, whatever else it sends.
	if ( "storage" in h$as_scp )
		return "unknown";

	if ( h$stored || "worklist" in h$used || "mpps" in h$used || "commitment" in h$used )
		return "modality";

	return "unknown";
	}

function row_key(r: KnownInfo): string
	{
	return cat_sep("\x1f", "", r?$port_num ? cat(r$port_num) : "", r?$ae_title ? r$ae_title : "", r?$role ? r$role : "");
	}

# Merges a row into one that was logged before; true if that changed it.
function merge_row(old: KnownInfo, new: KnownInfo): bool
	{
	local changed = F;

	if ( new?$services && (! old?$services || adds(new$services, old$services)) )
		{
		if ( ! old?$services )
			old$services = set();

		merge(new$services, old$services);
		changed = T;
		}

	if ( new?$modalities && (! old?$modalities || adds(new$modalities, old$modalities)) )
		{
		if ( ! old?$modalities )
			old$modalities = set();

		merge(new$modalities, old$modalities);
		changed = T;
		}

	if ( new?$impl_uid && (! old?$impl_uid || old$impl_uid != new$impl_uid) )
		{
		old$impl_uid = new$impl_uid;
		changed = T;
		}

	if ( new?$impl_version && (! old?$impl_version || old$impl_version != new$impl_version) )
		{
		old$impl_version = new$impl_version;
		changed = T;
		}

	if ( new$tls && ! old$tls )
		{
		old$tls = T;
		changed = T;
		}

	# The association that began first, whichever ended first.
	if ( new$ts < old$ts )
		{
		old$ts = new$ts;
		old$evidence_uid = new$evidence_uid;
		changed = T;
		}

	return changed;
	}

# What was known of a host before Zeek restarted, or a host that is new.
function host_from_memory(host: addr, since: time): Host
	{
	local kept = recall(cat("host ", host));

	if ( kept != "" )
		{
		local parsed = from_json(kept, Host);

		if ( parsed$valid )
			return parsed$v as Host;
		}

	return Host($since=since);
	}

# Adds to what is known of a host; true if that changed it.
function learn(h: Host, e: Evidence): bool
	{
	local before = |h$as_scp| + |h$used|;
	local changed = (e$stored && ! h$stored) || (e$queried && ! h$queried) || (e$commits && ! h$commits);

	merge(e$as_scp, h$as_scp);
	merge(e$used, h$used);
	h$stored = h$stored || e$stored;
	h$queried = h$queried || e$queried;
	h$commits = h$commits || e$commits;
	return changed || |h$as_scp| + |h$used| > before;
	}

event DICOM::endpoint_seen(e: Evidence)
	{
	local r = e$row;

	if ( r$host !in hosts )
		{
		if ( |hosts| >= max_hosts )
			{
			Telemetry::counter_family_inc(untracked, vector("host"));
			return;
			}

		hosts[r$host] = host_from_memory(r$host, r$ts);
		}

	# There is one of these for each end of an association: nothing is copied that does not change.
	local h = hosts[r$host];
	local was = infer_category(h);
	local changed = learn(h, e);
	local inferred = changed ? infer_category(h) : was;

	local known = equipment(r$host, e?$mac ? e$mac : "", r?$ae_title ? r$ae_title : "");

	if ( known?$role )
		{
		r$category = known$role;
		r$basis = "inventory";
		}
	else
		r$category = inferred;

	hook endpoint_updated(e, h, r$category);

	if ( e$peer !in h$peers && |h$peers| < max_rows_per_host )
		{
		add h$peers[e$peer];
		changed = T;
		}

	hosts[r$host] = h; # expires anew

	if ( changed && open_memory() )
		remember(cat("host ", r$host), to_json(h));

	if ( r$host !in rows )
		rows[r$host] = table();

	local mine = rows[r$host];
	local key = row_key(r);

	local is_new = T;

	if ( key in mine )
		{
		local old = mine[key];
		is_new = merge_row(old, r) || old$category != r$category || old$basis != r$basis;
		old$category = r$category;
		old$basis = r$basis;
		}
	else
		{
		if ( |mine| >= max_rows_per_host )
			{
			Telemetry::counter_family_inc(untracked, vector("row"));
			return;
			}

		mine[key] = r;
		}

	# Copies, for the rows go on changing.
	if ( is_new )
		Log::write(KNOWN_LOG, copy(mine[key]));

	# What a host is holds for all its rows, except those that the inventory speaks of.
	if ( inferred == was )
		return;

	for ( other, row in mine )
		if ( row$basis != "inventory" && row$category != inferred )
			{
			row$category = inferred;
			Log::write(KNOWN_LOG, copy(row));
			}
	}

function tell(e: Evidence)
	{
	if ( Cluster::is_enabled() )
		Cluster::publish_hrw(Cluster::proxy_pool, cat(e$row$host), DICOM::endpoint_seen, e);
	else
		event DICOM::endpoint_seen(e);
	}

# A proxy that comes or goes takes its endpoints along.
event Cluster::node_up(name: string, id: string)
	{
	clear_table(told);
	}

event Cluster::node_down(name: string, id: string)
	{
	clear_table(told);
	}

hook inventory_changed()
	{
	clear_table(told);
	}

function role_of(roles: set[string], otherwise: string): string
	{
	if ( |roles| == 2 )
		return "both";

	for ( role in roles )
		return role;

	return otherwise;
	}

function new_evidence(c: connection, is_orig: bool): Evidence
	{
	local info = c$dicom;
	local side = is_orig ? c$dicom_state$orig : c$dicom_state$resp;
	local id = info$id;
	local on_wire = is_orig != c$dicom_state$swapped ? c$orig : c$resp;
	local roles: set[string] = set();

	if ( info?$orig_roles )
		roles = is_orig ? info$orig_roles : info$resp_roles;

	local row = KnownInfo($ts=info$ts, $host=is_orig ? id$orig_h : id$resp_h, $evidence_uid=info$uid);

	if ( ! c$dicom_state$roles_unknown )
		row$role = role_of(roles, is_orig ? "scu" : "scp");

	if ( ! is_orig )
		row$port_num = id$resp_p;

	if ( is_orig && info?$calling_ae )
		row$ae_title = info$calling_ae;

	if ( ! is_orig && info?$called_ae )
		row$ae_title = info$called_ae;

	if ( is_orig && info?$orig_impl_uid )
		row$impl_uid = info$orig_impl_uid;

	if ( ! is_orig && info?$resp_impl_uid )
		row$impl_uid = info$resp_impl_uid;

	if ( is_orig && info?$orig_impl_version )
		row$impl_version = info$orig_impl_version;

	if ( ! is_orig && info?$resp_impl_version )
		row$impl_version = info$resp_impl_version;

	if ( info?$services )
		row$services = copy(info$services);

	if ( |side$modalities| > 0 )
		row$modalities = copy(side$modalities);

	row$tls = "SSL" in c$service;
	row$is_local = Site::is_local_addr(row$host);

	# Where no command could be read, what was agreed on stands for what was done.
	local silent = |c$dicom_state$orig$sent| + |c$dicom_state$resp$sent| == 0;
	local used = silent ? side$as_scu : side$services;
	local queried = silent ? "query" in used || "retrieve" in used :
	                ("find" in side$sent || "get" in side$sent || "move" in side$sent) &&
	                ("query" in used || "retrieve" in used);
	local e = Evidence($row=row, $peer=is_orig ? id$resp_h : id$orig_h, $id=id,
	                   $as_scp=copy(side$as_scp), $used=copy(used), $queried=queried,
	                   $stored=silent ? "storage" in used : "store" in side$sent,
	                   $commits=side$commits);

	if ( on_wire?$l2_addr )
		e$mac = on_wire$l2_addr;

	return e;
	}

# Everything that the evidence of both endpoints is made from, but when and in which connection.
function fingerprint(c: connection): string
	{
	local info = c$dicom;
	local s = c$dicom_state;
	local id = info$id;

	return md5_hash(cat(s$orig, s$resp, id$orig_h, id$resp_h, id$resp_p, s$swapped, s$roles_unknown, "SSL" in c$service),
	                cat_sep("\x1f", "",
	                        info?$calling_ae ? info$calling_ae : "",
	                        info?$called_ae ? info$called_ae : "",
	                        info?$orig_impl_uid ? info$orig_impl_uid : "",
	                        info?$resp_impl_uid ? info$resp_impl_uid : "",
	                        info?$orig_impl_version ? info$orig_impl_version : "",
	                        info?$resp_impl_version ? info$resp_impl_version : "",
	                        info?$orig_roles ? cat(info$orig_roles, info$resp_roles) : "",
	                        info?$services ? cat(info$services) : "",
	                        c$orig?$l2_addr ? c$orig$l2_addr : "",
	                        c$resp?$l2_addr ? c$resp$l2_addr : ""));
	}

function tell_endpoints(c: connection)
	{
	local info = c$dicom;

	if ( info$result != "accepted" )
		return;

	# There is one of these for each association, and of most there is nothing new to tell.
	local print_ = fingerprint(c);

	if ( print_ in told && told[print_] <= info$ts )
		return;

	if ( print_ in told || |told| < max_hosts )
		told[print_] = info$ts;

	tell(new_evidence(c, T));
	tell(new_evidence(c, F));
	}

hook association_flushed(c: connection)
	{
	tell_endpoints(c);
	}

hook association_ended(c: connection)
	{
	tell_endpoints(c);
	}
