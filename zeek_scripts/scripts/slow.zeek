##! A notice for a PACS that becomes slow now: its response times against its own from before. The
##! proxies own what was learned of each host. All that is kept is bounded, and expires.

@load base/frameworks/cluster

@load ./notices
@load ./times

module DICOM;

export {
	## Shortest median of response times that is slow, by their histogram; 0sec switches
	## Slow_Responses off.
	option slow_response = 1sec;

	## How many times as long as before the median has to be, at least: a power of two.
	option slow_factor = 4;

	## The interval whose responses are compared with all before it.
	option slow_interval = 10min;

	## Responses in the interval that are enough to tell.
	option slow_responses = 20;

	## Responses before it that are enough to know what is usual.
	option slow_learned = 200;

	## Response times of one host, sent to the proxy that owns what was learned of it.
	global response_times: event(host: addr, operation: string, times: vector of count, uid: string, id: conn_id);
}

# Response times of a host and operation, as histograms: of the interval, and of all before.
type Pace: record {
	since: time;
	now:   vector of count;
	usual: vector of count;
	told:  bool &default=F;
};

# So many responses are remembered; then each of them counts half.
const max_usual = 100000;

global paces: table[addr, string] of Pace = table() &read_expire=30days;

function sum_of(times: vector of count): count
	{
	local sum = 0;

	for ( i, n in times )
		sum += n;

	return sum;
	}

function add_to(times: vector of count, more: vector of count)
	{
	for ( i, n in more )
		{
		while ( |times| <= i )
			times += 0;

		times[i] += n;
		}
	}

# The element that the median is in.
function median_of(times: vector of count): count
	{
	local half = sum_of(times);
	local seen = 0;

	for ( i, n in times )
		{
		seen += n;

		if ( 2 * seen >= half )
			return i;
		}

	return 0;
	}

# From where an element of a histogram counts (docs/tag-logs.md).
function begin_of(element: count): interval
	{
	return element == 0 ? 0sec : double_to_interval(0.001 * (1 << (element - 1)));
	}

function is_slow(now: count, usual: count): bool
	{
	return begin_of(now) >= slow_response && begin_of(now) >= begin_of(usual + 1) * slow_factor / 2;
	}

# What the interval had becomes usual; another begins.
function begin_interval(p: Pace)
	{
	add_to(p$usual, p$now);

	if ( sum_of(p$usual) > max_usual )
		for ( i, n in p$usual )
			p$usual[i] = n / 2;

	p$since = network_time();
	p$now = vector();
	p$told = F;
	}

event DICOM::response_times(host: addr, operation: string, times: vector of count, uid: string, id: conn_id)
	{
	if ( [host, operation] !in paces )
		{
		if ( |paces| >= max_hosts )
			{
			Telemetry::counter_family_inc(untracked, vector("response_times"));
			return;
			}

		paces[host, operation] = Pace($since=network_time(), $now=vector(), $usual=vector());
		}

	local p = paces[host, operation];

	if ( network_time() - p$since > slow_interval )
		begin_interval(p);

	add_to(p$now, times);

	if ( p$told || sum_of(p$now) < slow_responses || sum_of(p$usual) < slow_learned )
		return;

	local now = median_of(p$now);
	local usual = median_of(p$usual);

	if ( ! is_slow(now, usual) )
		return;

	p$told = T;
	NOTICE(Notice::Info($note=Slow_Responses, $uid=uid, $id=id, $sub=operation, $src=host,
	                    $msg=fmt("%s takes at least %.3f s for half of its answers (%s); it was less than %.3f s",
	                             host, interval_to_double(begin_of(now)), operation,
	                             interval_to_double(begin_of(usual + 1))),
	                    $identifier=cat(host, operation)));
	}

hook responded(c: connection, row: Times, news: vector of count)
	{
	if ( slow_response == 0sec || sum_of(news) == 0 )
		return;

	local host = row$requestor == "orig" ? c$id$resp_h : c$id$orig_h;

	if ( Cluster::is_enabled() )
		Cluster::publish_hrw(Cluster::proxy_pool, cat(host), DICOM::response_times, host, row$operation, news,
		                     c$uid, c$id);
	else
		event DICOM::response_times(host, row$operation, news, c$uid, c$id);
	}
