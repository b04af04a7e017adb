"""Splits JSON into its objects without ever holding more than one of them.

They stand in an array, or one after another however they are printed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson

from pacsflow.errors import InputError
from pacsflow.readers.blocks import BOM, opened
from pacsflow.readers.limits import exceeded, limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CHUNK = 1 << 20
TRIED = 20
"""So many lines are tried to see whether each is an object."""
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|[{}]', re.DOTALL)
_NO_NUMBER = re.compile(rb"(?<=[:,\[ ])-?(?:NaN|Infinity)(?=[,}\] ])")
"""What some programs write where JSON has null."""
_END = re.compile(rb"\n  \},?\r?(?=\n)")
"""Where a packet ends as tshark writes it."""


def loaded(data: bytes) -> Any:  # noqa: ANN401 - of JSON
    """Return what a text of JSON says; None where it is damaged."""
    try:
        return lenient(data)
    except orjson.JSONDecodeError:
        return None


def lenient(data: bytes) -> Any:  # noqa: ANN401 - of JSON
    """Return what a text says that is JSON but for numbers that are none, and other encodings.

    Raises orjson.JSONDecodeError where it is none.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        text = _NO_NUMBER.sub(b"null", data).decode("utf-8", "backslashreplace")
        return orjson.loads(text.replace("\\x", "\\\\x"))


def objects(path: Path, load: Callable[[bytes], Any] = loaded) -> Iterator[Any]:
    """Yield the objects that a file holds as `load` gives them; None where one is damaged.

    Raises
    ------
    InputError
        If the file ends before its array or last object does, or one object is larger than the
        limit.
    """
    most = limits().object
    rest, is_array = b"", None
    with opened(path) as file:
        while data := file.read(max(CHUNK, len(rest))):
            rest += data
            if is_array is None:
                rest = rest.removeprefix(BOM).lstrip()
                is_array = rest.startswith(b"[") if rest else None
            start = 0
            while (end := _end_of_object(rest, start)) > 0:
                begin = rest.find(b"{", start, end)
                yield load(rest[begin:end])
                start = end
            rest = rest[start:]
            if len(rest) > most:
                raise exceeded(path, "object", f"one object of it takes more than {most:,} bytes")
    left = rest.strip(b" \t\r\n,]" if is_array else b" \t\r\n,")
    if left or (is_array and not rest.rstrip().endswith(b"]")):
        problem = "the JSON is damaged or ends early"
        raise InputError(path, problem, hint="export it again")


def first_objects(text: bytes, most: int) -> list[Any]:
    """Return the first objects of a text that may end in the middle of one."""
    found: list[Any] = []
    start = 0
    while len(found) < most and (end := _end_of_object(text, start)) > 0:
        found.append(loaded(text[text.find(b"{", start, end) : end]))
        start = end
    return found


def are_lines(text: bytes) -> bool:
    """Say whether JSON has an object a line, by its beginning."""
    if text.removeprefix(BOM).lstrip().startswith(b"["):
        return False
    lines = [line for line in text.splitlines() if line.strip()]
    return any(_is_object(line) for line in lines[:TRIED]) or lines[0].rstrip() != b"{"


def _is_object(line: bytes) -> bool:
    begin = line.find(b"{")
    return begin >= 0 and isinstance(loaded(line[begin:]), dict)


def _end_of_object(data: bytes, start: int) -> int:
    """Return where the object ends that begins behind `start`, 0 where it does not."""
    begin = data.find(b"{", start)
    if begin < 0:
        return 0
    if data[max(0, begin - 3) : begin] == b"\n  ":
        found = _END.search(data, begin)
        return found.start() + 4 if found else 0
    depth = 0
    for token in _TOKEN.finditer(data, begin):
        sign = token[0]
        if sign == b"{":
            depth += 1
        elif sign == b"}":
            depth -= 1
            if not depth:
                return token.end()
    return 0
