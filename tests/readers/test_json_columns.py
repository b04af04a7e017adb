"""Lines of JSON that are read as columns and those that are read one by one give the same rows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from conftest import json_log
from pacsflow.readers import Quality, read, recognise, zeek_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pyarrow as pa

    Write = Callable[[str, str | bytes], Path]

PLAIN: list[dict[str, Any]] = [
    {}, {"orig_bytes": None}, {"ts": 1772438400.123456}, {"ts": 1772438400}, {"ts": "1772438400.5"},
    {"service": "-"}, {"service": ""}, {"history": "(empty)"}, {"id.orig_h": "::ffff:10.0.0.1"},
    {"id.orig_h": "FE80::1"}, {"tunnel_parents": ["C1", "C2"]}, {"tunnel_parents": []},
    {"local_orig": True, "local_resp": False}, {"duration": 3}, {"duration": -0.0001},
    {"_system_name": "north"}, {"sensor": "south"}, {"note": {"deep": [1, {"id": 2}]}},
    {"orig_bytes": 2**53}, {"uid": "CNaNInf"},
]  # fmt: skip
"""What Zeek writes, or could."""
ODD: list[dict[str, Any]] = [
    {"ts": "2026-03-02T08:00:00Z"}, {"ts": 1772438400123}, {"ts": 5}, {"ts": 1772438400.1234567},
    {"ts": None}, {"orig_bytes": "5"}, {"orig_bytes": 5.0}, {"orig_bytes": -1},
    {"orig_bytes": 2**53 + 1}, {"orig_bytes": 2**70}, {"id.resp_p": 70000}, {"id.orig_h": "host"},
    {"id.orig_h": None, "id": {"orig_h": "10.9.9.9"}}, {"id_orig_h": "10.9.9.9"}, {"uid": 5},
    {"uid": ["C5"]}, {"uid": "a\tb"}, {"uid": "é"}, {"uid": "\x1b[31m"}, {"history": "\\x41"},
    {"local_orig": "T"}, {"local_orig": "yes"}, {"tunnel_parents": "C1"},
    {"tunnel_parents": ["C1", None]}, {"_path": "dns"}, {"_path": "ssl"}, {"duration": 1e300},
    {"sensor": "south", "_node_name": "worker-1"},
    {"duration": float("nan")}, {"other": float("inf")}, {"_path": ""}, {"_log_type": "conn"},
]  # fmt: skip
"""What shippers make of it, and what is wrong."""


def rows_of(path: Path) -> tuple[list[tuple[str, dict[str, Any]]], int, list[str]]:
    quality = Quality()
    batches = list(read(recognise(path), quality))
    rows = [(log, row) for log, batch in batches for row in batch.to_pylist()]
    return rows, quality.unreadable, quality.examples


def both(path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """Read a log in both ways; return how many blocks were columns, and how many rows there are."""
    counted = []

    def counting(*arguments: Any) -> pa.RecordBatch | None:
        counted.append(real(*arguments) is not None)
        return real(*arguments)

    real = zeek_json.columns_of
    monkeypatch.setattr(zeek_json, "columns_of", counting)
    fast = rows_of(path)
    monkeypatch.setattr(zeek_json, "columns_of", lambda *_: None)
    assert fast == rows_of(path)
    return sum(counted), len(fast[0])


@pytest.mark.parametrize("row", PLAIN)
@pytest.mark.parametrize("path", [None, "conn"])
def test_plain_rows_are_read_as_columns(
    write: Write, monkeypatch: pytest.MonkeyPatch, row: dict[str, Any], path: str | None
) -> None:
    shown = {} if path is None else {"_path": path}
    log = write("conn.log", json_log([shown, {**shown, **row}, shown]))
    assert both(log, monkeypatch) == (1, 3)


@pytest.mark.parametrize("row", ODD)
def test_odd_rows_are_read_one_by_one(
    write: Write, monkeypatch: pytest.MonkeyPatch, row: dict[str, Any]
) -> None:
    log = write("conn.log", json_log([{}, row, {}]))
    assert both(log, monkeypatch)[0] == 0


@pytest.mark.parametrize(
    "text",
    [
        "{a}{b}\n\n", "{a}\n\n{b}\n", "{a},\n{b}\n", "{a}\r\n{b}\r\n", "{a}\n# x\n{b}\n",
        "Mar 2 zeek: {a}\n{b}\n", "{a}\n{b}", "{a}\n[]\n{b}\n", '{a}\n"x"\n{b}\n', "{a} {b}\n",
    ],
)  # fmt: skip
def test_lines_that_are_not_one_row_each(
    write: Write, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    a, b = (json_log([{"uid": name}]).strip() for name in ("CA", "CB"))
    log = write("conn.log", text.replace("{a}", a).replace("{b}", b) + a + "\n")
    assert both(log, monkeypatch)[0] == 0


def test_one_odd_row_leaves_the_others_columns(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = json.loads(json_log([{}]))
    lines = [json.dumps(row | {"uid": f"C{n}"}) for n in range(3000)]
    lines[1500] = json.dumps(row | {"orig_bytes": "5"})
    blocks, rows = both(write("conn.log", "\n".join(lines) + "\n"), monkeypatch)
    assert rows == 3000
    assert blocks > 5


@pytest.mark.parametrize(
    ("doubled", "refused"),
    [
        ('"orig_ip_bytes":7,"uid"', True),
        ('"id.orig_h":"10.9.9.9","uid"', True),
        ('"id":{"orig_h":"10.9.9.9"},"id":{"orig_h":"10.9.9.8"},"uid"', True),
        ('"other":1,"other":2,"uid"', False),
        ('"uid":"C1","uid"', False),
        ('"other":"\\":1","uid"', False),
    ],
)
@pytest.mark.parametrize("form", ["lines", "array"])
def test_a_name_that_stands_twice(
    write: Write, monkeypatch: pytest.MonkeyPatch, doubled: str, refused: bool, form: str
) -> None:
    lines = json_log([{"uid": "C1"}] * 3).splitlines()
    lines[1] = lines[1].replace('"uid"', doubled)
    assert doubled in lines[1]
    array = f"[{','.join(lines)}]"
    path = write("conn.log", "\n".join(lines) if form == "lines" else array)
    assert both(path, monkeypatch)[1] == 3 - refused
    _, unreadable, examples = rows_of(path)
    assert unreadable == refused
    assert all("stands in it twice, with different values" in example for example in examples)


@pytest.mark.parametrize(("text", "is_local"), [("true", True), ("True", True), ("F", False)])
def test_truths_in_quotes(write: Write, text: str, is_local: bool) -> None:
    rows, unreadable, _ = rows_of(write("conn.log", json_log([{"local_orig": text}])))
    assert ([row["local_orig"] for _, row in rows], unreadable) == ([is_local], 0)


def test_rows_that_all_have_bytes_of_another_encoding(write: Write) -> None:
    text = json_log([{"other": "S\u00e3o"}] * 2).encode().replace(b"\\u00e3", b"\xe3")
    assert b"S\xe3o" in text
    rows, unreadable, _ = rows_of(write("conn.log", text))
    assert ([row["uid"] for _, row in rows], unreadable) == (["C1"] * 2, 0)
