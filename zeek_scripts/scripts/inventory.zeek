##! The hospital's own knowledge of its equipment: one file, read live. Written knowledge beats
##! inference.

@load base/frameworks/cluster
@load base/frameworks/config
@load base/frameworks/input

module DICOM;

export {
	## Path of the inventory, a Zeek TSV log with the fields match, name, role, modality and
	## site; match is an address, a CIDR, a MAC or `ae:TITLE`. Empty: there is none. In a
	## cluster the manager reads it and tells the others. A changed file takes effect at once.
	option inventory_file = "";

	## What the inventory says of one match.
	type Equipment: record {
		## What people call it.
		name:     string &optional;
		## pacs, modality, workstation, worklist, printer, gateway or other.
		role:     string &optional;
		## The modality, if it is one.
		modality: string &optional;
		## Where it stands.
		site:     string &optional;
	};

	## Returns what the inventory says of an endpoint: of its address, else its MAC, else its
	## AE title, else the longest network that it is in. Its role is unset where the inventory
	## says nothing.
	##
	## host: The address.
	##
	## mac: The MAC address, or an empty string.
	##
	## ae_title: The AE title, or an empty string.
	global equipment: function(host: addr, mac: string, ae_title: string): Equipment;

	## True if there is an inventory with at least one line.
	global has_inventory: function(): bool;

	## True if the inventory has a line for this AE title.
	global has_ae_title: function(ae_title: string): bool;

	## Run on each node when its inventory has changed.
	global inventory_changed: hook();

	## Sent by the manager to all other nodes of a cluster.
	global inventory_published: event(rows: table[string] of Equipment);
}

type Match: record {
	match: string;
};

# As read from the file, by match.
global inventory: table[string] of Equipment = table();

global by_address: table[addr] of Equipment = table();
global by_name: table[string] of Equipment = table(); # MAC addresses, and AE titles with "ae:"
global by_network: table[subnet] of Equipment = table();

function equipment(host: addr, mac: string, ae_title: string): Equipment
	{
	if ( ! has_inventory() )
		return Equipment();

	if ( host in by_address )
		return by_address[host];

	if ( mac != "" && to_lower(mac) in by_name )
		return by_name[to_lower(mac)];

	if ( ae_title != "" && "ae:" + ae_title in by_name )
		return by_name["ae:" + ae_title];

	if ( host in by_network )
		return by_network[host];

	return Equipment();
	}

function has_inventory(): bool
	{
	return |inventory| > 0;
	}

function has_ae_title(ae_title: string): bool
	{
	return "ae:" + ae_title in by_name;
	}

# Lines whose match is nothing of the four kinds are of no use and do no harm.
function index_inventory()
	{
	by_address = table();
	by_name = table();
	by_network = table();

	for ( match, what in inventory )
		{
		if ( starts_with(match, "ae:") )
			by_name[match] = what;
		else if ( is_valid_ip(match) )
			by_address[to_addr(match)] = what;
		else if ( is_valid_subnet(match) )
			by_network[to_subnet(match)] = what;
		else
			by_name[to_lower(match)] = what;
		}

	hook inventory_changed();
	}

function is_reader(): bool
	{
	return ! Cluster::is_enabled() || Cluster::local_node_type() == Cluster::MANAGER;
	}

function open_inventory(path: string)
	{
	if ( path == "" || ! is_reader() )
		return;

	if ( file_size(path) < 0 )
		{
		Reporter::warning(fmt("DICOM: the inventory %s cannot be read", path));
		return;
		}

	# A trace is over before the file is read, unless it waits.
	if ( reading_traces() )
		suspend_processing();

	Input::add_table(Input::TableDescription($source=path, $name="dicom-inventory", $idx=Match,
	                                         $val=Equipment, $destination=inventory,
	                                         $mode=Input::REREAD));
	}

function inventory_moved(id: string, path: string): string
	{
	if ( is_reader() )
		{
		Input::remove("dicom-inventory");
		clear_table(inventory);
		index_inventory();
		open_inventory(path);
		}

	return path;
	}

event zeek_init()
	{
	Option::set_change_handler("DICOM::inventory_file", inventory_moved);
	open_inventory(inventory_file);
	}

event Input::end_of_data(name: string, source: string)
	{
	if ( name != "dicom-inventory" )
		return;

	index_inventory();

	if ( reading_traces() )
		continue_processing();

	if ( Cluster::is_enabled() )
		{
		Cluster::publish(Cluster::worker_topic, DICOM::inventory_published, inventory);
		Cluster::publish(Cluster::proxy_topic, DICOM::inventory_published, inventory);
		}
	}

event DICOM::inventory_published(rows: table[string] of Equipment)
	{
	inventory = rows;
	index_inventory();
	}

event Cluster::node_up(name: string, id: string)
	{
	if ( Cluster::local_node_type() == Cluster::MANAGER && |inventory| > 0 )
		Cluster::publish(Cluster::node_topic(name), DICOM::inventory_published, inventory);
	}
