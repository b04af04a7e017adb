# @TEST-DOC: Counters, none of them with an AE title or an address as label.
#
# @TEST-EXEC: run-scenario statuses %INPUT >output
# @TEST-EXEC: btest-diff output

event zeek_done()
	{
	for ( i, m in Telemetry::collect_metrics("zeek", "dicom*") )
		print m$opts$name, m$label_names, m$label_values, m$value;
	}
