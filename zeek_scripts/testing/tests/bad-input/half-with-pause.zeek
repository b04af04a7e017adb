# @TEST-DOC: Zeek takes what follows a pause for another connection: it stays one association.
#
# @TEST-EXEC: run-scenario half_with_pause
# @TEST-EXEC: columns dicom.log ts end flags store_rq data_bytes_orig | tail -1 >last
# @TEST-EXEC: columns dicom.log uid | sort -u | wc -l | tr -d ' ' >associations
# @TEST-EXEC: btest-diff last
# @TEST-EXEC: btest-diff associations
