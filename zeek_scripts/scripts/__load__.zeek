##! DICOM for Zeek: dicom.log, known_dicom.log, dicom_times.log, notices, intelligence, and HL7 and DICOMweb besides.

@load ./main
@load ./files
@load ./halves
@load ./hl7
@load ./intel
@load ./inventory
@load ./known
@load ./notices
@load ./slow
@load ./telemetry
@load ./times
@load ./watch
@load ./web

@load-sigs ./dpd
@load-sigs ./files
@load-sigs ./hl7
