# A DICOM file (PS3.10, 7.1). Unlike Zeek's own signature it takes any byte in the preamble.
signature file_dicom {
	file-mime "application/dicom", 71
	file-magic /[\x00-\xff]{128}DICM/
}
