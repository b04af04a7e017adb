# @TEST-DOC: Associations behind the PROXY headers of load balancers, on a port of no analyzer.
#
# @TEST-EXEC: run-scenario proxied
# @TEST-EXEC: columns dicom.log id.orig_h id.orig_p calling_ae result end store_rq flags proxied_for >rows
# @TEST-EXEC: btest-diff rows
