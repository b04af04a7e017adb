"""Brings Zeek's rows to Zeek's own names from the shapes in which shippers of logs write them.

docs/reading.md shows the table.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import orjson

from pacsflow.terms.log_fields import ZEEK_LOGS

ECS = {
    "ts": ("@timestamp", "_time"),
    "uid": ("zeek.session_id", "zeek.uid", "log.id.uid", "event.id"),
    "id.orig_h": ("source.ip", "source.address", "client.ip"),
    "id.orig_p": ("source.port", "client.port"),
    "id.resp_h": ("destination.ip", "destination.address", "server.ip"),
    "id.resp_p": ("destination.port", "server.port"),
    "proto": ("network.transport",),
    "service": ("network.protocol",),
    "community_id": ("network.community_id",),
    "conn_state": ("zeek.connection.state", "connection.state"),
    "history": ("zeek.connection.history", "connection.history"),
    "missed_bytes": ("zeek.connection.missed_bytes", "connection.bytes.missed"),
    "local_orig": ("zeek.connection.local_orig", "connection.local.originator"),
    "local_resp": ("zeek.connection.local_resp", "connection.local.responder"),
    "tunnel_parents": ("zeek.connection.tunnel_parents", "log.id.tunnel_parents"),
    "orig_bytes": ("zeek.connection.orig_bytes", "client.bytes"),
    "resp_bytes": ("zeek.connection.resp_bytes", "server.bytes"),
    "orig_pkts": ("source.packets", "client.packets"),
    "resp_pkts": ("destination.packets", "server.packets"),
    "orig_ip_bytes": ("client.ip_bytes", "source.bytes"),
    "resp_ip_bytes": ("server.ip_bytes", "destination.bytes"),
    "note": ("zeek.notice.note", "notice.note"),
    "version": ("zeek.ssl.version", "ssl.version"),
    "cipher": ("zeek.ssl.cipher", "ssl.cipher", "tls.cipher"),
    "server_name": ("zeek.ssl.server.name", "ssl.server_name", "tls.client.server_name"),
    "established": ("zeek.ssl.established", "ssl.established", "tls.established"),
}
"""Zeek's fields and what the Elastic Common Schema, Filebeat's module and Security Onion call
them; the first that a row has counts."""

DATASETS = {
    "zeek.connection": "conn",
    "connection": "conn",
}
WRAPPERS = (
    "zeek", "json", "_source", "data", "message", "event.original", "result", "_raw", "log",
    "body", "line", "MESSAGE", "payload", "record",
)  # fmt: skip
"""Where shippers keep Zeek's own row, as an object or as text."""
IDS = {"id", "id.orig_h", "id_orig_h"}
"""Where a row of Zeek has its addresses."""


def plain_row(row: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Return a row in Zeek's names, and the path that it declares, empty where it does not.

    >>> plain_row({"_path": "conn", "id_orig_h": "10.0.0.1", "ts": 1})
    ({'_path': 'conn', 'id_orig_h': '10.0.0.1', 'ts': 1, 'id.orig_h': '10.0.0.1'}, 'conn')
    """
    declared = row.get("_path") or row.get("_log_type")
    if "ts" not in row:
        row, declared = _unwrapped(row, declared)
    if "id_orig_h" in row:
        for name in ("orig_h", "orig_p", "resp_h", "resp_p"):
            if f"id_{name}" in row:
                row[f"id.{name}"] = row[f"id_{name}"]
    return row, declared if isinstance(declared, str) else ""


def _unwrapped(row: dict[str, Any], declared: object) -> tuple[dict[str, Any], object]:
    """Return the row that a shipper's document holds, or its fields under Zeek's names."""
    for _ in range(2):  # a document of a search engine may hold that of a shipper
        dataset = _at(row, "event.dataset")
        if not declared and isinstance(dataset, str):
            declared = DATASETS.get(dataset, dataset.removeprefix("zeek."))
        inner, tag = _inner(row)
        if inner is None:
            break
        row, declared = inner, inner.get("_path") or declared or tag
    flat = _flat(row)
    if "ts" in row or (flat.get("@timestamp") is None and "_time" not in row):
        return row, declared
    made: dict[str, Any] = {}
    for name, places in _places(declared).items():
        value = next((v for p in places if (v := flat.get(p)) is not None), row.get(name))
        if value is not None:
            made[name] = value
    own, told = flat.get("zeek.conn.duration"), flat.get("event.duration")
    if own is None:
        made["duration"] = row.get("duration") if told is None else _seconds(flat, told)
    return made, declared


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """Return the fields by their dotted names, written flat, nested, or both."""
    made = dict(row)
    for name, value in row.items():
        if isinstance(value, dict):
            for inner, deep in _flat(value).items():
                made.setdefault(f"{name}.{inner}", deep)
    return made


@cache
def _places(log: object) -> dict[str, tuple[str, ...]]:
    """Return where a log's fields may stand; of conn.log Zeek's own ones count first.

    For shippers differ in whether bytes of ECS are those of IP or payload.
    """
    if log not in ZEEK_LOGS:
        return ECS
    names = ZEEK_LOGS[str(log)].names
    if log == "conn":
        return ECS | {n: (f"zeek.conn.{n}", *ECS.get(n, ())) for n in names if n != "ts"}
    own = {n: (*ECS.get(n, ()), f"zeek.{log}.{n}", f"{log}.{n}", n) for n in names}
    return ECS | own


def _inner(row: dict[str, Any]) -> tuple[dict[str, Any] | None, str]:
    """Return the row that a document keeps as an object or as text, and the log that names it.

    None where it keeps none: beside ``source`` the object ``zeek`` may only have what else is told.
    """
    tag, only = next(iter(row.items()), ("", None))
    if len(row) == 1 and tag not in WRAPPERS and isinstance(only, dict) and "ts" in only:
        return only, tag  # as Zeek's plugin for Kafka writes it
    for place in WRAPPERS:
        inner = _at(row, place)
        if isinstance(inner, str) and inner.lstrip().startswith("{"):
            try:
                inner = orjson.loads(inner)
            except orjson.JSONDecodeError:
                continue
        if not isinstance(inner, dict):
            continue
        if place == "zeek" and "source" in row and IDS.isdisjoint(inner):
            continue
        if "ts" in inner or place in {"_source", "result"}:
            return inner, ""
    return None, ""


def _seconds(row: dict[str, Any], duration: Any) -> Any:  # noqa: ANN401 - of JSON
    """Return seconds: ECS counts nanoseconds, Security Onion keeps Zeek's seconds."""
    if row.get("connection.state") is not None or not isinstance(duration, (int, float)):
        return duration
    return duration / 1e9


def _at(row: dict[str, Any], name: str) -> Any:  # noqa: ANN401 - of JSON
    """Return a field by its dotted name, written flat, nested, or both."""
    if name in row:
        return row[name]
    outer, dot, inner = name.partition(".")
    while dot:
        nested = row.get(outer)
        if isinstance(nested, dict) and (found := _at(nested, inner)) is not None:
            return found
        more, dot, inner = inner.partition(".")
        outer = f"{outer}.{more}"
    return None
