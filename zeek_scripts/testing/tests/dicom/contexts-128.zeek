# @TEST-DOC: A request of over 16 kB with 128 contexts, half of them accepted; sets are capped.
#
# @TEST-EXEC: run-scenario contexts_128
# @TEST-EXEC: btest-diff dicom.log
