"""The columns that pacsflow reads from each kind of source, as Arrow schemas.

A column that a source does not have is null. Times are UTC microseconds. Names are those of Zeek
and, for frames, of FACTS' nine columns of the hospital study.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from pacsflow.terms import dicom_times

if TYPE_CHECKING:
    from collections.abc import Iterable

TIME = pa.timestamp("us", tz="UTC")
TEXTS = pa.list_(pa.string())
COUNTS = dicom_times.COUNTS
SENSOR = ("sensor", pa.string())
SENSOR_NAMES = ("_system_name", "_sensor", "_node_name", "_node", "peer", "_peer")
"""What clusters and distributions call the column that says which sensor wrote a row, the most
telling first."""
_SENSORS = ("sensor", *SENSOR_NAMES)

_CONNECTION = [
    ("ts", TIME),
    ("uid", pa.string()),
    ("id.orig_h", pa.string()),
    ("id.orig_p", pa.int32()),
    ("id.resp_h", pa.string()),
    ("id.resp_p", pa.int32()),
]

CONNECTION = frozenset(name for name, _ in _CONNECTION if name.startswith("id."))
"""Fields of a connection's addresses and ports."""

VLANS = ("vlan", "inner_vlan", "id.ctx.vlan", "id.ctx.inner_vlan")
"""What conn.log says of VLANs: of vlan-logging, and of the VLAN-aware key of connections."""

CONN = pa.schema(
    [
        *_CONNECTION,
        ("proto", pa.string()),
        ("service", pa.string()),
        ("duration", pa.float64()),
        ("orig_bytes", pa.int64()),
        ("resp_bytes", pa.int64()),
        ("conn_state", pa.string()),
        ("local_orig", pa.bool_()),
        ("local_resp", pa.bool_()),
        ("missed_bytes", pa.int64()),
        ("history", pa.string()),
        ("orig_pkts", pa.int64()),
        ("orig_ip_bytes", pa.int64()),
        ("resp_pkts", pa.int64()),
        ("resp_ip_bytes", pa.int64()),
        ("community_id", pa.string()),
        ("tunnel_parents", TEXTS),
        *((name, pa.int64()) for name in VLANS),
        SENSOR,
    ]
)

_DICOM_COUNTS = (
    "reject_result", "reject_source", "reject_reason", "abort_source", "abort_reason",
    "ctx_offered", "ctx_accepted",
)  # fmt: skip
_DICOM_TOTALS = (
    "echo_rq", "store_rq", "find_rq", "get_rq", "move_rq", "cancel_rq", "n_rq", "rsp_success",
    "rsp_warning", "rsp_failure", "rsp_pending", "rsp_cancel",
)  # fmt: skip

DICOM = pa.schema(
    [
        *_CONNECTION,
        ("community_id", pa.string()),
        ("duration", pa.float64()),
        ("calling_ae", pa.string()),
        ("called_ae", pa.string()),
        ("result", pa.string()),
        ("end", pa.string()),
        *((name, pa.int64()) for name in _DICOM_COUNTS),
        ("sop_classes", TEXTS),
        ("transfer_syntaxes", TEXTS),
        ("services", TEXTS),
        ("modalities", TEXTS),
        ("orig_roles", TEXTS),
        ("resp_roles", TEXTS),
        ("orig_impl_uid", pa.string()),
        ("orig_impl_version", pa.string()),
        ("resp_impl_uid", pa.string()),
        ("resp_impl_version", pa.string()),
        ("orig_max_pdu", pa.int64()),
        ("resp_max_pdu", pa.int64()),
        ("user_identity", pa.string()),
        *((name, pa.int64()) for name in _DICOM_TOTALS),
        ("failure_codes", TEXTS),
        ("move_destinations", TEXTS),
        ("data_pdus", pa.int64()),
        ("data_bytes_orig", pa.int64()),
        ("data_bytes_resp", pa.int64()),
        ("missed_bytes", pa.int64()),
        ("flags", TEXTS),
        ("vlan", pa.int64()),
        ("tunnel", TEXTS),
        ("proxied_for", pa.string()),
        SENSOR,
    ]
)

KNOWN_DICOM = pa.schema(
    [
        ("ts", TIME),
        ("host", pa.string()),
        ("port_num", pa.int32()),
        ("ae_title", pa.string()),
        ("role", pa.string()),
        ("category", pa.string()),
        ("basis", pa.string()),
        ("services", TEXTS),
        ("modalities", TEXTS),
        ("impl_uid", pa.string()),
        ("impl_version", pa.string()),
        ("tls", pa.bool_()),
        ("local", pa.bool_()),
        ("evidence_uid", pa.string()),
        SENSOR,
    ]
)

DICOM_TIMES = pa.schema([*dicom_times.columns(), SENSOR])

INTERVALS = frozenset({"duration", *(f.name for f in dicom_times.FIELDS if f.kind == "interval")})
"""Columns of seconds that passed: from 0 to a year."""

NOTICE = pa.schema(
    [
        *_CONNECTION,
        ("proto", pa.string()),
        ("note", pa.string()),
        ("msg", pa.string()),
        ("sub", pa.string()),
        ("src", pa.string()),
        ("dst", pa.string()),
        ("p", pa.int32()),
        ("n", pa.int64()),
        ("actions", TEXTS),
        SENSOR,
    ]
)

SSL = pa.schema(
    [
        *_CONNECTION,
        ("version", pa.string()),
        ("cipher", pa.string()),
        ("server_name", pa.string()),
        ("established", pa.bool_()),
        SENSOR,
    ]
)

FRAMES = pa.schema(
    [
        ("ts", TIME),
        ("protocol", pa.string()),
        ("id.orig_h", pa.string()),
        ("id.orig_p", pa.int32()),
        ("id.resp_h", pa.string()),
        ("id.resp_p", pa.int32()),
        ("hw_source", pa.string()),
        ("hw_destination", pa.string()),
        ("vlan", pa.int32()),
        ("length", pa.int64()),
        ("info", pa.string()),
        ("sampling_rate", pa.int64()),
        ("agent", pa.string()),
        ("proto", pa.string()),
        ("flow", pa.string()),
        ("service", pa.string()),
        ("payload", pa.int64()),
        ("tcp_flags", pa.int32()),
    ]
)
"""One row a frame, from its sender (orig) to its receiver (resp). `flow` is the same for both
directions of one conversation and null where the source cannot tell; `sampling_rate` is 1 where
every frame was captured; `service` is `dicom` where the frame was recognised as such, `other` where
its TCP connection began with another protocol (not TLS). `payload` is bytes of a TCP segment, and
`tcp_flags` the byte of its flags; both are null where they are not known."""
OTHER = "other"
"""What `service` of frames says of a connection that is known to be no DICOM."""

SFLOW = pa.schema(
    [
        ("ts", TIME),
        ("last", TIME),
        ("agent", pa.string()),
        *(
            (name, pa.int64())
            for name in (
                "sub_agent", "source_type", "source", "received", "followed", "sequence",
                "restarts", "duplicates", "malformed", "cut", "bytes", "no_rate", "no_header",
                "rate", "rates", "pool", "drops", "counters",
            )
        ),
        ("seconds", pa.float64()),
        *(
            (f"{way}_{name}", pa.float64() if name in {"sampled", "squares"} else pa.int64())
            for way in ("in", "out")
            for name in ("bytes", "packets", "sampled", "squares", "samples")
        ),
    ]
)  # fmt: skip
"""What was received of an sFlow agent (`source` null) or of one of its sources in an hour, and the
growth of its sequence numbers, sample pool, drops and interface counters meanwhile: docs/sflow.md
has every column."""

EDGES = pa.schema(
    [
        ("ts", TIME),
        ("uid", pa.string()),
        ("orig_first", pa.int64()),
        ("orig_next", pa.int64()),
        ("resp_first", pa.int64()),
        ("resp_next", pa.int64()),
    ]
)
"""Associations inside which a capture begins or ends, by their uid: the sequence number of the
first byte that it has of either side, and of the one behind the last."""

ZEEK_LOGS = {
    "conn": CONN,
    "dicom": DICOM,
    "known_dicom": KNOWN_DICOM,
    "dicom_times": DICOM_TIMES,
    "notice": NOTICE,
    "ssl": SSL,
    "frames": FRAMES,
    "sflow": SFLOW,
}
REQUIRED = {
    "conn": ("ts", "id.orig_h", "id.resp_h"),
    "dicom": ("ts", "id.orig_h", "id.resp_h"),
    "known_dicom": ("ts", "host"),
    "dicom_times": ("ts", "id.orig_h", "id.resp_h", "operation", "requestor", "count"),
    "notice": ("ts", "note"),
    "ssl": ("ts", "id.orig_h", "id.resp_h"),
    "frames": ("ts", "length"),
    "sflow": ("ts", "last", "agent", "received"),
}
"""Columns without which a log, or a row of it, says nothing."""


def sensor_field(names: Iterable[str]) -> str | None:
    """Return which of a log's columns says what sensor wrote a row; None where none does."""
    there = names if isinstance(names, dict) else set(names)
    return next((name for name in _SENSORS if name in there), None)
