"""Tells what a file is by looking at its first bytes, never by trusting its name alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import orjson

from pacsflow.errors import InputError
from pacsflow.readers.blocks import head
from pacsflow.terms.log_fields import ZEEK_LOGS

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

CAPTURE_MAGIC = (
    b"\xa1\xb2\xc3\xd4", b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\x3c\x4d", b"\x4d\x3c\xb2\xa1",
    b"\x0a\x0d\x0d\x0a", b"\xa1\xb2\xcd\x34", b"\x34\xcd\xb2\xa1",
)  # fmt: skip
"""pcap (micro- and nanoseconds, either byte order), pcapng, modified pcap of old tcpdumps."""
LOG_NAME = re.compile(r"^([a-z][a-z0-9_]*?)(?:_json)?(?=[.\-_]|$)")
JSON_SIGNS = (
    ("dicom", {"calling_ae"}),
    ("dicom", {"called_ae"}),
    ("known_dicom", {"evidence_uid"}),
    ("notice", {"note"}),
    ("conn", {"conn_state"}),
    ("conn", {"history", "proto"}),
    ("ssl", {"cipher"}),
    ("ssl", {"ssl_history"}),
    ("frames", {"hw_source"}),
    ("sflow", {"sub_agent", "received"}),
)


class Format(StrEnum):
    """How a source is written."""

    ZEEK_TSV = "Zeek log"
    ZEEK_JSON = "Zeek JSON log"
    CAPTURE = "capture"
    WIRESHARK_JSON = "Wireshark JSON export"
    TABLE = "table of frames"
    OTHER_LOG = "other Zeek log"


@dataclass(frozen=True, slots=True)
class CaptureOptions:
    """What a capture, or a table of frames, does not say of itself.

    Parameters
    ----------
    sampling_rate
        The capture holds one in so many frames (`sflowtool -t` loses the rate); None for all.
    keylog
        TLS key log (NSS format), to see into associations over TLS.
    inventory
        The hospital's inventory, for the plugin's tags.
    start
        When the capture began, for tables of frames whose times are seconds since then.
    """

    sampling_rate: int | None = None
    keylog: Path | None = None
    inventory: Path | None = None
    start: datetime | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """One input file: where, how it is written, which log it holds (``frames`` for captures)."""

    path: Path
    format: Format
    log: str
    capture: CaptureOptions = CaptureOptions()

    @property
    def kind(self) -> str:
        """Return the source's kind as people call it."""
        if self.format in {Format.ZEEK_TSV, Format.ZEEK_JSON, Format.OTHER_LOG}:
            return f"{self.format.value} {self.log}.log"
        return self.format.value


def recognise(path: Path) -> Source:
    """Return what `path` is; raises `InputError` where it is nothing that pacsflow reads."""
    start = head(path)
    if not start:
        raise InputError(path, "the file is empty", hint="a log or a capture was expected")
    if start[:4] in CAPTURE_MAGIC:
        return Source(path, Format.CAPTURE, "frames")
    if start[:4] == b"PK\x03\x04" and b"[Content_Types].xml" in start + _tail(path):
        return Source(path, Format.TABLE, "frames")
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith((b"#separator", b"#fields", b"#set_separator", b"#path")):
        return _zeek_tsv(path, text)
    if text.startswith(b"{"):
        return _zeek_json(path, text)
    if text.startswith(b"[") and (b'"_source"' in text or text.rstrip(b" \r\n]") == b"["):
        return Source(path, Format.WIRESHARK_JSON, "frames")
    if b"\0" not in text and _looks_like_table(text):
        return Source(path, Format.TABLE, "frames")
    raise InputError(
        path,
        "not a Zeek log, a capture, a Wireshark export or a table of frames",
        hint="pacsflow reads Zeek TSV and JSON logs, pcap, pcapng, csv, xlsx and tshark -T json",
    )


def _tail(path: Path) -> bytes:
    """Return the end of a file, where a zip archive lists its members."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 65536))
        return file.read()


def _by_name(path: Path) -> str:
    found = LOG_NAME.match(path.name)
    return found.group(1) if found else ""


def _zeek_tsv(path: Path, text: bytes) -> Source:
    declared = re.search(rb"^#path[\t ,|;]?(?:\\x09)?([A-Za-z0-9_]+)", text, re.MULTILINE)
    log = declared.group(1).decode() if declared else ""
    fields = re.search(rb"^#fields([^\r\n]*)", text, re.MULTILINE)
    told = fields.group(1).decode("ascii", "replace") if fields else ""
    names = set(re.findall(r"[A-Za-z0-9_.]+", told))
    if log not in ZEEK_LOGS:
        by_fields = next((name for name, signs in JSON_SIGNS if signs <= names), "")
        log = by_fields or log or _by_name(path) or "unknown"
    return Source(path, Format.ZEEK_TSV if log in ZEEK_LOGS else Format.OTHER_LOG, log)


def _zeek_json(path: Path, text: bytes) -> Source:
    for line in text.splitlines()[:20]:
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if not isinstance(row, dict):
            continue
        declared = row.get("_path")
        by_keys = next((name for name, signs in JSON_SIGNS if signs <= row.keys()), "")
        named = _by_name(path)
        log = declared if isinstance(declared, str) and declared in ZEEK_LOGS else by_keys
        log = log or (named if named in ZEEK_LOGS and "ts" in row else "")
        if log:
            return Source(path, Format.ZEEK_JSON, log)
        if "ts" in row:
            return Source(path, Format.OTHER_LOG, named or "unknown")
    raise InputError(path, "starts like JSON, but no line is a row of a Zeek log", line=1)


def _looks_like_table(text: bytes) -> bool:
    """Say whether the first line names at least two columns of frames, in a known language."""
    from pacsflow.readers.columns import match_columns  # noqa: PLC0415 - avoids a cycle

    try:
        first = text.splitlines()[0].decode("utf-8-sig")
    except UnicodeDecodeError:
        first = text.splitlines()[0].decode("latin-1")
    cells = [cell.strip().strip('"') for cell in re.split(r"[,;\t]", first)]
    return len(match_columns(cells)) >= 2
