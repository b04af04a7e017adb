# @TEST-DOC: Every notice has a switch: with all of them off nothing is noticed.
#
# @TEST-EXEC: for s in external identity guessing enumeration retrieval peers same_title flood echo_scan part10 short_pdvs reserved program_files two_senders; do run-scenario $s %INPUT || exit 1; test ! -e notice.log || exit 1; done

redef DICOM::inventory_file = "inventory.tsv";
redef DICOM::notice_external = F;
redef DICOM::notice_cleartext_across_sites = F;
redef DICOM::notice_credentials = F;
redef DICOM::notice_executable = F;
redef DICOM::notice_malformed = F;
redef DICOM::notice_move_destination = F;
redef DICOM::notice_new_peer = F;
redef DICOM::notice_part10 = F;
redef DICOM::notice_reserved = F;
redef DICOM::notice_unknown_sender = F;
redef DICOM::ae_guessing_threshold = 0;
redef DICOM::ae_hosts_threshold = 0;
redef DICOM::echo_threshold = 0;
redef DICOM::find_threshold = 0;
redef DICOM::flood_threshold = 0;
redef DICOM::retrieve_threshold = 0;
redef DICOM::learning_period = 0sec;

# @TEST-START-FILE inventory.tsv
#separator \x09
#set_separator	,
#empty_field	(empty)
#unset_field	-
#path	inventory
#fields	match	name	role	modality	site
#types	string	string	string	string	string
10.1.0.10	CT 1	modality	CT	north
10.1.0.20	PACS	pacs	-	south
# @TEST-END-FILE
