# @TEST-DOC: A changed inventory takes effect without a restart, and a file that is missing is no error.
#
# @TEST-EXEC: cp first.tsv inventory.tsv
# @TEST-EXEC: btest-bg-run zeek zeek ${PACKAGE} %INPUT
# @TEST-EXEC: btest-bg-wait 30
# @TEST-EXEC: btest-diff zeek/.stdout

redef exit_only_after_terminate = T;
redef DICOM::inventory_file = "../inventory.tsv";

global reads = 0;

function say(ae_title: string)
	{
	local e = DICOM::equipment(10.1.0.20, "", ae_title);
	print reads, e?$role ? e$role : "-", e?$name ? e$name : "-";
	}

event Input::end_of_data(name: string, source: string) &priority=-5
	{
	++reads;
	say("PACS");

	if ( reads == 1 )
		system("cp ../second.tsv ../inventory.tsv.new && mv ../inventory.tsv.new ../inventory.tsv");
	else
		terminate();
	}

# @TEST-START-FILE first.tsv
#separator \x09
#set_separator	,
#empty_field	(empty)
#unset_field	-
#path	inventory
#fields	match	name	role	modality	site
#types	string	string	string	string	string
10.1.0.20	the first	pacs	-	-
# @TEST-END-FILE

# @TEST-START-FILE second.tsv
#separator \x09
#set_separator	,
#empty_field	(empty)
#unset_field	-
#path	inventory
#fields	match	name	role	modality	site
#types	string	string	string	string	string
10.1.0.20	the second	gateway	-	-
# @TEST-END-FILE
