# @TEST-DOC: Cleartext_Across_Sites: the inventory puts the two endpoints on different sites.
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
10.1.0.0/28	north wing	modality	CT	north
ae:CT1	CT 1	modality	CT	south
10.1.0.20	PACS	pacs	-	north
10.1.0.66	CT 2	modality	CT	south
# @TEST-END-FILE
