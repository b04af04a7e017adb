"""Reads Wireshark's JSON export (`tshark -T json`, File > Export > As JSON), streamed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ijson

from pacsflow.errors import InputError
from pacsflow.readers.blocks import opened
from pacsflow.readers.frame_rows import batch_of
from pacsflow.readers.values import to_address, to_text, to_time

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

    from pacsflow.readers.quality import Quality

BATCH = 20_000


def read(path: Path, quality: Quality) -> Iterator[pa.RecordBatch]:
    """Yield frames in the columns of ``log_fields.FRAMES``; DICOM where Wireshark dissected it."""
    rows: list[tuple[Any, ...]] = []
    with opened(path) as file:
        try:
            for number, packet in enumerate(ijson.items(file, "item"), 1):
                try:
                    rows.append(_row(packet))
                except (ValueError, TypeError, KeyError, AttributeError) as error:
                    quality.bad_row(number, f"packet {number}: {error}")
                if len(rows) == BATCH:
                    yield batch_of(rows, quality)
                    rows = []
        except ijson.JSONError as error:
            problem = f"the JSON is damaged or ends early: {str(error).splitlines()[0][:200]}"
            raise InputError(path, problem, hint="export it again") from None
    if quality.unreadable and not quality.rows and not rows:
        raise InputError(path, f"no frame in it; {quality.examples[0]}")
    yield batch_of(rows, quality)


def _first(layers: dict[str, Any], layer: str, field: str) -> str | None:
    found = layers.get(layer)
    found = found[0] if isinstance(found, list) and found else found
    value = found.get(field) if isinstance(found, dict) else None
    value = value[0] if isinstance(value, list) and value else value
    return value if isinstance(value, str) and value else None


def _row(packet: dict[str, Any]) -> tuple[Any, ...]:
    layers = packet["_source"]["layers"]
    network = "ip" if "ip" in layers else "ipv6"
    proto = next((p for p in ("tcp", "udp") if p in layers), None)
    transport = proto or ""
    time, length = _first(layers, "frame", "frame.time_epoch"), _first(layers, "frame", "frame.len")
    if time is None or length is None:
        raise ValueError("frame.time_epoch and frame.len were expected")
    source = _first(layers, network, f"{network}.src")
    destination = _first(layers, network, f"{network}.dst")
    ports = [_first(layers, transport, f"{transport}.{end}port") for end in ("src", "dst")]
    stream = _first(layers, transport, f"{transport}.stream")
    protocols = (_first(layers, "frame", "frame.protocols") or "").split(":")
    vlan = _first(layers, "vlan", "vlan.id")
    return (
        to_time(time),
        to_text(protocols[-1]).upper() or None,
        to_address(source) if source else None,
        int(ports[0]) if ports[0] else None,
        to_address(destination) if destination else None,
        int(ports[1]) if ports[1] else None,
        _first(layers, "eth", "eth.src"),
        _first(layers, "eth", "eth.dst"),
        int(vlan) if vlan else None,
        int(length),
        None,
        1,
        None,
        proto,
        f"{proto} {stream}" if stream else None,
        "dicom" if "dicom" in protocols else None,
    )
