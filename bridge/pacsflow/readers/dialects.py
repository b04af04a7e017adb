"""Brings Zeek's rows to Zeek's own names from the shapes in which shippers of logs write them.

docs/reading.md shows the table.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any

import orjson

from pacsflow.readers.log_kinds import ZEEK_NAMES
from pacsflow.terms.log_fields import ZEEK_LOGS

ECS = {
    "ts": ("@timestamp", "_time"),
    "uid": ("zeek.session_id", "zeek.uid", "log.id.uid", "event.id"),
    "id.orig_h": ("source.ip", "source.address", "client.ip", "id.orig_h", "id_orig_h"),
    "id.orig_p": ("source.port", "client.port", "id.orig_p", "id_orig_p"),
    "id.resp_h": ("destination.ip", "destination.address", "server.ip", "id.resp_h", "id_resp_h"),
    "id.resp_p": ("destination.port", "server.port", "id.resp_p", "id_resp_p"),
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
    "body", "line", "MESSAGE", "payload", "record", "event", "short_message", "full_message",
    "fields", "@rawstring", "Line", "Message", "raw", "RawData",
)  # fmt: skip
"""Where shippers keep Zeek's own row, as an object or as text."""
SOURCETYPE = re.compile(r"(?:bro|zeek|corelight)[_:]([a-z0-9_]+?)(?:[:_]json)?")
"""What Splunk calls rows of a log."""
IDS = {"id", "id.orig_h", "id_orig_h"}
"""Where a row of Zeek has its addresses."""
TYPED = "id_orig_h_s"
"""A field by which rows are known whose names end with the type, as Azure's tables have them."""
_TYPE = re.compile(r"_[sdbtg](?: \[UTC\])?$")
ROOTS = (
    {"event", "connection", "id", *ZEEK_LOGS}
    | {place.partition(".")[0] for places in ECS.values() for place in places if "." in place}
    | {wrapper.partition(".")[0] for wrapper in WRAPPERS}
)
"""Objects of a document in which anything is looked for."""


def plain_row(row: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Return a row in Zeek's names, and the path that it declares, empty where it does not.

    >>> plain_row({"_path": "conn", "id_orig_h": "10.0.0.1", "ts": 1})
    ({'_path': 'conn', 'id_orig_h': '10.0.0.1', 'ts': 1, 'id.orig_h': '10.0.0.1'}, 'conn')
    """
    if TYPED in row:
        row = {untyped(name): value for name, value in row.items()}
    declared = _declared(row)
    if "ts" not in row:
        row, declared = _unwrapped(row, declared)
    if "id_orig_h" in row:
        for name in ("orig_h", "orig_p", "resp_h", "resp_p"):
            if f"id_{name}" in row:
                row[f"id.{name}"] = row[f"id_{name}"]
    return row, declared


def untyped(name: str) -> str:
    """Return a column's name without its type.

    >>> untyped("id_orig_h_s"), untyped("ts_t [UTC]"), untyped("conn_state")
    ('id_orig_h', 'ts', 'conn_state')
    """
    return _TYPE.sub("", name)


def _declared(row: dict[str, Any]) -> str:
    """Return the path that a row declares; empty where it does not."""
    told = row.get("_path") or row.get("_log_type")
    return told if isinstance(told, str) else ""


def _unwrapped(row: dict[str, Any], declared: str) -> tuple[dict[str, Any], str]:
    """Return the row that a shipper's document holds, or its fields under Zeek's names."""
    shape = _shape(row)
    for _ in range(2):  # a document of a search engine may hold that of a shipper
        dataset = _found(row, shape.dataset) or _sourcetype(row)
        if not declared and isinstance(dataset, str):
            declared = DATASETS.get(dataset, dataset.removeprefix("zeek."))
        inner, tag = _inner(row, shape)
        if inner is None:
            break
        row, declared = inner, _declared(inner) or declared or tag
        shape = _shape(row)
    if "ts" in row or (_found(row, shape.moment) is None and "_time" not in row):
        return row, declared
    made = _named(row, shape, declared)
    if _found(row, shape.own_duration) is None:
        told = _found(row, shape.duration)
        if told is None:
            told = row.get("duration")
        elif _found(row, shape.state) is None:
            told = _seconds(told)
        made["duration"] = told
    return made, declared


def _sourcetype(row: dict[str, Any]) -> str:
    """Return the log that Splunk calls a row: ``zeek:conn:json``."""
    told = row.get("sourcetype")
    found = SOURCETYPE.fullmatch(told) if isinstance(told, str) else None
    return found[1] if found and found[1] in ZEEK_NAMES else ""


def _named(row: dict[str, Any], shape: _Shape, log: str) -> dict[str, Any]:
    """Return a document's fields under Zeek's names."""
    fields = shape.of(log)
    objects: list[dict[str, Any]] = [row]
    for outer, key in shape.objects:
        objects.append(objects[outer][key])
    made: dict[str, Any] = {}
    for name, places in fields:
        for number, key in places:
            value = objects[number][key]
            if value is not None:
                made[name] = value
                break
    return made


def _found(row: Any, place: tuple[str, ...] | None) -> Any:  # noqa: ANN401 - of JSON
    """Return what stands at a place of a row; None where there is no such place."""
    if place is None:
        return None
    for key in place:
        row = row[key]
    return row


class _Shape:
    """Where the fields of documents stand that all have the same names.

    Shippers write all rows of a log alike: where a field is, is looked up once for all of them.
    """

    def __init__(self, row: dict[str, Any]) -> None:
        self.places = places = _placed(row)
        self.top = frozenset(row)
        self.dataset = places.get("event.dataset")
        self.moment = places.get("@timestamp")
        self.duration = places.get("event.duration")
        self.own_duration = places.get("zeek.conn.duration")
        self.state = places.get("connection.state")
        self.tag = next(iter(row)) if len(row) == 1 and next(iter(row)) not in WRAPPERS else ""
        self.wrappers = [(name, places[name]) for name in WRAPPERS if name in places]
        self.objects: list[tuple[int, str]] = []
        """The objects in the document (which is number 0) from 1 on: in which, and its name."""
        self.numbers: dict[tuple[str, ...], int] = {(): 0}
        self.logs: dict[str, list[tuple[str, list[tuple[int, str]]]]] = {}

    def of(self, log: str) -> list[tuple[str, list[tuple[int, str]]]]:
        """Return a log's fields that are there, each with where it may stand, the first first.

        That is in which of `objects`, and under which name.
        """
        known = self.logs.get(log)
        if known is None:
            known = self.logs[log] = []
            for name, names in _places(log).items():
                found = [self.places[n] for n in names if n in self.places]
                found += [(name,)] if name in self.top else []
                if found:
                    known.append((name, [(self._number(p[:-1]), p[-1]) for p in found]))
        return known

    def _number(self, place: tuple[str, ...]) -> int:
        """Return the number of the object at a place."""
        if place not in self.numbers:
            outer = self._number(place[:-1])
            self.objects.append((outer, place[-1]))
            self.numbers[place] = len(self.objects)
        return self.numbers[place]


@lru_cache(maxsize=4096)
def _is_root(name: str) -> bool:
    return name.partition(".")[0] in ROOTS


_SHAPES: dict[tuple[Any, ...], _Shape] = {}
MOST_SHAPES = 1000
"""So many are kept; documents that all differ are not worth more."""


def _shape(row: dict[str, Any]) -> _Shape:
    names = _names(row)
    found = _SHAPES.get(names)
    if found is None:
        if len(_SHAPES) >= MOST_SHAPES:
            _SHAPES.clear()
        found = _SHAPES[names] = _Shape(row)
    return found


def _names(row: dict[str, Any], *, within: bool = False) -> tuple[Any, ...]:
    """Return a document's names, those of objects within it each behind its own."""
    made: list[Any] = [*row]
    for name, value in row.items():
        if type(value) is dict and (within or _is_root(name)):
            made += (name, _names(value, within=True))
    return tuple(made)


def _placed(row: dict[str, Any], *, within: bool = False) -> dict[str, tuple[str, ...]]:
    """Return where each field stands, by its dotted name, written flat, nested, or both."""
    made: dict[str, tuple[str, ...]] = {name: (name,) for name in row}
    for name, value in row.items():
        if type(value) is dict and (within or _is_root(name)):
            for inner, place in _placed(value, within=True).items():
                made.setdefault(f"{name}.{inner}", (name, *place))
    return made


@cache
def _places(log: str) -> dict[str, tuple[str, ...]]:
    """Return where a log's fields may stand; of conn.log Zeek's own ones count first.

    For shippers differ in whether bytes of ECS are those of IP or payload.
    """
    if log not in ZEEK_LOGS:
        return ECS
    names = ZEEK_LOGS[log].names
    if log == "conn":
        return ECS | {n: (f"zeek.conn.{n}", *ECS.get(n, ())) for n in names if n != "ts"}
    own = {n: (*ECS.get(n, ()), f"zeek.{log}.{n}", f"{log}.{n}", n) for n in names}
    return ECS | own


def _inner(row: dict[str, Any], shape: _Shape) -> tuple[dict[str, Any] | None, str]:
    """Return the row that a document keeps as an object or as text, and the log that names it.

    None where it keeps none: beside ``source`` the object ``zeek`` may only have what else is told.
    """
    only = row[shape.tag] if shape.tag else None
    if isinstance(only, dict) and "ts" in only:
        return only, shape.tag  # as Zeek's plugin for Kafka writes it
    for name, place in shape.wrappers:
        inner = _found(row, place)
        if isinstance(inner, str) and inner.lstrip().startswith("{"):
            try:
                inner = orjson.loads(inner)
            except orjson.JSONDecodeError:
                continue
        if not isinstance(inner, dict):
            continue
        if name == "zeek" and "source" in row and IDS.isdisjoint(inner):
            continue
        if name == "fields" and "@timestamp" in inner:
            return {n: v[0] if type(v) is list and len(v) == 1 else v for n, v in inner.items()}, ""
        if "ts" in inner or name in {"_source", "result"}:
            return inner, ""
    return None, ""


def _seconds(duration: Any) -> Any:  # noqa: ANN401 - of JSON
    """Return seconds: ECS counts nanoseconds, Security Onion keeps Zeek's seconds."""
    return duration / 1e9 if isinstance(duration, (int, float)) else duration
