# @TEST-DOC: Responses are told at the end of an association and about every minute before; telemetry has their histogram, without AE titles.
#
# @TEST-EXEC: run-scenario becomes_slow %INPUT >output
# @TEST-EXEC: btest-diff output

event DICOM::timed(c: connection, rows: vector of DICOM::Times)
	{
	for ( i, row in rows )
		print "timed", row$operation, row$requests, row$response_times;
	}

hook DICOM::responded(c: connection, row: DICOM::Times, news: vector of count)
	{
	print "responded", row$operation, news;
	}

event zeek_done()
	{
	for ( i, m in Telemetry::collect_histogram_metrics("zeek", "dicom*") )
		print m$opts$name, m$label_names, m$label_values, m$values, m$observations;
	}
