# An A-ASSOCIATE-RQ (PS3.8, 9.3.2): type, reserved, a length below 1 MiB, 68 bytes of fixed fields,
# and the DICOM application context as the first variable item. One signature on the request is
# all: answers are weak, and requests are often longer than what signatures get to see.
signature dpd_dicom_associate_rq {
	ip-proto == tcp
	payload /^\x01[\x00-\xff]\x00[\x00-\x0f][\x00-\xff]{70}\x10[\x00-\xff]\x00[\x15\x16]1\.2\.840\.10008\.3\.1\.1\.1/
	enable "DICOM"
}
