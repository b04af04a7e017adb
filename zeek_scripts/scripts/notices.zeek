##! Notices on DICOM. Each has an option that switches it off, and a threshold where one makes sense;
##! docs/zeek-notices.md says what each means and what to do.

@load base/frameworks/notice
@load base/utils/site

@load ./inventory
@load ./known
@load ./main
@load ./watch

module DICOM;

export {
	redef enum Notice::Type += {
		## An association with a host that is not local.
		External_Association,
		## An association without TLS between hosts that the inventory puts on different sites.
		Cleartext_Across_Sites,
		## A host was rejected with several AE titles.
		AE_Title_Guessing,
		## A host sent many C-FIND requests, or got many results.
		Find_Enumeration,
		## A host sent many C-GET or C-MOVE requests.
		Bulk_Retrieval,
		## A C-MOVE to an AE title that neither the inventory nor the traffic knows.
		Move_To_Unknown_Destination,
		## A PACS has an association with a host for the first time.
		New_Peer,
		## One AE title calls from several hosts.
		AE_Title_On_Several_Hosts,
		## A host requested many associations.
		Association_Flood,
		## A host sent C-ECHO to many endpoints.
		Echo_Scan,
		## A host that the inventory does not know sent C-STORE requests.
		Store_From_Unknown_Sender,
		## The header of a DICOM file inside a C-STORE data set.
		Part10_In_Data_Set,
		## A file that is DICOM and a program at once.
		Executable_In_DICOM_File,
		## A user name and a password in clear text.
		Cleartext_Credentials,
		## PDUs or command sets that violate the standard.
		Malformed,
		## Reserved bytes that are not zero.
		Reserved_Bits_Set,
		## A host answers much more slowly than it did.
		Slow_Responses,
	};

	## Switch of External_Association.
	option notice_external = T;

	## Switch of Cleartext_Across_Sites.
	option notice_cleartext_across_sites = T;

	## AE titles that a host may be rejected with; 0 switches AE_Title_Guessing off.
	option ae_guessing_threshold = 4;

	## The interval that they are counted in.
	option ae_guessing_interval = 10min;

	## C-FIND requests and results of a host; 0 switches Find_Enumeration off.
	option find_threshold = 5000;

	## The interval that they are counted in.
	option find_interval = 10min;

	## C-GET and C-MOVE requests of a host; 0 switches Bulk_Retrieval off.
	option retrieve_threshold = 200;

	## The interval that they are counted in.
	option retrieve_interval = 1hr;

	## Associations that a host requests; 0 switches Association_Flood off.
	option flood_threshold = 600;

	## The interval that they are counted in.
	option flood_interval = 1min;

	## Endpoints that a host sends C-ECHO to; 0 switches Echo_Scan off.
	option echo_threshold = 10;

	## The interval that they are counted in.
	option echo_interval = 10min;

	## Hosts that call with one AE title; 0 switches AE_Title_On_Several_Hosts off.
	option ae_hosts_threshold = 3;

	## The interval that they are counted in.
	option ae_hosts_interval = 1day;

	## AE titles that many hosts call with, for they are the defaults of toolkits.
	option shared_ae_titles: set[string] = { "ANY-SCU", "ECHOSCU", "FINDSCU", "GETSCU", "MOVESCU",
	                                         "STORESCU", "PYNETDICOM" };

	## Switch of Move_To_Unknown_Destination.
	option notice_move_destination = T;

	## Switch of New_Peer.
	option notice_new_peer = T;

	## How long the peers of a PACS and the AE titles are learned before they are news.
	option learning_period = 7days;

	## Switch of Store_From_Unknown_Sender. Without an inventory it is off anyway.
	option notice_unknown_sender = T;

	## Switch of Part10_In_Data_Set.
	option notice_part10 = T;

	## Switch of Cleartext_Credentials.
	option notice_credentials = T;

	## Switch of Malformed.
	option notice_malformed = T;

	## Switch of Reserved_Bits_Set.
	option notice_reserved = T;

	## AE titles that are tracked at most on one node.
	option max_ae_titles = 50000;

	## Sent to the proxy that owns an AE title when an association with it was accepted.
	global ae_title_seen: event(ae_title: string);

	## Sent to the proxy that owns an AE title when a C-MOVE names it as destination.
	global move_requested: event(ae_title: string, uid: string, id: conn_id);
}

redef record State += {
	## The sender of C-STORE requests was looked at.
	sender_checked: bool &default=F;
	## What was counted and not yet observed, by watch and host.
	batches:        table[Watch, addr] of count &default=table();
};

# A proxy hears of so many requests or results at once.
const batch_size = 50;

# AE titles of accepted associations that this node owns.
global ae_titles: set[string] = set() &read_expire=30days;

# When this node began to learn them.
global learning_since = double_to_time(0.0);

function bound(w: Watch): Bound
	{
	switch ( w )
		{
		case WATCH_AE_GUESSING:
			return Bound($threshold=ae_guessing_threshold, $within=ae_guessing_interval);
		case WATCH_FIND:
			return Bound($threshold=find_threshold, $within=find_interval);
		case WATCH_RETRIEVE:
			return Bound($threshold=retrieve_threshold, $within=retrieve_interval);
		case WATCH_ASSOCIATIONS:
			return Bound($threshold=flood_threshold, $within=flood_interval);
		case WATCH_ECHO:
			return Bound($threshold=echo_threshold, $within=echo_interval);
		case WATCH_AE_HOSTS:
			return Bound($threshold=ae_hosts_threshold, $within=ae_hosts_interval);
		}

	return Bound($threshold=0, $within=0sec);
	}

function tally(c: connection, w: Watch, key: string, item: string, amount: count)
	{
	observe(Observation($watch=w, $key=key, $item=item, $amount=amount, $uid=c$uid, $id=c$dicom$id));
	}

function send_batches(c: connection, at_least: count)
	{
	for ( [w, host], amount in copy(c$dicom_state$batches) )
		if ( amount >= at_least )
			{
			delete c$dicom_state$batches[w, host];
			tally(c, w, cat(host), "", amount);
			}
	}

function batch(c: connection, w: Watch, host: addr, amount: count)
	{
	local b = c$dicom_state$batches;
	b[w, host] = ([w, host] in b ? b[w, host] : 0) + amount;

	if ( b[w, host] >= batch_size )
		send_batches(c, batch_size);
	}

function is_learning(since: time, now: time): bool
	{
	return now - since < learning_period;
	}

function notice_of(c: connection, note: Notice::Type, msg: string, sub: string)
	{
	NOTICE(Notice::Info($note=note, $msg=msg, $sub=sub, $conn=c,
	                    $identifier=cat(c$dicom$id$orig_h, c$dicom$id$resp_h, sub)));
	}

function titles(info: Info): string
	{
	return fmt("%s to %s", info?$calling_ae ? info$calling_ae : "?",
	           info?$called_ae ? info$called_ae : "?");
	}

function mac_of(c: connection, is_orig: bool): string
	{
	local side = is_orig != c$dicom_state$swapped ? c$orig : c$resp;
	return side?$l2_addr ? side$l2_addr : "";
	}

function equipment_of(c: connection, is_orig: bool): Equipment
	{
	local info = c$dicom;
	local ae_title = "";

	if ( is_orig && info?$calling_ae )
		ae_title = info$calling_ae;

	if ( ! is_orig && info?$called_ae )
		ae_title = info$called_ae;

	return equipment(is_orig ? info$id$orig_h : info$id$resp_h, mac_of(c, is_orig), ae_title);
	}

function start_learning()
	{
	if ( learning_since != double_to_time(0.0) )
		return;

	local since = recall("learning since");
	learning_since = since == "" ? network_time() : double_to_time(to_double(since));
	remember("learning since", fmt("%.6f", learning_since));
	}

event DICOM::ae_title_seen(ae_title: string)
	{
	start_learning();

	if ( ae_title in ae_titles )
		return;

	remember("ae " + ae_title, "T");

	if ( |ae_titles| < max_ae_titles )
		add ae_titles[ae_title];
	else
		Telemetry::counter_family_inc(untracked, vector("ae_title"));
	}

event DICOM::move_requested(ae_title: string, uid: string, id: conn_id)
	{
	start_learning();

	if ( ae_title in ae_titles || is_learning(learning_since, network_time()) || recall("ae " + ae_title) != "" )
		return;

	NOTICE(Notice::Info($note=Move_To_Unknown_Destination, $uid=uid, $id=id, $sub=ae_title,
	                    $msg=fmt("C-MOVE to %s, which is not known", ae_title),
	                    $identifier=cat(id$orig_h, ae_title)));
	}

function to_ae_owner(ae_title: string)
	{
	if ( Cluster::is_enabled() )
		Cluster::publish_hrw(Cluster::proxy_pool, ae_title, DICOM::ae_title_seen, ae_title);
	else
		event DICOM::ae_title_seen(ae_title);
	}

function ask_ae_owner(ae_title: string, c: connection)
	{
	if ( Cluster::is_enabled() )
		Cluster::publish_hrw(Cluster::proxy_pool, ae_title, DICOM::move_requested, ae_title, c$uid,
		                     c$dicom$id);
	else
		event DICOM::move_requested(ae_title, c$uid, c$dicom$id);
	}

hook association_requested(c: connection)
	{
	local info = c$dicom;
	local id = info$id;
	local encrypted = "SSL" in c$service;

	tally(c, WATCH_ASSOCIATIONS, cat(id$orig_h), "", 1);

	if ( notice_external && ! (Site::is_local_addr(id$orig_h) && Site::is_local_addr(id$resp_h)) )
		notice_of(c, External_Association,
		          fmt("DICOM association %s the outside, %s", Site::is_local_addr(id$orig_h) ? "to" : "from",
		              titles(info)), "");

	if ( notice_credentials && ! encrypted && info?$user_identity &&
	     info$user_identity == "username_passcode" )
		notice_of(c, Cleartext_Credentials,
		          fmt("user name and password in clear text, %s", titles(info)), "");

	if ( ! notice_cleartext_across_sites || encrypted || ! has_inventory() )
		return;

	local here = equipment_of(c, T);
	local there = equipment_of(c, F);

	if ( here?$site && there?$site && here$site != there$site )
		notice_of(c, Cleartext_Across_Sites,
		          fmt("DICOM in clear text from site %s to site %s, %s", here$site, there$site,
		              titles(info)), "");
	}

hook association_accepted(c: connection)
	{
	local info = c$dicom;

	if ( info?$calling_ae && info$calling_ae !in shared_ae_titles )
		tally(c, WATCH_AE_HOSTS, info$calling_ae, cat(info$id$orig_h), 1);

	if ( ! notice_move_destination )
		return;

	if ( info?$calling_ae )
		to_ae_owner(info$calling_ae);

	if ( info?$called_ae )
		to_ae_owner(info$called_ae);
	}

hook association_rejected(c: connection)
	{
	local info = c$dicom;

	# Calling or called AE title not recognised (PS3.8, table 9-21).
	if ( info$reject_source == 1 && (info$reject_reason == 3 || info$reject_reason == 7) )
		tally(c, WATCH_AE_GUESSING, cat(info$id$orig_h), titles(info), 1);
	}

hook command_seen(c: connection, is_orig: bool, m: Command)
	{
	local info = c$dicom;
	local sender = is_orig ? info$id$orig_h : info$id$resp_h;
	local receiver = is_orig ? info$id$resp_h : info$id$orig_h;

	switch ( m$field )
		{
		case 0x0030: # C-ECHO-RQ
			if ( info$echo_rq == 1 )
				tally(c, WATCH_ECHO, cat(sender), cat(receiver, " ", info$id$resp_p), 1);

			break;

		case 0x0020: # C-FIND-RQ
			batch(c, WATCH_FIND, sender, 1);
			break;

		case 0x8020: # C-FIND-RSP
			if ( m?$status && m$status >= 0xff00 )
				batch(c, WATCH_FIND, receiver, 1);

			break;

		case 0x0010: # C-GET-RQ
			batch(c, WATCH_RETRIEVE, sender, 1);
			break;

		case 0x0021: # C-MOVE-RQ
			batch(c, WATCH_RETRIEVE, sender, 1);

			if ( notice_move_destination && m$move_destination != "" &&
			     ! has_ae_title(m$move_destination) )
				ask_ae_owner(m$move_destination, c);

			break;

		case 0x0001: # C-STORE-RQ
			if ( c$dicom_state$sender_checked || ! notice_unknown_sender || ! has_inventory() )
				break;

			c$dicom_state$sender_checked = T;

			if ( ! equipment_of(c, is_orig)?$role )
				notice_of(c, Store_From_Unknown_Sender,
				          fmt("objects from %s, which the inventory does not know, %s", sender,
				              titles(info)), "");

			break;
		}
	}

hook association_flushed(c: connection)
	{
	send_batches(c, 1);
	}

hook association_ended(c: connection)
	{
	local info = c$dicom;
	send_batches(c, 1);

	if ( ! info?$flags )
		return;

	if ( notice_malformed && "malformed" in info$flags )
		notice_of(c, Malformed, fmt("PDUs or command sets that violate the standard, %s", titles(info)), "");

	if ( notice_reserved && "reserved_nonzero" in info$flags )
		notice_of(c, Reserved_Bits_Set, fmt("reserved bytes that are not zero, %s", titles(info)), "");

	if ( notice_part10 && "part10_in_dataset" in info$flags )
		notice_of(c, Part10_In_Data_Set, fmt("header of a file in a data set, %s", titles(info)), "");
	}

hook endpoint_updated(e: Evidence, host: Host, category: string)
	{
	if ( ! notice_new_peer || category != "pacs" || e$peer in host$peers ||
	     |host$peers| >= max_rows_per_host || is_learning(host$since, e$row$ts) )
		return;

	NOTICE(Notice::Info($note=New_Peer, $uid=e$row$evidence_uid, $id=e$id, $sub=cat(e$peer),
	                    $msg=fmt("%s has an association with %s for the first time", e$row$host, e$peer),
	                    $identifier=cat(e$row$host, e$peer)));
	}

hook threshold_reached(o: Observation, total: count)
	{
	local note: Notice::Type;
	local msg: string;

	switch ( o$watch )
		{
		case WATCH_AE_GUESSING:
			note = AE_Title_Guessing;
			msg = fmt("%s was rejected with %d pairs of AE titles", o$key, total);
			break;
		case WATCH_FIND:
			note = Find_Enumeration;
			msg = fmt("%s sent or got %d C-FIND requests and results", o$key, total);
			break;
		case WATCH_RETRIEVE:
			note = Bulk_Retrieval;
			msg = fmt("%s sent %d C-GET and C-MOVE requests", o$key, total);
			break;
		case WATCH_ASSOCIATIONS:
			note = Association_Flood;
			msg = fmt("%s requested %d associations", o$key, total);
			break;
		case WATCH_ECHO:
			note = Echo_Scan;
			msg = fmt("%s sent C-ECHO to %d endpoints", o$key, total);
			break;
		case WATCH_AE_HOSTS:
			note = AE_Title_On_Several_Hosts;
			msg = fmt("AE title %s called from %d hosts", o$key, total);
			break;
		}

	NOTICE(Notice::Info($note=note, $msg=msg, $sub=cat(o$watch), $uid=o$uid, $id=o$id,
	                    $identifier=cat(o$watch, o$key)));
	}
