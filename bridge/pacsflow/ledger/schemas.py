"""The columns of what a ledger makes of connections and frames, as Arrow schemas."""

from __future__ import annotations

import pyarrow as pa

from pacsflow.terms import log_fields

DICOM = "dicom"
DICOM_BY_PORT = "dicom?"
"""Proven DICOM, and TCP or TLS connections on a DICOM port that nobody has looked into."""

HOUR = pa.timestamp("us", tz="UTC")
ORIGINS = (pa.field("sensor", pa.string()), pa.field("file", pa.string()))
"""Columns that every row of a ledger ends with: the sensor that saw it, null where nobody said,
and the first 16 hexadecimal digits of the SHA-256 of the file that it was read from."""

TRAFFIC = pa.schema(
    [
        ("hour", HOUR),
        ("source", pa.string()),
        ("destination", pa.string()),
        ("service", pa.string()),
        ("origin", pa.string()),
        ("communications", pa.int64()),
        ("packets", pa.int64()),
        ("bytes", pa.int64()),
        ("samples", pa.int64()),
        ("missed_bytes", pa.int64()),
        ("weight_squares", pa.float64()),
        *ORIGINS,
    ]
)
"""The ledger's rows. `communications` are counted at the side and in the hour that began them.
`weight_squares` is the sum of (rate x length)^2 over samples, from which the interval of an
estimated total of bytes follows; 0 where nothing was sampled. Rows with negative numbers take back
what a file's rows counted of a connection that another file tells in full."""

COVERAGE = pa.schema(
    [("hour", HOUR), ("origin", pa.string()), ("rows", pa.int64()), *ORIGINS],
)
"""Hours in which a source saw something begin or end: what tells zero from no data."""

CONNECTIONS = pa.schema(
    [
        ("ts", HOUR),
        ("uid", pa.string()),
        ("source", pa.string()),
        ("destination", pa.string()),
        ("service", pa.string()),
        ("source_packets", pa.int64()),
        ("destination_packets", pa.int64()),
        ("bytes", pa.int64()),
        ("missed_bytes", pa.int64()),
        ("history", pa.string()),
        ("source_local", pa.bool_()),
        ("destination_local", pa.bool_()),
        *ORIGINS,
    ]
)
"""The imaging connections of conn.log, one row each: what findings point to, and with Zeek's
`history` the one trace of retransmissions. `source` is the originator, `bytes` both ways; local is
what the sensor takes for the site's own (local_orig, local_resp)."""

KEYS = pa.schema([("day", pa.date32()), ("key", pa.int64()), ("sign", pa.int8()), *ORIGINS])
"""One row a connection that was counted, by the day that it began (`connection_keys`): a sign of
-1 takes it back from the file that counted it first."""

LASTING = pa.schema(
    [
        ("ts", HOUR),
        ("uid", pa.string()),
        ("key", pa.int64()),
        ("duration", pa.float64()),
        ("source", pa.string()),
        ("destination", pa.string()),
        ("service", pa.string()),
        ("source_packets", pa.int64()),
        ("destination_packets", pa.int64()),
        ("source_bytes", pa.int64()),
        ("destination_bytes", pa.int64()),
        ("missed_bytes", pa.int64()),
        ("sign", pa.int8()),
        *ORIGINS,
    ]
)
"""Connections that may be told again, longer, or turn out to carry others: rows of conn_long.log,
of 300 s and more, and tunnels. From them what was counted can be taken back."""

TUNNELS = pa.schema([("ts", HOUR), ("uid", pa.string()), *ORIGINS])
"""The connections that carry others (`tunnel_parents` of those they carry)."""

CROSSING = pa.schema(
    [
        ("ts", HOUR),
        ("last", HOUR),
        ("key", pa.int64()),
        ("head", pa.bool_()),
        ("tail", pa.bool_()),
        ("source", pa.string()),
        ("destination", pa.string()),
        ("service", pa.string()),
        *ORIGINS,
    ]
)
"""Conversations of captures that may have begun before the file (`head`: no SYN, or none that could
be seen, and in its first minute) or go on after it (`tail`). `key` follows from both ends and the
protocol. With them a conversation over several files of one capture counts once."""

EDGES = pa.schema([*log_fields.EDGES, *ORIGINS])
"""Where captures begin and end inside associations: what lies between two files of one capture."""

REMARKS = pa.schema(
    [
        ("ts", HOUR),
        ("what", pa.string()),
        ("number", pa.int64()),
        ("total", pa.int64()),
        ("name", pa.string()),
        *ORIGINS,
    ]
)
"""What holds of a source as a whole, by its earliest time, so that findings can speak of it: of
`total` frames or rows `number` are ``copies`` (frames of a capture that repeat others) or
``spread`` (connections that several workers of a cluster told); `name` is that of the file, with
`*` for its numbers."""

OF_CONN = (
    "ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto", "service",
    "duration", "orig_bytes", "resp_bytes", "missed_bytes", "history", "orig_pkts",
    "orig_ip_bytes", "resp_pkts", "resp_ip_bytes", "tunnel_parents", "local_orig", "local_resp",
    *log_fields.VLANS, "sensor",
)  # fmt: skip
"""The columns of conn.log that a ledger asks for."""

OF_FRAMES = (
    "ts", "protocol", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "length",
    "sampling_rate", "agent", "proto", "flow", "service", "payload", "tcp_flags",
)  # fmt: skip
"""The columns of frames that a ledger asks for."""
