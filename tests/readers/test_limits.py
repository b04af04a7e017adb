"""Nothing that is read takes more than its limits allow; one line says which, and the way out."""

from __future__ import annotations

import gzip
import lzma
import zipfile
from typing import TYPE_CHECKING

import pytest

from conftest import json_log, tsv
from pacsflow.errors import InputError, UsageError
from pacsflow.readers import Quality, limits, read, recognise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Write = Callable[[str, str | bytes], Path]


@pytest.fixture
def raised(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Return a function that sets the limits of the environment."""

    def change(told: str) -> None:
        monkeypatch.setenv(limits.VARIABLE, told)
        limits.limits.cache_clear()

    yield change
    limits.limits.cache_clear()


def rows_of(path: Path) -> Quality:
    quality = Quality()
    for _ in read(recognise(path), quality):
        pass
    return quality


def test_the_environment_raises_a_limit(raised: Callable[[str], None]) -> None:
    raised("expansion=200, sheets=3")
    assert (limits.limits().expansion, limits.limits().sheets) == (200, 3)
    raised("size=3")
    with pytest.raises(UsageError, match="limits are"):
        limits.limits()


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
def test_what_unpacks_without_end(
    write: Write, raised: Callable[[str], None], pack: Callable[[bytes], bytes]
) -> None:
    packed = write("conn.log.gz", pack(tsv([{}] * 20_000).encode()))
    assert rows_of(packed).rows == 20_000
    raised("unpacked=1000000")
    with pytest.raises(InputError, match=r"conn.log.gz.*limit expansion=40"):
        rows_of(packed)


def test_headers_without_end(write: Write) -> None:
    same = "#separator \\x09\n#path\tconn\n" + "#fields\tts\tuid\n" * 50_000
    assert rows_of(write("a/conn.log", same)).rows == 0
    other = "".join(f"#fields\tts\tx{n}\n" for n in range(1_200))
    with pytest.raises(InputError, match="limit headers=1000"):
        rows_of(write("b/conn.log", "#path\tconn\n" + other))
    wide = "#path\tconn\n#fields\tts\t" + "\t".join(f"x{n}" for n in range(3_000)) + "\n"
    with pytest.raises(InputError, match="limit fields=2000"):
        rows_of(write("c/conn.log", wide))
    table = "Source,Destination,Length\n" + "Destination,Source,Length\n" * 1_500
    with pytest.raises(InputError, match="limit headers=1000"):
        rows_of(write("d.csv", table + "Source,Destination,Length\n" * 3))


def test_comments_without_end_cost_nothing(write: Write) -> None:
    text = tsv([{}]).encode() + b"#\n" * 300_000 + tsv([{"uid": "C2"}]).encode()
    assert rows_of(write("conn.log", text)).rows == 2


def test_rows_that_cannot_be_read_without_end(write: Write, raised: Callable[[str], None]) -> None:
    raised("unreadable=100")
    few = tsv([{}] * 200 + ["x"] * 90)
    assert rows_of(write("a/conn.log", few)).unreadable == 90
    with pytest.raises(InputError, match=r"101 rows .*, the first: line 10.*unreadable"):
        rows_of(write("b/conn.log", tsv([{}] + ["x"] * 1_000)))
    with pytest.raises(InputError, match=r"line 2: expected a JSON object"):
        rows_of(write("c/conn.log", json_log([{}]) + "{\n" * 1_000))


def test_json_nested_without_end(write: Write, raised: Callable[[str], None]) -> None:
    packet = b'[{"_source":{"layers":'
    nested = packet + b'{"a":' * 100_000 + b"}" * 100_002 + b"]"
    with pytest.raises(InputError, match="damaged, or nested too deep"):
        rows_of(write("a.json", nested))
    quality = rows_of(write("conn.log", json_log([{}]) + '{"ts":' + "[" * 50_000 + "\n"))
    assert (quality.rows, quality.unreadable) == (1, 1)
    raised("object=100000")
    with pytest.raises(InputError, match="limit object=100000"):
        rows_of(write("b.json", packet + b'{"a":' * 1_000_000))
    with pytest.raises(InputError, match="no line is a row of a Zeek log"):
        rows_of(write("c.json", b'[{"_source":' + b'{"a":' * 1_000_000))


HEADER = (
    '<row r="1"><c r="A1" t="inlineStr"><is><t>Source</t></is></c>'
    '<c r="B1" t="inlineStr"><is><t>Destination</t></is></c></row>'
)
RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def workbook(path: Path, rows: str, strings: str = "<sst/>", sheets: int = 1) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("[Content_Types].xml", "<Types/>")
        book.writestr(
            "_rels/.rels",
            f'<Relationships><Relationship Id="r1" Type="{RELATION}/officeDocument" '
            'Target="xl/workbook.xml"/></Relationships>',
        )
        book.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships><Relationship Id="r1" Type="{RELATION}/worksheet" '
            f'Target="worksheets/one.xml"/><Relationship Id="r2" Type="{RELATION}/sharedStrings" '
            'Target="sharedStrings.xml"/></Relationships>',
        )
        named = "".join(f'<sheet name="s{n}" r:id="r1"/>' for n in range(sheets))
        book.writestr("xl/workbook.xml", f"<workbook><sheets>{named}</sheets></workbook>")
        sheet = f"<worksheet><sheetData>{HEADER}{rows}</sheetData></worksheet>"
        book.writestr("xl/worksheets/one.xml", sheet)
        book.writestr("xl/sharedStrings.xml", strings)
    return path


def test_a_cell_at_the_end_of_the_sheet(tmp_path: Path) -> None:
    far = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    with pytest.raises(InputError, match="limit memory=256"):
        rows_of(workbook(tmp_path / "a.xlsx", far))


def test_one_text_in_every_cell(tmp_path: Path) -> None:
    rows = ("<row>" + '<c t="s"><v>0</v></c>' * 100 + "</row>") * 2_000
    strings = f"<sst><si><t>{'q' * 32_000}</t></si></sst>"
    with pytest.raises(InputError, match=r"limit (memory|unpacked)="):
        rows_of(workbook(tmp_path / "a.xlsx", rows, strings))


def test_parts_that_declare_more_than_any_table(tmp_path: Path) -> None:
    rows = '<row r="2"><c r="A2"><v>' + "0" * 70_000_000 + "</v></c></row>"
    with pytest.raises(InputError, match=r"unpack to 70,0.*limit expansion=40"):
        rows_of(workbook(tmp_path / "a.xlsx", rows))


def test_sheets_without_end(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", "", sheets=300)
    with pytest.raises(InputError, match="limit sheets=256"):
        rows_of(path)
