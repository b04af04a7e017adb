##! Counters for Zeek's telemetry. No AE title, address or user is a label.

@load base/frameworks/telemetry

@load ./main
@load ./times

module DICOM;

export {
	## Associations that ended, by result and end.
	global associations = Telemetry::register_counter_family(Telemetry::MetricOpts(
	    $prefix="zeek", $name="dicom_associations", $unit="1",
	    $help_text="DICOM associations that ended", $label_names=vector("result", "end")));

	## DIMSE requests, by kind.
	global requests = Telemetry::register_counter_family(Telemetry::MetricOpts(
	    $prefix="zeek", $name="dicom_requests", $unit="1",
	    $help_text="DIMSE requests", $label_names=vector("kind")));

	## DIMSE responses of failure.
	global failures = Telemetry::register_counter_family(Telemetry::MetricOpts(
	    $prefix="zeek", $name="dicom_failures", $unit="1",
	    $help_text="DIMSE responses of failure"));

	## Bytes of data sets of associations that ended.
	global data_bytes = Telemetry::register_counter_family(Telemetry::MetricOpts(
	    $prefix="zeek", $name="dicom_data", $unit="bytes",
	    $help_text="Bytes of DICOM data sets", $label_names=vector("direction")));

	## Response times, by operation. Bounds are those of dicom_times.log; the sum is an estimate
	## from the means of connections.
	global responses = Telemetry::register_histogram_family(Telemetry::MetricOpts(
	    $prefix="zeek", $name="dicom_response_times", $unit="seconds",
	    $help_text="Response times of DIMSE operations", $label_names=vector("operation"),
	    $bounds=vector(0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048,
	                   4.096, 8.192, 16.384, 32.768, 65.536, 131.072)));

	## What was not tracked because a bound was reached.
	global untracked = Telemetry::register_counter_family(Telemetry::MetricOpts(
	    $prefix="zeek", $name="dicom_untracked", $unit="1",
	    $help_text="DICOM hosts, rows and tallies beyond the bounds", $label_names=vector("what")));
}

# What was counted since the counters were last read: reaching them takes longer than counting.
type Tallied: record {
	ends:     table[string, string] of count &default=table() &default_insert=0;
	echo:     count &default=0;
	store:    count &default=0;
	find:     count &default=0;
	get:      count &default=0;
	move:     count &default=0;
	cancel:   count &default=0;
	n:        count &default=0;
	orig:     count &default=0;
	resp:     count &default=0;
	failures: count &default=0;
};

global tallied = Tallied();

hook association_ended(c: connection) &priority=-5
	{
	local info = c$dicom;
	local t = tallied;
	++t$ends[info$result, info$end];
	t$orig += info$data_bytes_orig;
	t$resp += info$data_bytes_resp;
	t$failures += info$rsp_failure;
	t$echo += info$echo_rq;
	t$store += info$store_rq;
	t$find += info$find_rq;
	t$get += info$get_rq;
	t$move += info$move_rq;
	t$cancel += info$cancel_rq;
	t$n += info$n_rq;
	}

hook Telemetry::sync()
	{
	local t = tallied;
	tallied = Tallied();

	for ( [result, end], n in t$ends )
		Telemetry::counter_family_inc(associations, vector(result, end), n + 0.0);

	for ( kind, n in table(["echo"] = t$echo, ["store"] = t$store, ["find"] = t$find, ["get"] = t$get,
	                       ["move"] = t$move, ["cancel"] = t$cancel, ["n"] = t$n) )
		if ( n > 0 )
			Telemetry::counter_family_inc(requests, vector(kind), n + 0.0);

	Telemetry::counter_family_inc(data_bytes, vector("originator"), t$orig + 0.0);
	Telemetry::counter_family_inc(data_bytes, vector("responder"), t$resp + 0.0);
	Telemetry::counter_family_inc(failures, vector(), t$failures + 0.0);
	}

# A time within an element of a histogram (docs/tag-logs.md): the mean, where it lies in it.
function within(element: count, row: Times): double
	{
	local mean = interval_to_double(row$response_mean);
	local upper = 0.001 * (1 << element);

	if ( mean < upper && (element == 0 || mean >= upper / 2) )
		return mean;

	return upper * 0.75;
	}

hook responded(c: connection, row: Times, news: vector of count)
	{
	local h = Telemetry::histogram_with(responses, vector(row$operation));

	for ( i, n in news )
		{
		if ( n == 0 )
			next;

		local seconds = within(i, row);
		local left = n;

		while ( left > 0 )
			{
			Telemetry::histogram_observe(h, seconds);
			--left;
			}
		}
	}
