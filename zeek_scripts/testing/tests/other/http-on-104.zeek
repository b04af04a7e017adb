# @TEST-DOC: HTTP on port 104 is HTTP.
#
# @TEST-EXEC: run-scenario lookalikes
# @TEST-EXEC: columns conn.log id.resp_p service | sort | uniq -c | awk '{ print $1, $2, $3 }' >services
# @TEST-EXEC: btest-diff services
