# @TEST-DOC: A P-DATA-TF and a PDV of 4 GiB.
#
# @TEST-EXEC: run-scenario huge_length
# @TEST-EXEC: btest-diff dicom.log
