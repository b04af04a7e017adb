##! Counts within an interval, across a cluster: how often something happened, or how many different
##! things. The proxies own the tallies. All that is kept is bounded, and expires.

@load base/frameworks/cluster

@load ./main
@load ./telemetry

module DICOM;

export {
	## What is being counted.
	type Watch: enum {
		## Different AE titles that one host was rejected with.
		WATCH_AE_GUESSING,
		## C-FIND requests and results of one host.
		WATCH_FIND,
		## C-GET and C-MOVE requests of one host.
		WATCH_RETRIEVE,
		## Associations that one host requested.
		WATCH_ASSOCIATIONS,
		## Different endpoints that one host sent C-ECHO to.
		WATCH_ECHO,
		## Different hosts that use one AE title to call.
		WATCH_AE_HOSTS,
	};

	## One observation.
	type Observation: record {
		## What is being counted.
		watch:  Watch;
		## Whom it is counted for: a host or an AE title.
		key:    string;
		## What is counted, if different things are; else empty.
		item:   string;
		## How many, if it is not things that are counted.
		amount: count;
		## The connection.
		uid:    string;
		## Its endpoints.
		id:     conn_id;
	};

	## How many keys are tallied at most on one node.
	option max_tallies = 100000;

	## Counts something, on the node that owns it.
	global observe: function(o: Observation);

	## Sent by workers to the proxy that owns the tally.
	global observed: event(o: Observation);

	## Run on the owning node when a tally reaches its threshold, at most once an interval.
	global threshold_reached: hook(o: Observation, total: count);
}

## What a watch counts to, and how long a tally lasts. A threshold of 0 switches it off.
type Bound: record {
	threshold: count;
	within: interval;
};

type Tally: record {
	since: time;
	total: count &default=0;
	items: set[string] &default=set();
	reached: bool &default=F;
};

global bound: function(w: Watch): Bound;

global tallies: table[Watch, string] of Tally = table() &write_expire=1day;

function observe(o: Observation)
	{
	if ( bound(o$watch)$threshold == 0 )
		return;

	if ( Cluster::is_enabled() )
		Cluster::publish_hrw(Cluster::proxy_pool, o$key, DICOM::observed, o);
	else
		event DICOM::observed(o);
	}

event DICOM::observed(o: Observation)
	{
	local b = bound(o$watch);

	if ( [o$watch, o$key] in tallies && network_time() - tallies[o$watch, o$key]$since > b$within )
		delete tallies[o$watch, o$key];

	if ( [o$watch, o$key] !in tallies )
		{
		if ( |tallies| >= max_tallies )
			{
			Telemetry::counter_family_inc(untracked, vector("tally"));
			return;
			}

		tallies[o$watch, o$key] = Tally($since=network_time());
		}

	local t = tallies[o$watch, o$key];

	if ( t$reached )
		return;

	if ( o$item == "" )
		t$total += o$amount;
	else
		{
		add t$items[o$item];
		t$total = |t$items|;
		}

	if ( t$total < b$threshold )
		return;

	t$reached = T;
	t$items = set();
	hook threshold_reached(o, t$total);
	}
