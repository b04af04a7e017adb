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

hook association_ended(c: connection) &priority=-5
	{
	local info = c$dicom;
	Telemetry::counter_family_inc(associations, vector(info$result, info$end));
	Telemetry::counter_family_inc(data_bytes, vector("originator"), info$data_bytes_orig + 0.0);
	Telemetry::counter_family_inc(data_bytes, vector("responder"), info$data_bytes_resp + 0.0);
	Telemetry::counter_family_inc(failures, vector(), info$rsp_failure + 0.0);

	local counts: table[string] of count = {
		["echo"] = info$echo_rq, ["store"] = info$store_rq, ["find"] = info$find_rq,
		["get"] = info$get_rq, ["move"] = info$move_rq, ["cancel"] = info$cancel_rq,
		["n"] = info$n_rq,
	};

	for ( kind, n in counts )
		if ( n > 0 )
			Telemetry::counter_family_inc(requests, vector(kind), n + 0.0);
	}
