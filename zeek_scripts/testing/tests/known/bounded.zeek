# @TEST-DOC: Hosts and rows are bounded; what is beyond is counted.
#
# @TEST-EXEC: run-scenario flood %INPUT >output
# @TEST-EXEC: run-scenario echo_scan %INPUT >>output
# @TEST-EXEC: columns known_dicom.log host >hosts
# @TEST-EXEC: btest-diff output
# @TEST-EXEC: btest-diff hosts

redef DICOM::max_hosts = 3;

event zeek_done()
	{
	for ( i, m in Telemetry::collect_metrics("zeek", "dicom_untracked*") )
		print m$label_values, m$value > 0;
	}
