"""The fields of dicom_times.log: Arrow, Lua, Zeek and the document have them from here."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

OPERATIONS = ("echo", "store", "find", "get", "move", "n")
"""Kinds of operations, in the order of a log's rows; `n` is every DIMSE-N."""
ENCRYPTED = "tls"
"""What a row calls an encrypted connection as a whole, whose operations nobody sees."""
BUCKETS = 32
"""Elements of a histogram at most: the first counts what took less than 1 ms, element k what took
from 2^(k-1) to 2^k ms, the last also all that took longer."""


@dataclass(frozen=True, slots=True)
class Field:
    """One column: its name, Zeek type and meaning."""

    name: str
    kind: str
    meaning: str


FIELDS = (
    Field("ts", "time", "when the association began, as in dicom.log"),
    Field("uid", "string", "unique ID of the connection, as in dicom.log"),
    Field("id.orig_h", "addr", "the side that requested the association"),
    Field("id.orig_p", "port", "its port"),
    Field("id.resp_h", "addr", "the other side"),
    Field("id.resp_p", "port", "its port"),
    Field("community_id", "string", "Community ID v1 of the connection"),
    Field(
        "operation",
        "string",
        "echo, store, find, get, move, n (DIMSE-N), or tls: an encrypted connection as a whole",
    ),
    Field("requestor", "string", "orig or resp: which of the two asked for it"),
    Field("count", "count", "requests"),
    Field("failed", "count", "final responses of failure (PS3.7, annex C)"),
    Field("data_sets", "count", "data sets that were seen from their command to their end"),
    Field("data_pdvs", "count", "presentation data values that brought them"),
    Field("data_bytes", "count", "their bytes, from the length headers"),
    Field(
        "data_time",
        "interval",
        "seconds in which they flowed: from the end of a command set to the end of its data set",
    ),
    Field(
        "silent_time",
        "interval",
        "of data_time, what passed in silences of the sender of 20 ms and more",
    ),
    Field(
        "ack_wait_time",
        "interval",
        "of silent_time, what ended with an acknowledgment of the receiver",
    ),
    Field(
        "pause_time",
        "interval",
        "seconds from the end of an operation to the next request, with none under way",
    ),
    Field("response_min", "interval", "shortest response time"),
    Field("response_mean", "interval", "mean response time"),
    Field("response_max", "interval", "longest response time"),
    Field(
        "response_times",
        "vector[count]",
        "histogram of response times: less than 1 ms, then 2^(k-1) to 2^k ms, without trailing 0",
    ),
    Field("first_responses", "count", "first responses of find, get, move that have a time"),
    Field("first_response_mean", "interval", "mean time to the first response of find, get, move"),
    Field("first_response_max", "interval", "longest time to the first response"),
    Field("outstanding", "count", "most requests under way at once"),
    Field(
        "ops_window",
        "count",
        "how many may be under way, as negotiated (asynchronous operations window); 0 is no limit",
    ),
    Field("setup_time", "interval", "A-ASSOCIATE-RQ to A-ASSOCIATE-AC"),
    Field("round_trip", "interval", "SYN to the acknowledgment of the SYN-ACK"),
    Field("orig_closed_time", "interval", "seconds in which id.orig had its TCP window closed"),
    Field("resp_closed_time", "interval", "seconds in which id.resp had its TCP window closed"),
    Field("orig_resent", "count", "segments of id.orig that came again, or behind later ones"),
    Field("resp_resent", "count", "segments of id.resp that came again, or behind later ones"),
    Field("tls", "bool", "the association was seen inside TLS"),
)
"""Every column of dicom_times.log; docs/tag-logs.md has the rules."""

NEVER_UNSET = frozenset({"ts", "uid", "operation", "requestor", "count", "failed", "tls"})
"""Besides addresses and ports."""

COUNTS = pa.list_(pa.int64())
_ARROW = {
    "time": pa.timestamp("us", tz="UTC"),
    "string": pa.string(),
    "addr": pa.string(),
    "port": pa.int32(),
    "count": pa.int64(),
    "interval": pa.float64(),
    "bool": pa.bool_(),
    "vector[count]": COUNTS,
}


def columns() -> list[tuple[str, pa.DataType]]:
    """Return names and Arrow types of the columns."""
    return [(field.name, _ARROW[field.kind]) for field in FIELDS]


def lua(note: str) -> str:
    """Return a Lua module with names and types."""
    lines = [f'  {{ "{field.name}", "{field.kind}" }},' for field in FIELDS]
    return "\n".join([f"-- {note}", "return {", *lines, "}", ""])


def zeek(note: str) -> str:
    """Return a Zeek script with the record of a row."""
    lines = []
    for field in FIELDS:
        if field.name.startswith("id."):
            continue
        kind = field.kind.replace("[", " of ").rstrip("]")
        attributes = "&log" if field.name in NEVER_UNSET else "&log &optional"
        meaning = field.meaning[0].upper() + field.meaning[1:]
        name = ZEEK_NAMES.get(field.name, field.name)
        lines += [f"\t\t## {meaning}.", f"\t\t{name}: {kind} {attributes};"]
        if field.name == "uid":
            lines += ["\t\t## The endpoints, as in dicom.log.", "\t\tid: conn_id &log;"]
    return ZEEK % (note, "\n".join(lines))


ZEEK_NAMES = {"count": "requests"}
"""Fields whose name is a keyword in Zeek; the log has it all the same."""
ZEEK = """##! %s

module DICOM;

export {
	## The columns of dicom_times.log, where `requests` is called `count`, a keyword here.
	type Times: record {
%s
	};
}
"""


def markdown() -> str:
    """Return the document's table of fields."""
    rows = [f"| `{field.name}` | {field.kind} | {field.meaning} |" for field in FIELDS]
    return "\n".join(["| field | Zeek type | meaning |", "|---|---|---|", *rows])
