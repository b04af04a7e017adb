##! Counters for Zeek's telemetry. No AE title, address or user is a label.

@load base/frameworks/telemetry

@load ./main

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
