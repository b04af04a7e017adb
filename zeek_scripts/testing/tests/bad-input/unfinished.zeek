# @TEST-DOC: Of a PDU that its connection's end cuts short the bytes that came count: the port has them.
#
# @TEST-EXEC: run-scenario unfinished
# @TEST-EXEC: columns dicom.log id.orig_p data_bytes_orig flags end | grep unfinished | awk '{ sub("/tcp", "", $1); print ($1 == $2), $4 }' | sort | uniq -c >ended
# @TEST-EXEC: btest-diff ended
# @TEST-EXEC: columns dicom.log id.orig_p data_bytes_orig flags end | grep -v unfinished | sort | uniq -c >others
# @TEST-EXEC: btest-diff others
