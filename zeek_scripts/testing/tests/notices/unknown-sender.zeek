# @TEST-DOC: Store_From_Unknown_Sender: objects of a host that the inventory does not know.
#
# @TEST-EXEC: run-scenario two_senders %INPUT
# @TEST-EXEC: columns notice.log note id.orig_h id.resp_h msg sub >notices
# @TEST-EXEC: btest-diff notices

redef DICOM::inventory_file = "inventory.tsv";

# @TEST-START-FILE inventory.tsv
#separator \x09
#set_separator	,
#empty_field	(empty)
#unset_field	-
#path	inventory
#fields	match	name	role	modality	site
#types	string	string	string	string	string
10.1.0.10	CT 1	modality	CT	north
10.1.0.20	PACS	pacs	-	north
# @TEST-END-FILE
