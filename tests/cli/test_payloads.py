"""Every payload through every writer: no element, no formula, no line, nothing unseen is added."""

from __future__ import annotations

import csv
import html.parser
import io
import json
import re
import unicodedata
import zipfile
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import openpyxl
import pytest

from pacsflow.cli.tables import table
from pacsflow.export.graphs import to_dot, to_graphml
from pacsflow.export.rows import to_csv, to_json, to_line, to_objects
from pacsflow.export.workbook import write_table
from pacsflow.inventory import Item, format_inventory, read_inventory
from pacsflow.pseudonyms.kinds import Kind
from pacsflow.report import unnamed
from pacsflow.service import events
from pacsflow.terms.party import Party
from pacsflow.terms.severity import Severity
from pacsflow.words.language import Language
from pacsflow_reports import render_digest, render_html
from reports import factory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pacsflow.report.weekly import WeeklyReport

PAYLOADS = (
    "=1+1", "+1", "-1+1", "@SUM(A1)", "\t=1", ";=1", "x;=1", "x\t=1", "x|=1", "x,=1", ' "=1"',
    "'=1",
    "\r=1", "\n=1", "\uff1d1", "\uff0b1", "\uff0d1", "\uff201", '=HYPERLINK("http://a","b")',
    "=cmd|' /C calc'!A0", "DDE;=1", "{=1}", "<script>alert(1)</script>", "<img src=x onerror=y>",
    '"><b>x', "'><svg/onload=1>", "</td></table>", "<!--", "]]>", "&lt;b&gt;", "&#60;b>",
    "{{7*7}}", "{% raw %}", "javascript:alert(1)", "[x](http://a)", "![x](http://a)", "| a | b |",
    "`x`", "a\\", 'a"b', 'a\\"; b [label=x]; \\"', "a\nb", "a\r\nb", "a\x00b",
    "\x1b[2J\x1b]0;x\x07",
    "\x9b31m", "a\u202eb", "\u2066a", "a\u200bb", "a\u2060b", "\ufeffa", "a\u00adb", "a\ufffeb",
    "a\uffffb", "a\U000e0041b", "a\U000e007fb", "a\ufe0fb", "a\u2028b", "a\u2029b", "a\ud800b",
    "a\u061cb", "a\u180eb", "e" + "\u0301" * 40, "\\x41", "x" * 40_000, "#fields\tmatch", "-",
)  # fmt: skip
LISTED = re.compile(r"[,;\t|]")
SIGNS = tuple("=+-@\uff1d\uff0b\uff0d\uff20")


def unseen(text: str) -> set[str]:
    """Return characters that are controls, or cannot be seen."""
    found = {c for c in text if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp", "Cn"}}
    return {c for c in found | ({"\ufe0f"} & {*text}) if c not in "\n\t"}


def runs(cell: str) -> bool:
    """Say whether a spreadsheet of any locale could take a part of a cell for a formula."""
    return any(part.lstrip(" \"'").startswith(SIGNS) and not _quoted(part)
               for part in LISTED.split(cell))  # fmt: skip


def _quoted(part: str) -> bool:
    """Say whether the apostrophe that makes it text stands before the sign."""
    return "'" in part[: len(part) - len(part.lstrip(" \"'"))]


def as_csv(payload: str) -> str:
    text = to_csv(["host", payload], [[payload, [payload, "b"]]])
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert [len(row) for row in rows] == [2, 2]
    assert not [cell for row in rows for cell in row if runs(cell)]
    return text.replace("\r\n", "\n")


def as_json(payload: str) -> str:
    text = to_objects(["host"], [[payload]], [{"message": payload}]) + to_json({payload: payload})
    assert len(json.loads(to_objects(["host"], [[payload]]))) == 1
    return text


def as_line(payload: str) -> str:
    text = to_line({"a": {payload: [payload]}})
    assert text.count("\n") == 1
    json.loads(text)
    return text


def parties(payload: str) -> dict[str, Party]:
    one = Party(payload, payload, "pacs", payload, payload, (payload, "B"), payload, True, payload)
    return {payload: one, "10.0.0.1": Party("10.0.0.1")}


EDGE = [("10.0.0.1", 1, 2, 3)]


def as_graphml(payload: str) -> str:
    edges = [(payload, *EDGE[0])]
    text = to_graphml(parties(payload), edges, {"site": payload})
    root = ET.fromstring(text)
    same = ET.fromstring(to_graphml(parties("x"), [("x", *EDGE[0])], {"site": "x"}))
    assert [e.tag for e in root.iter()] == [e.tag for e in same.iter()]
    return text


def as_dot(payload: str) -> str:
    edges = [(payload, *EDGE[0])]
    text = to_dot(parties(payload), edges, {"site": payload})
    bare = re.sub(r'"(?:[^"\\\n]|\\.)*"', '""', text)
    same = to_dot(parties("x"), [("x", *EDGE[0])], {"site": "x"})
    assert bare == re.sub(r'"(?:[^"\\\n]|\\.)*"', '""', same)
    return text


def as_table(payload: str) -> str:
    rows = [[payload, "10.0.0.1", 5], ["b", "c", 6]]
    text = table(payload, ["host", "address", "bytes"], rows, None)
    assert text.count("\n") == table("x", ["host", "address", "bytes"], rows[1:] * 2, None).count(
        "\n"
    )
    return text


def as_inventory(payload: str, folder: Path) -> str:
    items = [Item("10.0.0.1", payload, "pacs", payload, payload), Item("10.0.0.2", payload, "")]
    path = folder / "inventory.tsv"
    path.write_text(format_inventory(items), encoding="utf-8")
    read = read_inventory(path)
    assert [item.match for item in read.items] == ["10.0.0.1"]
    return path.read_text(encoding="utf-8")


def as_workbook(payload: str, folder: Path) -> str:
    path = folder / "x.xlsx"
    write_table(path, "x", ("host", payload), [(payload, 5)])
    with zipfile.ZipFile(path) as book:
        inside = {name: book.read(name).decode() for name in book.namelist()}
    assert not [name for name, text in inside.items() if "<f>" in text or "hyperlink" in text]
    sheet = openpyxl.load_workbook(path).worksheets[0]
    kinds = {cell.data_type for row in sheet.iter_rows() for cell in row[:1]}
    assert kinds == {"s"}
    return "".join(str(cell.value or "") for row in sheet.iter_rows() for cell in row)


class Named:
    """In the place of a key: everybody is called by the payload."""

    def __init__(self, payload: str) -> None:
        self.payload = payload

    def value(self, kind: Kind, text: str) -> str:
        named = {Kind.ADDRESS, Kind.TITLE, Kind.NAME, Kind.SOFTWARE, Kind.MAKER, Kind.TOKEN}
        return self.payload if text and kind in named else text

    def source(self, _path: str) -> str:
        return self.payload

    def notice(self, name: str) -> str:
        return name


PLAIN = factory.hospital(pacs=2, hosts=12)


def named(payload: str) -> WeeklyReport:
    return unnamed.unnamed(PLAIN, Named(payload))  # type: ignore[arg-type]


class Elements(html.parser.HTMLParser):
    """Counts elements with the names of their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, tuple(name for name, _ in attrs)))


FORMATS: dict[str, Callable[..., str]] = {
    "csv": as_csv, "json": as_json, "line": as_line, "graphml": as_graphml, "dot": as_dot,
    "table": as_table, "inventory": as_inventory, "xlsx": as_workbook,
}  # fmt: skip


@pytest.mark.parametrize("form", FORMATS)
def test_no_payload_is_more_than_text(form: str, tmp_path: Path) -> None:
    wants = FORMATS[form].__code__.co_varnames[: FORMATS[form].__code__.co_argcount]
    rest: dict[str, Any] = {"folder": tmp_path} if "folder" in wants else {}
    for payload in PAYLOADS:
        text = FORMATS[form](payload, **rest)
        assert unseen(text) == set(), (form, payload)


TOGETHER = " ".join(payload for payload in PAYLOADS if len(payload) < 50)
SOME = (TOGETHER, *PAYLOADS[:-3:9], "<!--", "|", "a\nb")
"""What is too slow to be written for each payload has all of them in one name, and some alone."""


def pages() -> Iterator[tuple[str, str]]:
    for payload in (TOGETHER, "<!--", "]]>", "{{7*7}}"):
        yield payload, render_html(named(payload))


def test_no_payload_is_an_element_of_the_page() -> None:
    expected = Elements(render_html(named("xyz"))).found
    tags = {tag for tag, _ in expected}
    for payload, page in pages():
        found = Elements(page).found
        assert {tag for tag, _ in found} == tags, payload
        assert not [names for _, names in found if any(n.startswith("on") for n in names)], payload
        assert sum(tag == "script" for tag, _ in found) == sum(t == "script" for t, _ in expected)
        assert unseen(page) == set(), payload


@pytest.mark.few(1)
@pytest.mark.parametrize("markdown", [False, True])
def test_no_payload_makes_lines_or_marks_in_the_digest(markdown: bool) -> None:
    lines = render_digest(named("xyz"), markdown=True).count("\n")
    for payload in SOME:
        text = render_digest(named(payload), markdown=markdown)
        assert unseen(text) == set(), payload
        if markdown:
            assert text.count("\n") == lines, payload
            assert not re.search(r"(?<!\\)(<script|<img|<b>|\]\(http|`x`)", text), payload


@pytest.mark.few(1)
@pytest.mark.parametrize("form", ["ecs", "ocsf"])
def test_a_finding_is_one_line_for_a_siem(form: str) -> None:
    for payload in SOME:
        made = named(payload)
        lines = list(events.lines(made, Language("en", made.zone), form, Severity.INFO, {}))
        assert lines
        for line in lines:
            text = line.decode()
            assert (text.count("\n"), unseen(text)) == (1, set()), payload
            json.loads(text)
