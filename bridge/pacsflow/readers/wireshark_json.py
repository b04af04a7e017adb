"""Reads Wireshark's JSON export (`tshark -T json`, File > Export > As JSON), streamed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pacsflow.errors import InputError
from pacsflow.readers.frame_rows import batch_of
from pacsflow.readers.json_packets import objects
from pacsflow.readers.zeek_values import to_address, to_text, to_time

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

    from pacsflow.readers.quality import Quality

BATCH = 20_000
_HINT = "tshark -T json writes them, without -j; -T jsonraw does not"


def read(path: Path, quality: Quality) -> Iterator[pa.RecordBatch]:
    """Yield frames in the columns of ``log_fields.FRAMES``; DICOM where Wireshark dissected it."""
    rows: list[tuple[Any, ...]] = []
    for number, packet in enumerate(objects(path), 1):
        try:
            rows.append(_row(packet))
        except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
            told = f"no {error} in it" if isinstance(error, KeyError) else str(error)
            quality.bad_row(number, f"packet {number}: {told[:200]}")
        if len(rows) == BATCH:
            yield batch_of(rows, quality)
            rows = []
    if quality.unreadable and not quality.rows and not rows:
        raise InputError(path, f"no frame in it; {quality.examples[0]}", hint=_HINT)
    yield batch_of(rows, quality)


def _innermost(layers: dict[str, Any], layer: str, field: str) -> str | None:
    found = layers.get(layer)
    found = found[-1] if isinstance(found, list) and found else found
    value = found.get(field) if isinstance(found, dict) else layers.get(field)
    value = value[-1] if isinstance(value, list) and value else value
    return value if isinstance(value, str) and value else None


def _last(
    names: tuple[str, ...], protocols: list[str], layers: dict[str, Any], field: str
) -> str | None:
    """Return which protocol a packet has, the innermost of them where it has several.

    ``tshark -T json -e`` has no layers, but fields.
    """
    there = [name for name in names if name in layers or f"{name}.{field}" in layers]
    inside = [name for name in reversed(protocols) if name in there]
    return next(iter([*inside, *there]), None)


def _row(packet: dict[str, Any]) -> tuple[Any, ...]:
    if packet is None:
        raise ValueError("its JSON is damaged, or nested too deep")
    layers = packet["_source"]["layers"]
    protocols = (_innermost(layers, "frame", "frame.protocols") or "").split(":")
    network = _last(("ip", "ipv6"), protocols, layers, "src") or "ipv6"
    proto = _last(("tcp", "udp"), protocols, layers, "srcport")
    transport = proto or ""
    time, length = (
        _innermost(layers, "frame", "frame.time_epoch"),
        _innermost(layers, "frame", "frame.len"),
    )
    if time is None or length is None:
        raise ValueError("frame.time_epoch and frame.len were expected")
    source = _innermost(layers, network, f"{network}.src")
    destination = _innermost(layers, network, f"{network}.dst")
    ports = [_innermost(layers, transport, f"{transport}.{end}port") for end in ("src", "dst")]
    stream = _innermost(layers, transport, f"{transport}.stream")
    vlan = _innermost(layers, "vlan", "vlan.id")
    return (
        to_time(time),
        to_text(protocols[-1]).upper() or None,
        to_address(source) if source else None,
        int(ports[0]) if ports[0] else None,
        to_address(destination) if destination else None,
        int(ports[1]) if ports[1] else None,
        _innermost(layers, "eth", "eth.src"),
        _innermost(layers, "eth", "eth.dst"),
        int(vlan) if vlan else None,
        int(length),
        None,
        1,
        None,
        proto,
        f"{proto} {stream}" if stream else None,
        "dicom" if "dicom" in protocols else None,
    )
