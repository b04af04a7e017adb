"""Tells what a file is by looking at its first bytes, never by trusting its name alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pacsflow.errors import ForeignError, InputError
from pacsflow.readers import foreign, json_packets
from pacsflow.readers.blocks import (
    BOM,
    has_old_ends,
    head,
    is_utf_16,
    opened,
    packing,
    without_comma,
)
from pacsflow.readers.dialects import plain_row
from pacsflow.readers.foreign_captures import is_foreign
from pacsflow.readers.log_kinds import judged, log_of_name
from pacsflow.readers.source import Format, Source
from pacsflow.terms.log_fields import ZEEK_LOGS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

CAPTURE_MAGIC = (
    b"\xa1\xb2\xc3\xd4", b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\x3c\x4d", b"\x4d\x3c\xb2\xa1",
    b"\x0a\x0d\x0d\x0a", b"\xa1\xb2\xcd\x34", b"\x34\xcd\xb2\xa1",
)  # fmt: skip
"""pcap (micro- and nanoseconds, either byte order), pcapng, modified pcap of old tcpdumps."""
ARCHIVES = (b"PK\x03\x04", b"PK\x05\x06", b"7z\xbc\xaf", b"Rar!\x1a\x07", b"\x1f\x9d")
"""zip, 7z, rar, and compress's .Z."""
ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
HEADER = re.compile(
    rb"^[ \t]*#(?:separator|set_separator|empty_field|unset_field|path|open|fields|types)\b"
)
DECLARED = re.compile(rb"^[ \t]*#path[\t ,|;]?(?:\\x09)?([^\s,|;\x00]+)", re.MULTILINE)
FIELDS = re.compile(rb"^[ \t]*#fields([^\r\n]*)", re.MULTILINE)
_WITHIN = re.compile(
    rb'(?s)\{.{0,4000}?"(results|data|hits|logs|rows|items|records|entries|events|documents|value)"'
    rb"\s*:\s*\[\s*\{"
)
"""An object that holds a list of others, as search engines and interfaces of programs answer."""
_NAMELESS = re.compile(
    rb'(?s)\{.{0,4000}?"(fields|columns|schema)"\s*:\s*\[.{0,8000}?'
    rb'"(rows|columns|values|datarows)"\s*:\s*\[\s*\['
)
"""An object that holds lists of values, and their names once: Splunk's ``json_rows``."""
_OF_TABLES = re.compile(rb'\{\s*"tables"\s*:\s*\[')
"""As Azure's interfaces answer: several such objects in one."""
MORE_ROWS = 50
"""So many rows of a JSON file are looked at to say what it is."""


def recognise(path: Path) -> Source:
    """Return what `path` is; raises `InputError` where it is nothing that pacsflow reads."""
    start = head(path)
    if not start:
        raise InputError(path, "the file is empty", hint="a log or a capture was expected")
    if start[:4] in CAPTURE_MAGIC or is_foreign(start):
        return Source(path, Format.CAPTURE, "frames")
    if start.startswith(OLE) or (start.startswith(ZIP) and _is_workbook(start + _tail(path))):
        return _workbook(path)
    if is_utf_16(start):
        hint = "save it as UTF-8"
        raise InputError(path, "the text is UTF-16, UTF-8 was expected", hint=hint)
    text = start.removeprefix(BOM).lstrip()
    if has_old_ends(text):
        text = text.replace(b"\r", b"\n")
    if HEADER.match(text):
        return _zeek_tsv(path, text)
    if text.startswith((b"{", b"[")):
        return _json(path, text)
    if b"\0" not in text and (table := _table(path, text)):
        return table
    if b'{"' in text.split(b"\n", 1)[0] and not text.startswith(b'"'):
        return _zeek_json(path, text)
    raise _unknown(path, start)


def _unknown(path: Path, start: bytes) -> InputError:
    if start.startswith(ARCHIVES) or start[257:262] == b"ustar":
        return InputError(path, "an archive: pacsflow reads what is in it", hint="unpack it first")
    if told := foreign.named(start.removeprefix(BOM)):
        return ForeignError(path, told[0], hint=told[1])
    return InputError(
        path,
        "not a Zeek log, a capture, a Wireshark export or a table of frames",
        hint="pacsflow reads Zeek TSV and JSON logs, pcap, pcapng, csv, xlsx and tshark -T json",
    )


def _workbook(path: Path) -> Source:
    """Return what the sheets of a workbook are; they are read where names of Zeek's are in it."""
    from pacsflow.readers import zeek_sheets  # noqa: PLC0415 - as below

    rows = None
    if known := zeek_sheets.signs(path):
        rows = zeek_sheets.first_rows(path, MORE_ROWS, known)
    found = rows and _of_rows(path, Format.ZEEK_TABLE, rows)
    return found or Source(path, Format.TABLE, "frames")


def _is_workbook(ends: bytes) -> bool:
    return b"[Content_Types].xml" in ends or b"opendocument.spreadsheet" in ends


def _tail(path: Path) -> bytes:
    """Return the end of a plain file; of an archive its members' names, of a log its last rows."""
    with path.open("rb") as file:
        if packing(file.read(6)):
            return b""
        file.seek(max(0, path.stat().st_size - 65536))
        return file.read()


def _zeek_tsv(path: Path, text: bytes) -> Source:
    declared = [told.decode("ascii", "replace") for told in DECLARED.findall(text)]
    fields = FIELDS.search(text)
    told = fields.group(1).decode("ascii", "replace") if fields else ""
    names = set(re.findall(r"[A-Za-z0-9_.]+", told))
    log, twin = judged(declared[0] if declared else "", path.name, names)
    others = set(declared) | {t.decode("ascii", "replace") for t in DECLARED.findall(_tail(path))}
    several = len(others) > 1
    if not several and log not in ZEEK_LOGS and log_of_name(path.name) != log:
        several = bool(_others_inside(path))
    if several:
        return Source(path, Format.ZEEK_TSV, "conn", several=True)
    form = Format.ZEEK_TSV if log in ZEEK_LOGS else Format.OTHER_LOG
    return Source(path, form, log or "unknown", twin=twin)


def _others_inside(path: Path) -> bool:
    """Say whether a log that is not called what it declares declares another one further on."""
    rest, found = b"", set()
    with opened(path) as file:
        while data := file.read(1 << 20):
            text = rest + data
            if b"#path" in text:
                found |= set(DECLARED.findall(text))
            if len(found) > 1:
                return True
            rest = text[-256:]
    return False


def _json(path: Path, text: bytes) -> Source:
    """Return what JSON is: packets of Wireshark, or rows of Zeek however they are laid out."""
    if foreign.known(text):
        raise _unknown(path, text)
    if text.startswith(b"["):
        first = json_packets.first_objects(text, 1)
        cut = not first and b'"layers"' in text
        if cut or (first and _at_layers(first[0])):
            return Source(path, Format.WIRESHARK_JSON, "frames")
        if not text.strip(b"[] \t\r\n"):
            raise InputError(path, "there is nothing in its array", hint="export it again")
    return _zeek_json(path, text)


def _at_layers(packet: object) -> bool:
    source = packet.get("_source") if isinstance(packet, dict) else None
    return isinstance(source, dict) and "layers" in source


def _first_rows(path: Path, text: bytes) -> Iterator[object]:
    """Yield some of the first and of the last rows of a JSON file; lines that are none are None."""
    if not json_packets.are_lines(text):
        yield from json_packets.first_objects(text, MORE_ROWS)
        return
    lines = text.splitlines()[:MORE_ROWS]
    tail = _tail(path)
    if len(tail) == 65536:
        lines += tail.splitlines()[1:][-MORE_ROWS:]
    yield from (
        json_packets.loaded(without_comma(line[max(0, line.find(b"{")) :])) for line in lines
    )


def _zeek_json(path: Path, text: bytes) -> Source:
    found = _of_rows(path, Format.ZEEK_JSON, _first_rows(path, text))
    if found is None and (within := _WITHIN.match(text)):
        name = within[1].decode("ascii")
        hint = f"give them one a line: jq -c '.{name}[]'"
        raise InputError(path, f"an answer whose rows stand in its {name!r}", hint=hint)
    if found is None and (nameless := _NAMELESS.match(text)):
        names, name = (told.decode("ascii") for told in nameless.groups())
        rows = ".columns | transpose[]" if name == "columns" else f".{name}[]"
        tables = ".tables[] | " if _OF_TABLES.match(text) else ""
        hint = (
            f"give them one a line, with their names: jq -c '{tables}.{names} as $f | "
            f"{rows} | [$f, .] | transpose | map({{(.[0].name? // .[0]): .[1]}}) | add'"
        )
        problem = f"an answer whose rows stand without names in its {name!r}"
        raise InputError(path, problem, hint=hint)
    if found is None:
        raise InputError(path, "starts like JSON, but no line is a row of a Zeek log", line=1)
    return found


def _of_rows(path: Path, form: Format, rows: Iterable[object]) -> Source | None:
    """Return what rows of Zeek's logs are by some of them; None where none is one."""
    logs: dict[str, bool] = {}
    declared = False
    for found in rows:
        if not isinstance(found, dict):
            continue
        row, told = plain_row(found)
        log, twin = judged(told, path.name, row)
        if log in ZEEK_LOGS or "ts" in row:
            declared |= bool(told)
            logs.setdefault(log, twin)
    if not logs:
        return None
    log, twin = next(iter(logs.items()))
    if len(logs) > 1 or (declared and log_of_name(path.name) != log):
        # What comes further on may be of any log: the reader looks at each row.
        pure = len(logs) == 1 and log in {"frames", "sflow"}
        return Source(path, form, log if pure else "conn", twin=twin, several=not pure)
    if log not in ZEEK_LOGS:
        form = Format.OTHER_LOG
    return Source(path, form, log or "unknown", twin=twin)


def _table(path: Path, text: bytes) -> Source | None:
    """Return what a table's first lines say that it is; None where they are no header of ours."""
    from pacsflow.readers import delimited, zeek_table  # noqa: PLC0415 - avoids a cycle

    if layout := zeek_table.find_header(text):
        if layout.header.names[0] == "#fields":
            problem = "a Zeek log with quotes around its fields"
            hint = "a spreadsheet or an editor has changed it: give the log as Zeek wrote it"
            raise InputError(path, problem, hint=hint, line=layout.line + 1)
        if lacking := zeek_table.missing(layout.header, path.name, text):
            problem = f"rows of Zeek's logs in a table, without {lacking}"
            hint = "export these columns, too, or give the log itself"
            raise InputError(path, problem, hint=hint, line=layout.line + 1)
        found = _of_rows(path, Format.ZEEK_TABLE, zeek_table.first_rows(text, MORE_ROWS))
        if found is None:
            raise InputError(path, "the table has a header, but no row", hint="export it again")
        return found
    return Source(path, Format.TABLE, "frames") if delimited.find_header(text) else None
