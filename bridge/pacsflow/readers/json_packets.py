"""Splits a JSON array into its objects without ever holding more than one of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson

from pacsflow.errors import InputError
from pacsflow.readers.blocks import BOM, opened
from pacsflow.readers.limits import exceeded, limits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHUNK = 1 << 20
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|[{}]', re.DOTALL)
_END = re.compile(rb"\n  \},?\r?(?=\n)")
"""Where a packet ends as tshark writes it."""


def objects(path: Path) -> Iterator[Any]:
    """Yield the objects of the array that a file holds; None where one is damaged.

    Raises
    ------
    InputError
        If the file ends before the array does, or one object is larger than the limit.
    """
    most = limits().object
    rest = b""
    with opened(path) as file:
        while data := file.read(max(CHUNK, len(rest))):
            rest = (rest + data).lstrip(BOM) if not rest else rest + data
            start = 0
            while (end := _end_of_object(rest, start)) > 0:
                begin = rest.find(b"{", start, end)
                yield _loaded(rest[begin:end])
                start = end
            rest = rest[start:]
            if len(rest) > most:
                raise exceeded(path, "object", f"one packet of it takes more than {most:,} bytes")
    left = rest.strip(b" \t\r\n,]")
    if left or not rest.rstrip().endswith(b"]"):
        problem = "the JSON is damaged or ends early"
        raise InputError(path, problem, hint="export it again")


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


def _loaded(data: bytes) -> Any:  # noqa: ANN401 - of JSON
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
