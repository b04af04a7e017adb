# @TEST-DOC: The package loads, with its two analyzers and without a word.
#
# @TEST-EXEC: zeek -NN | grep -q ANALYZER_DICOM
# @TEST-EXEC: zeek -NN | grep -q ANALYZER_HL7
# @TEST-EXEC: zeek -a ${PACKAGE} >output 2>&1
# @TEST-EXEC: zeek ${PACKAGE} -e 'event zeek_init() { terminate(); }' >>output 2>&1
# @TEST-EXEC: test ! -s output
