# @TEST-DOC: Log policy hooks keep rows out of the logs.
#
# @TEST-EXEC: run-scenario echo %INPUT
# @TEST-EXEC: test ! -e dicom.log
# @TEST-EXEC: test ! -e known_dicom.log

hook DICOM::log_policy(rec: DICOM::Info, id: Log::ID, filter: Log::Filter)
	{
	break;
	}

hook DICOM::log_policy_known(rec: DICOM::KnownInfo, id: Log::ID, filter: Log::Filter)
	{
	break;
	}
