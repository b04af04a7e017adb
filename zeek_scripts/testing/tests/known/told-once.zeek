# @TEST-DOC: What the associations of two endpoints say again is no news, unless it began earlier, or the inventory has changed.
#
# @TEST-EXEC: run-scenario same_again %INPUT >output
# @TEST-EXEC: columns known_dicom.log ts host role >>output
# @TEST-EXEC: btest-diff output

module DICOM;

global ended = 0;

hook association_ended(c: connection)
	{
	print fmt("%s ended", c$id$orig_p);

	if ( ++ended == 3 )
		index_inventory();
	}

hook endpoint_updated(e: Evidence, h: Host, category: string)
	{
	print fmt("  told of %s by %s", e$row$host, e$id$orig_p);
	}
