##! Keeps what was learned of hosts and AE titles over a restart, in an SQLite file, where one is
##! named. Nothing but addresses, AE titles, services and times is in it.

@load base/frameworks/cluster
@load base/frameworks/storage
@load policy/frameworks/storage/backend/sqlite

module DICOM;

export {
	## The file in which a node keeps what it learned; empty: learning begins anew when Zeek
	## restarts. In a cluster the name of the node is added.
	option memory_file = "" &redef;

	## Returns what was kept under a key, or an empty string.
	global recall: function(key: string): string;

	## Keeps a value under a key.
	global remember: function(key: string, value: string);
}

global memory: opaque of Storage::BackendHandle;
global has_memory = F;
global opened = F;

# True if there is a file to keep things in. It is opened when it is first needed.
function open_memory(): bool
	{
	if ( opened || memory_file == "" )
		return has_memory;

	opened = T;
	local path = Cluster::is_enabled() ? memory_file + "." + Cluster::node : memory_file;
	local options = Storage::BackendOptions();
	options$sqlite = Storage::Backend::SQLite::Options($database_path=path, $table_name="dicom");
	local result = Storage::Sync::open_backend(Storage::STORAGE_BACKEND_SQLITE, options, string, string);
	has_memory = result$code == Storage::SUCCESS;

	if ( has_memory )
		memory = result$value;
	else
		Reporter::warning(fmt("%s cannot be opened; what is learned will not outlive a restart", path));

	return has_memory;
	}

function recall(key: string): string
	{
	if ( ! open_memory() )
		return "";

	local result = Storage::Sync::get(memory, key);
	return result$code == Storage::SUCCESS ? result$value as string : "";
	}

function remember(key: string, value: string)
	{
	if ( open_memory() )
		Storage::Sync::put(memory, Storage::PutArgs($key=key, $value=value));
	}
