# An A-ASSOCIATE-RQ (PS3.8, 9.3.2): type, reserved, a length below 1 MiB, 68 bytes of fixed fields,
# and the DICOM application context as the first variable item. One signature on the request is
# all: answers are weak, and requests are often longer than what signatures get to see.
signature dpd_dicom_associate_rq {
	ip-proto == tcp
	payload /^\x01[\x00-\xff]\x00[\x00-\x0f][\x00-\xff]{70}\x10[\x00-\xff]\x00[\x15\x16]1\.2\.840\.10008\.3\.1\.1\.1/
	enable "DICOM"
}

# The header that load balancers put in front of a connection (HAProxy's "The PROXY protocol"): the
# analyzer reads it, and gives up where no association follows.
signature dpd_dicom_proxied_text {
	ip-proto == tcp
	payload /^PROXY (TCP[46]|UNKNOWN)/
	enable "DICOM"
}

signature dpd_dicom_proxied_binary {
	ip-proto == tcp
	payload /^\r\n\r\n\x00\r\nQUIT\n[\x20\x21]/
	enable "DICOM"
}
