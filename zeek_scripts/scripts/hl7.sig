# A VT, MSH, a field separator and the encoding characters (HL7 version 2, chapter 2).
signature dpd_hl7_mllp {
	ip-proto == tcp
	payload /^\x0bMSH[\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e][\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e]{3,5}/
	enable "HL7"
}
