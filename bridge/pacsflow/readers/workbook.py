"""The parts of an Office Open XML workbook: its sheets, its shared strings, its rows as XML."""

from __future__ import annotations

import posixpath
import re
import zipfile
from typing import IO, TYPE_CHECKING, Self, TypeVar
from xml.parsers import expat
from xml.sax.saxutils import unescape as unescape_xml

import pyarrow as pa
import pyarrow.compute as pc

from pacsflow.errors import InputError
from pacsflow.readers.arrays import from_bytes, strings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_T = TypeVar("_T")
Row = tuple[int, dict[int, tuple[str, str]]]
"""A row's number, and type (``t``, ECMA-376 18.18.11) and text of its cells by place (from 0)."""

CHUNK = 1 << 20
MOST_STRINGS = 1 << 30
"""Bytes of shared strings: beyond it a workbook is no table, but an attack on our memory."""

_PLAIN = re.compile(rb'<si><t(?: xml:space="preserve")?>([^<]*)</t></si>')
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


class Workbook:
    """An open workbook; use as a context manager."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._zip = zipfile.ZipFile(path)
        self.days_from_1904 = False
        self.names: list[str] = []
        self.sheets: list[str] = []
        """Names of the sheets and of their members in the archive, in the order of the tabs."""
        self._strings_member = ""
        self._strings: pa.Array | None = None

    def __enter__(self) -> Self:
        self._zip.__enter__()
        self._index()
        return self

    def __exit__(self, *error: object) -> None:
        self._zip.close()

    def open(self, member: str) -> IO[bytes]:
        """Open a member for reading what it unpacks to."""
        try:
            return self._zip.open(member)
        except KeyError:
            raise InputError(self.path, f"the workbook has no {member[:80]!r}") from None

    def stream(self, member: str, size: int = CHUNK) -> Iterator[bytes]:
        """Yield what a member unpacks to in chunks of `size` bytes."""
        with self.open(member) as file:
            while data := file.read(size):
                yield data

    def _index(self) -> None:
        """Find the sheets (part 2, 9.2: relationships lead from the workbook to its parts)."""
        root = next(
            (target for kind, target in self._relations("") if kind.endswith("/officeDocument")),
            "xl/workbook.xml",
        )
        parts: dict[str, str] = {}
        for kind, target, name in self._relations(root, named=True):
            parts[name] = target
            if kind.endswith("/sharedStrings"):
                self._strings_member = target
        for tag, attributes in _elements(self.stream(root)):
            if tag == "workbookPr":
                self.days_from_1904 = attributes.get("date1904") in {"1", "true"}
            elif tag == "sheet":
                member = parts.get(_local(attributes, "id"))
                if member and "/worksheets/" in f"/{member}":
                    self.names.append(attributes.get("name", ""))
                    self.sheets.append(member)

    def _relations(self, part: str, *, named: bool = False) -> Iterator[tuple[str, ...]]:
        folder, name = posixpath.split(part)
        member = posixpath.join(folder, "_rels", f"{name}.rels")
        if member not in self._zip.namelist():
            return
        for tag, attributes in _elements(self.stream(member)):
            if tag == "Relationship" and attributes.get("TargetMode") != "External":
                target = attributes.get("Target", "")
                target = target.lstrip("/") if target.startswith("/") else posixpath.normpath(
                    posixpath.join(folder, target)
                )  # fmt: skip
                found = (attributes.get("Type", ""), target)
                yield (*found, attributes.get("Id", "")) if named else found

    # --- shared strings

    @property
    def strings(self) -> pa.Array:
        """All shared strings (ECMA-376 18.4), read when the first is asked for."""
        if self._strings is None:
            self._strings = self._read_strings() if self._strings_member else strings([])
        return self._strings

    def string(self, number: int) -> str:
        """Return one shared string, empty where there is none of that number."""
        return str(self.strings[number]) if number < len(self.strings) else ""

    def take(self, numbers: pa.Array) -> pa.Array:
        """Return the shared strings of a column of numbers (as text), null where empty."""
        try:
            index = numbers.cast(pa.int32())
        except pa.ArrowInvalid:
            fits = pc.match_substring_regex(numbers, r"^\d{1,9}$")
            index = pc.if_else(fits, numbers, pa.scalar(None, pa.string())).cast(pa.int32())
        least, most = pc.min_max(index).as_py().values()
        if most is not None and not 0 <= least <= most < len(self.strings):
            there = pc.and_(pc.less(index, len(self.strings)), pc.greater_equal(index, 0))
            index = pc.if_else(there, index, pa.scalar(None, pa.int32()))
        texts = self.strings.take(index)
        return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)

    def _read_strings(self) -> pa.Array:
        arrays: list[pa.Array] = [strings([])]
        size, rest, first = 0, b"", True
        for data in self.stream(self._strings_member):
            text = rest + data
            if first:
                start = re.search(rb"<(?:\w+:)?si[ >/]", text)
                text, first = (text[start.start() :], False) if start else (text, True)
            end = text.rfind(b"</si>") + len(b"</si>") if b"</si>" in text else 0
            rest = text[end:]
            size += len(data)
            if size > MOST_STRINGS or len(rest) > MOST_STRINGS // 8:
                raise InputError(self.path, "its texts unpack to more than a table can hold")
            if end:
                arrays.append(_strings_of(text[:end]))
        if len(arrays) == 1 and rest:  # another way to write XML: prefixes, or empty texts alone
            arrays.append(strings(list(_texts(self.stream(self._strings_member)))))
        return pa.concat_arrays(arrays)


def _strings_of(piece: bytes) -> pa.Array:
    """Return the texts of whole <si> elements."""
    parts = _PLAIN.split(piece)
    if any(part.strip() for part in parts[::2]):
        return strings(list(_texts([b"<sst>", piece, b"</sst>"])))
    column = from_bytes(parts[1::2])
    if b"&" in piece or b"_x" in piece:
        column = strings([unescape(text) for text in column.to_pylist()])
    return column


def unescape(text: str) -> str:
    """Return text with the entities of XML and the ``_x000D_`` of ECMA-376 22.9.2.19 resolved."""
    if "&" in text:
        text = re.sub(r"&#(?:x([0-9A-Fa-f]{1,6})|(\d{1,7}));", _character, text)
        text = unescape_xml(text, {"&quot;": '"', "&apos;": "'"})
    return _without_escapes(text)


def _without_escapes(text: str) -> str:
    return _ESCAPED.sub(lambda m: chr(int(m[1], 16)), text) if "_x" in text else text


def _character(found: re.Match[str]) -> str:
    number = int(found[1], 16) if found[1] else int(found[2])
    return chr(number) if number <= 0x10FFFF and not 0xD800 <= number < 0xE000 else "\ufffd"


# --- XML, parsed as a stream


def _parser() -> expat.XMLParserType:
    """Return a parser that refuses document types: no workbook has one, entity bombs do."""
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def refuse(*_: object) -> None:
        raise expat.ExpatError("a document type is declared")

    parser.StartDoctypeDeclHandler = refuse
    return parser


def _local(attributes: dict[str, str], name: str) -> str:
    """Return an attribute by its name without prefix."""
    return next((v for k, v in attributes.items() if k.split(":")[-1] == name), "")


def _elements(chunks: Iterable[bytes]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield names (without prefix) and attributes of all elements."""
    found: list[tuple[str, dict[str, str]]] = []
    parser = _parser()
    parser.StartElementHandler = lambda tag, attributes: found.append(
        (tag.split(":")[-1], attributes)
    )
    for chunk in chunks:
        parser.Parse(chunk, False)
        yield from found
        found.clear()


def _texts(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield the text of each <si>: its runs joined, without phonetic hints."""
    reader = _Strings()
    yield from _gathered(reader.found, reader, chunks)


def rows_of(chunks: Iterable[bytes], after: int = 0) -> Iterator[Row]:
    """Yield the rows of a sheet's XML, however it is written.

    A row that does not tell its number follows the one before it, the first follows `after`.
    """
    reader = _Rows(after)
    yield from _gathered(reader.found, reader, chunks)


def cell_texts(piece: bytes, after: int) -> Iterator[Row]:
    """Yield the rows of a piece of a sheet that consists of whole rows."""
    return rows_of([b"<sheetData>", piece, b"</sheetData>"], after)


def _gathered(found: list[_T], handlers: _Text, chunks: Iterable[bytes]) -> Iterator[_T]:
    """Parse chunks and yield what the handlers have found after each."""
    parser = _parser()
    parser.StartElementHandler = lambda tag, attributes: handlers.start(
        tag.split(":")[-1], attributes
    )
    parser.EndElementHandler = lambda tag: handlers.end(tag.split(":")[-1])
    parser.CharacterDataHandler = handlers.data
    for chunk in chunks:
        parser.Parse(chunk, False)
        yield from found
        found.clear()


class _Text:
    """Handlers that gather the text of an element's <v> and <t>, without phonetic hints."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self._inside = self._hint = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:  # noqa: ARG002 - a handler
        """Note where text begins."""
        if tag == "rPh":
            self._hint = True
        elif tag in {"v", "t"}:
            self._inside = not self._hint

    def end(self, tag: str) -> None:
        """Note where text ends."""
        if tag == "rPh":
            self._hint = False
        elif tag in {"v", "t"}:
            self._inside = False

    def data(self, text: str) -> None:
        """Keep text."""
        if self._inside:
            self.text.append(text)


class _Strings(_Text):
    """Handlers that gather shared strings."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        super().start(tag, attributes)
        if tag == "si":
            self.text.clear()

    def end(self, tag: str) -> None:
        super().end(tag)
        if tag == "si":
            self.found.append(_without_escapes("".join(self.text)))


class _Rows(_Text):
    """Handlers that gather rows."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.found: list[Row] = []
        self._number = after
        self._place = -1
        self._cells: dict[int, tuple[str, str]] = {}
        self._kind = ""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        super().start(tag, attributes)
        if tag == "row":
            told = attributes.get("r", "")
            self._number = int(told) if told.isdecimal() else self._number + 1
            self._place, self._cells = -1, {}
        elif tag == "c":
            letters = re.match(r"[A-Z]{1,3}", attributes.get("r", ""))
            self._place = _place(letters[0]) if letters else self._place + 1
            self._kind = attributes.get("t", "")
            self.text.clear()

    def end(self, tag: str) -> None:
        super().end(tag)
        if tag == "row":
            self.found.append((self._number, self._cells))
        elif tag == "c":
            text = "".join(self.text)
            if self._kind in {"inlineStr", "str"}:
                text = _without_escapes(text)
            self._cells[self._place] = (self._kind, text)


def _place(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1
