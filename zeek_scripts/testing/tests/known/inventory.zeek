# @TEST-DOC: Written knowledge beats inference: by address, MAC, AE title and network, in this order.
#
# @TEST-EXEC: run-scenario hospital %INPUT
# @TEST-EXEC: columns known_dicom.log host ae_title role category basis >endpoints
# @TEST-EXEC: btest-diff endpoints

redef DICOM::inventory_file = "inventory.tsv";

# @TEST-START-FILE inventory.tsv
#separator \x09
#set_separator	,
#empty_field	(empty)
#unset_field	-
#path	inventory
#fields	match	name	role	modality	site
#types	string	string	string	string	string
10.1.0.20	by address	gateway	-	-
ae:PACS	by AE title, but the address comes first	printer	-	-
ae:FILM	by AE title	other	-	-
10.1.0.0/24	by network	workstation	-	-
10.1.0.40/30	by a longer network, but the AE title comes first	pacs	-	-
not a match	of no use	pacs	-	-
10.1.0.300	of no use	pacs	-	-
# @TEST-END-FILE
