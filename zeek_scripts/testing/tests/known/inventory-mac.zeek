# @TEST-DOC: A MAC address comes before an AE title.
#
# @TEST-EXEC: run-scenario echo %INPUT
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
02:00:00:00:00:01	by MAC	gateway	-	-
02:00:00:00:00:02	by MAC	printer	-	-
ae:CT1	by AE title	modality	-	-
# @TEST-END-FILE
