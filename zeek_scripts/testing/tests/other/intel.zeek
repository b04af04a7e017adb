# @TEST-DOC: Intelligence on AE titles and implementation UIDs.
#
# @TEST-EXEC: run-scenario retrieval %INPUT
# @TEST-EXEC: columns intel.log seen.indicator seen.indicator_type seen.where matched | sort -u >hits
# @TEST-EXEC: btest-diff hits

redef Intel::read_files += { "intel.tsv" };

event zeek_init()
	{
	suspend_processing();
	}

event Input::end_of_data(name: string, source: string)
	{
	continue_processing();
	}

# @TEST-START-FILE intel.tsv
#fields	indicator	indicator_type	meta.source
CT1	Intel::DICOM_AE_TITLE	test
VIEWER	Intel::DICOM_AE_TITLE	test
ELSEWHERE	Intel::DICOM_AE_TITLE	test
1.2.3.5	Intel::DICOM_IMPLEMENTATION_UID	test
# @TEST-END-FILE
