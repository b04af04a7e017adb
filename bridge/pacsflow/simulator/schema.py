"""The logs' fields and how a simulated row fills them: conn, ssl, dicom, known_dicom, notice."""

from __future__ import annotations

import hashlib
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pacsflow.simulator.encode import Field, chosen, fields, optional, seconds, text
from pacsflow.simulator.equipment import implementation
from pacsflow.simulator.profiles import PROFILES
from pacsflow.simulator.tables import ENDS, FOREIGN_AE, HISTORIES, NO_AE, RESULTS, SERVICES, STATES

if TYPE_CHECKING:
    from pacsflow.simulator.equipment import Hospital
    from pacsflow.simulator.tables import Rows

_ID = """
ts time
uid string
id.orig_h addr
id.orig_p port
id.resp_h addr
id.resp_p port
"""
CONN = fields(
    _ID
    + """
proto enum
service string
duration interval
orig_bytes count
resp_bytes count
conn_state string
local_orig bool
local_resp bool
missed_bytes count
history string
orig_pkts count
orig_ip_bytes count
resp_pkts count
resp_ip_bytes count
tunnel_parents set[string]
ip_proto count
""".strip()
)
"""conn.log of a stock Zeek 8.0."""
COMMUNITY_ID = Field("community_id", "string")
"""What Zeek's community-id-logging policy appends to conn.log."""

SSL = fields(
    _ID
    + """
version string
cipher string
curve string
server_name string
resumed bool
last_alert string
next_protocol string
established bool
ssl_history string
cert_chain_fps vector[string]
client_cert_chain_fps vector[string]
sni_matches_cert bool
""".strip()
)
DICOM = fields(
    _ID
    + """
community_id string
duration interval
calling_ae string
called_ae string
result string
end string
reject_result count
reject_source count
reject_reason count
abort_source count
abort_reason count
ctx_offered count
ctx_accepted count
sop_classes set[string]
transfer_syntaxes set[string]
services set[string]
modalities set[string]
orig_roles set[string]
resp_roles set[string]
orig_impl_uid string
orig_impl_version string
resp_impl_uid string
resp_impl_version string
orig_max_pdu count
resp_max_pdu count
user_identity string
echo_rq count
store_rq count
find_rq count
get_rq count
move_rq count
cancel_rq count
n_rq count
rsp_success count
rsp_warning count
rsp_failure count
rsp_pending count
rsp_cancel count
failure_codes set[string]
move_destinations set[string]
data_pdus count
data_bytes_orig count
data_bytes_resp count
missed_bytes count
flags set[string]
""".strip()
)
KNOWN_DICOM = fields("""
ts time
host addr
port_num port
ae_title string
role string
category string
basis string
services set[string]
modalities set[string]
impl_uid string
impl_version string
tls bool
local bool
evidence_uid string
""")
NOTICE = fields(
    _ID
    + """
fuid string
file_mime_type string
file_desc string
proto enum
note enum
msg string
sub string
src addr
dst addr
p port
n count
peer_descr string
actions set[enum]
email_dest set[string]
suppress_for interval
remote_location.country_code string
remote_location.region string
remote_location.city string
remote_location.latitude double
remote_location.longitude double
""".strip()
)
INVENTORY = fields("match string\nname string\nrole string\nmodality string\nsite string")


def identity(hospital: Hospital, table: Rows) -> list[pa.Array]:
    """Return the six columns that every connection-based log begins with."""
    addresses = [device.address for device in hospital.devices]
    return [
        seconds(table["start"]),
        text(table["uid"]),
        chosen(addresses, table["orig"]),
        text(table["orig_p"]),
        chosen(addresses, table["resp"]),
        text(table["resp_p"]),
    ]


def community_ids(hospital: Hospital, table: Rows) -> pa.Array:
    """Return the Community ID (version 1, seed 0, as its specification says) of each row.

    Only TCP and UDP have one here; null for ICMP.
    """
    n = len(table)
    address = np.array([int(IPv4Address(d.address)) for d in hospital.devices], dtype=np.int64)
    has_proto = "proto" in (table.dtype.names or ())
    proto = table["proto"] if has_proto else np.full(n, 6, np.int8)
    a = (address[table["orig"]] << 16) + table["orig_p"]
    b = (address[table["resp"]] << 16) + table["resp_p"]
    low, high = np.minimum(a, b), np.maximum(a, b)
    hashed = np.zeros(
        n, [("seed", ">u2"), ("a", ">u4"), ("b", ">u4"), ("proto", "u1"), ("pad", "u1"),
            ("ap", ">u2"), ("bp", ">u2")],
    )  # fmt: skip
    hashed["a"], hashed["ap"], hashed["b"], hashed["bp"] = low >> 16, low, high >> 16, high
    hashed["proto"] = proto
    buffer = hashed.tobytes()
    size = hashed.dtype.itemsize
    digests = [
        hashlib.sha1(buffer[i : i + size], usedforsecurity=False).digest()
        for i in range(0, len(buffer), size)
    ]
    ids = text(_base64(np.frombuffer(b"".join(digests), np.uint8).reshape(n, 20)))
    return pc.if_else(pa.array((proto == 6) | (proto == 17)), ids, pa.scalar(None, pa.string()))


_BASE64 = np.frombuffer(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", dtype=np.uint8
)


def _base64(digests: np.ndarray) -> np.ndarray:
    """Return "1:" and the base64 of 20-byte digests, shape (rows,), dtype S30."""
    n = len(digests)
    padded = np.zeros((n, 21), dtype=np.uint32)
    padded[:, :20] = digests
    words = (padded[:, 0::3] << 16) | (padded[:, 1::3] << 8) | padded[:, 2::3]
    out = np.empty((n, 30), dtype=np.uint8)
    out[:, :2] = np.frombuffer(b"1:", np.uint8)
    for i, shift in enumerate((18, 12, 6, 0)):
        out[:, 2 + i :: 4] = _BASE64[(words >> shift) & 63]
    out[:, 29] = ord("=")
    return out.reshape(-1).view("S30")


def conn_columns(hospital: Hospital, table: Rows) -> list[pa.Array]:
    """Return the columns of CONN and COMMUNITY_ID."""
    proto = {1: "icmp", 6: "tcp", 17: "udp"}
    local = ["F", "T"]
    n = len(table)
    return [
        *identity(hospital, table),
        chosen([proto.get(i) for i in range(18)], table["proto"]),
        chosen([None if name == "-" else name for name in SERVICES], table["service"]),
        seconds(table["duration"], unset=-1),
        optional(table["orig_bytes"]),
        optional(table["resp_bytes"]),
        chosen(STATES, table["state"]),
        chosen(local, hospital.is_local[table["orig"]]),
        chosen(local, hospital.is_local[table["resp"]]),
        text(table["missed"]),
        chosen([None if name == "-" else name for name in HISTORIES], table["history"]),
        text(table["orig_pkts"]),
        text(table["orig_ip"]),
        text(table["resp_pkts"]),
        text(table["resp_ip"]),
        pa.nulls(n, pa.string()),
        text(table["proto"]),
        community_ids(hospital, table),
    ]


def ssl_columns(hospital: Hospital, table: Rows) -> list[pa.Array]:
    """Return the columns of SSL for connections whose service is ssl."""
    names: list[str | None] = [
        f"{device.name}.example" if device.site in {"outside", "datacentre"} else None
        for device in hospital.devices
    ]
    n = len(table)

    def same(value: str | None) -> pa.Array:
        return pa.array([value] * n, pa.string())

    return [
        *identity(hospital, table),
        same("TLSv13"),
        same("TLS_AES_256_GCM_SHA384"),
        same("x25519"),
        chosen(names, table["resp"]),
        same("F"),
        same(None),
        same(None),
        same("T"),
        same("CsiI"),
        same(None),
        same(None),
        same(None),
    ]


def ae_titles(hospital: Hospital, index: np.ndarray[tuple[int], np.dtype[np.int32]]) -> pa.Array:
    """Return AE titles of devices (from 0) or of FOREIGN_AE (below 0); null for NO_AE."""
    titles: list[str | None] = [device.ae_title or None for device in hospital.devices]
    here = len(titles)
    titles += [*FOREIGN_AE, None]
    position = index.astype(np.int64)
    position = np.where(position < 0, here - 1 - position, position)
    return chosen(titles, np.where(index == NO_AE, len(titles) - 1, position))


def dicom_columns(hospital: Hospital, table: Rows) -> list[pa.Array]:
    """Return the columns of DICOM, by the rules of docs/tag-logs.md."""
    midstream = table["midstream"]
    accepted = table["result"] == RESULTS.index("accepted")
    profiles = table["profile"]

    def joined(values: list[tuple[str, ...]], keep: np.ndarray) -> pa.Array:
        column = chosen([",".join(v) or None for v in values], profiles)
        return pc.if_else(pa.array(keep), column, pa.scalar(None, pa.string()))

    def only(column: pa.Array, keep: np.ndarray) -> pa.Array:
        return pc.if_else(pa.array(keep), column, pa.scalar(None, pa.string()))

    implementations = [implementation(device) for device in hospital.devices]
    uids, versions = [i[0] for i in implementations], [i[1] for i in implementations]
    pdu = [str(device.max_pdu) for device in hospital.devices]
    codes = pa.array(
        [None if code < 0 else f"0x{code:04X}" for code in table["failure_code"].tolist()],
        pa.string(),
    )
    known = ~midstream
    return [
        *identity(hospital, table),
        community_ids(hospital, table),
        seconds(table["duration"]),
        only(ae_titles(hospital, table["calling"]), known),
        only(ae_titles(hospital, table["called"]), known),
        chosen(RESULTS, table["result"]),
        chosen(ENDS, table["end"]),
        *(
            optional(table[name])
            for name in (
                "reject_result", "reject_source", "reject_reason", "abort_source", "abort_reason",
            )
        ),
        only(chosen([str(p.ctx_offered) for p in PROFILES], profiles), known),
        only(chosen([str(p.ctx_accepted) for p in PROFILES], profiles), accepted),
        # of a connection taken up in its middle the commands still name the first SOP class
        joined([p.sop_classes for p in PROFILES], accepted)
        if not midstream.any()
        else pc.if_else(
            pa.array(midstream),
            joined([p.sop_classes[:1] for p in PROFILES], midstream),
            joined([p.sop_classes for p in PROFILES], accepted),
        ),
        joined([p.transfer_syntaxes for p in PROFILES], accepted),
        pc.if_else(
            pa.array(midstream),
            joined([p.services[:1] for p in PROFILES], midstream),
            joined([p.services for p in PROFILES], accepted),
        ),
        pc.if_else(
            pa.array(midstream),
            joined([p.modalities[:1] for p in PROFILES], midstream),
            joined([p.modalities for p in PROFILES], accepted),
        ),
        joined([(p.orig_role,) for p in PROFILES], accepted),
        joined([(p.resp_role,) for p in PROFILES], accepted),
        only(chosen(uids, table["orig"]), known),
        only(chosen(versions, table["orig"]), known),
        only(chosen(uids, table["resp"]), accepted),
        only(chosen(versions, table["resp"]), accepted),
        only(chosen(pdu, table["orig"]), known),
        only(chosen(pdu, table["resp"]), accepted),
        pa.nulls(len(table), pa.string()),
        *(text(table[name]) for name in _COUNTS),
        codes,
        ae_titles(hospital, table["move_destination"]),
        text(table["data_pdus"]),
        text(table["data_orig"]),
        text(table["data_resp"]),
        text(table["missed"]),
        only(pa.array(["midstream"] * len(table), pa.string()), midstream),
    ]  # fmt: skip


_COUNTS = (
    "echo_rq", "store_rq", "find_rq", "get_rq", "move_rq", "cancel_rq", "n_rq",
    "rsp_success", "rsp_warning", "rsp_failure", "rsp_pending", "rsp_cancel",
)  # fmt: skip
