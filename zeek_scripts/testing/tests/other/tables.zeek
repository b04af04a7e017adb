# @TEST-DOC: What a site adds to a table stays, and the other tables still know what they knew.
#
# @TEST-EXEC: zeek ${PACKAGE} %INPUT >output
# @TEST-EXEC: btest-diff output

redef DICOM::sop_class_names += { ["1.2.840.10008.5.1.4.1.1.2"] = "OurCT", ["1.2.3"] = "Private" };
redef DICOM::sop_class_services += { ["1.2.840.10008.1.1"] = "other" };

event zeek_init()
	{
	print DICOM::sop_class_names["1.2.840.10008.5.1.4.1.1.2"], DICOM::sop_class_services["1.2.840.10008.5.1.4.1.1.2"], DICOM::sop_class_modalities["1.2.840.10008.5.1.4.1.1.2"];
	print DICOM::sop_class_names["1.2.3"], "1.2.3" in DICOM::sop_class_services;
	print DICOM::sop_class_names["1.2.840.10008.1.1"], DICOM::sop_class_services["1.2.840.10008.1.1"];
	print DICOM::transfer_syntax_names["1.2.840.10008.1.2"];
	}
