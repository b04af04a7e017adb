"""Given this log, these rows: whatever is in it, no row is lost in silence."""

from __future__ import annotations

import gzip
import io
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import CONN_FIELDS, CONN_ROW, json_log, tsv
from pacsflow.errors import InputError
from pacsflow.readers import Format, Quality, find, read, recognise
from pacsflow.readers.limits import limits

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[[str, str | bytes], Path]


def rows_of(path: Path) -> tuple[list[dict[str, Any]], Quality]:
    quality = Quality()
    batches = [batch for _, batch in read(recognise(path), quality)]
    rows = pa.Table.from_batches(batches).to_pylist()
    assert quality.rows == len(rows)
    return rows, quality


DICOM_FIELDS = {
    "ts": "time", "uid": "string", "id.orig_h": "addr", "id.resp_h": "addr",
    "calling_ae": "string", "called_ae": "string", "services": "set[string]",
}  # fmt: skip


def dicom_log(titles: list[str]) -> str:
    rows = [
        f"1772438400.0\tC{n}\t10.0.0.1\t10.0.0.2\t{title}\tPACS\tquery,storage"
        for n, title in enumerate(titles)
    ]
    return tsv(rows, path="dicom", fields=DICOM_FIELDS)


class TestZatDefects:
    """What zat 0.4.9 gets wrong; each of these once hid, changed or stopped something."""

    def test_quotes_hide_no_rows(self, write: Write) -> None:
        rows, quality = rows_of(write("dicom.log", dicom_log(['"CT', "MR", 'US"', "CR"])))
        assert [row["calling_ae"] for row in rows] == ['"CT', "MR", 'US"', "CR"]
        assert quality.unreadable == 0

    def test_hash_inside_a_field_keeps_the_rest_of_the_row(self, write: Write) -> None:
        rows, _ = rows_of(write("dicom.log", dicom_log(["ROOM#3"])))
        assert rows[0]["calling_ae"] == "ROOM#3"
        assert rows[0]["called_ae"] == "PACS"

    @pytest.mark.parametrize("title", ["NA", "null", "None", "nan", "N/A", "NULL"])
    def test_only_the_unset_sign_is_missing(self, write: Write, title: str) -> None:
        rows, _ = rows_of(write("dicom.log", dicom_log([title, "-"])))
        assert [row["calling_ae"] for row in rows] == [title, None]

    def test_empty_file_is_refused_at_once(self, write: Write) -> None:
        with pytest.raises(InputError, match="the file is empty"):
            recognise(write("conn.log", ""))

    def test_json_is_not_taken_for_tsv(self, write: Write) -> None:
        path = write("conn.log", json_log([{}]))
        assert recognise(path).format is Format.ZEEK_JSON
        assert rows_of(path)[0][0]["orig_bytes"] == 1000

    def test_gzip_reads_like_plain(self, write: Write) -> None:
        plain = rows_of(write("conn.log", tsv([{}, {"uid": "C2"}])))
        packed = rows_of(write("conn.log.gz", gzip.compress(tsv([{}, {"uid": "C2"}]).encode())))
        assert packed == plain

    def test_one_byte_that_is_not_utf8_costs_nothing(self, write: Write) -> None:
        raw = dicom_log(["RAIO-X", "CT"]).encode().replace(b"RAIO-X", b"RA\xcdO-X")
        rows, quality = rows_of(write("dicom.log", raw))
        assert [row["calling_ae"] for row in rows] == ["RA\\xcdO-X", "CT"]
        assert quality.unreadable == 0

    def test_counts_above_31_bits(self, write: Write) -> None:
        rows, _ = rows_of(write("conn.log", tsv([{"orig_bytes": 2**31 + 5, "resp_bytes": 2**52}])))
        assert (rows[0]["orig_bytes"], rows[0]["resp_bytes"]) == (2**31 + 5, 2**52)

    def test_times_are_utc_to_the_microsecond_and_unset_stays_unset(self, write: Write) -> None:
        rows, _ = rows_of(write("conn.log", tsv([{"duration": "-"}])))
        assert rows[0]["ts"].isoformat() == "2026-03-02T08:00:00.000001+00:00"
        assert rows[0]["duration"] is None

    def test_json_integers_with_gaps_stay_integers(self, write: Write) -> None:
        rows, _ = rows_of(write("conn.log", json_log([{}, {"orig_bytes": None}])))
        assert [row["orig_bytes"] for row in rows] == [1000, None]
        assert isinstance(rows[0]["orig_bytes"], int)

    def test_zat_itself_fails_these(self, write: Write) -> None:
        """The defects are real: if zat mends them, this says so."""
        from zat.log_to_dataframe import LogToDataFrame

        path = write("dicom.log", dicom_log(['"CT', "MR", 'US"', "CR"]))
        with redirect_stdout(io.StringIO()):
            frame = LogToDataFrame().create_dataframe(str(path))
        assert len(frame) < 4


def test_last_line_without_its_end_is_read_and_half_a_line_is_counted(write: Write) -> None:
    text = tsv([{}, {"uid": "C2"}], close=False)
    whole, quality = rows_of(write("a/conn.log", text.rstrip("\n")))
    assert (len(whole), quality.unreadable) == (2, 0)
    half, quality = rows_of(write("b/conn.log", text[:-60]))
    assert (len(half), quality.unreadable) == (1, 1)
    assert quality.examples[0].startswith("line 10: expected 18 columns, found ")
    assert "the last line is cut" in quality.examples[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ts": "yesterday"}, "line 10: ts: expected a time"),
        ({"ts": "99999999999.0"}, "line 10: ts: expected a time between 1990 and 2100"),
        ({"id.orig_h": "printer"}, "line 10: id.orig_h: expected an address"),
        ({"orig_bytes": "-5"}, "line 10: orig_bytes: expected a count"),
        ({"orig_ip_bytes": str(2**64)}, "line 10: orig_ip_bytes: expected a count"),
        ({"duration": "a while"}, "line 10: duration: expected a number"),
        ({"id.resp_p": "70000"}, "line 10: id.resp_p: expected a port"),
        ({"id.resp_h": "-"}, "line 10: id.resp_h is not set"),
    ],
)
def test_a_wrong_value_costs_its_row_alone_and_is_named(
    write: Write, change: dict[str, str], said: str
) -> None:
    rows, quality = rows_of(write("conn.log", tsv([{}, change, {"uid": "C3"}])))
    assert [row["uid"] for row in rows] == ["C1", "C3"]
    assert quality.unreadable == 1
    assert quality.examples[0].startswith(said)


def test_headers_of_all_ages(write: Write) -> None:
    bro2 = {k: v for k, v in CONN_FIELDS.items() if k not in {"missed_bytes", "history"}}
    assert rows_of(write("a/conn.log", tsv([{}], fields=bro2)))[0][0]["missed_bytes"] is None
    new = {"_node_name": "string", **CONN_FIELDS, "ip_proto": "count", "extra": "set[string]"}
    assert (
        rows_of(write("b/conn.log", tsv([{"_node_name": "w1"}], fields=new)))[0][0]["uid"] == "C1"
    )
    odd = tsv([{}]).replace("#set_separator\t,\n", "").replace("#open\t2026-03-02-08-00-00\n", "")
    assert len(rows_of(write("c/conn.03:00:00-04:00:00.log", odd))[0]) == 1
    pipes = tsv([{}]).replace("\\x09", "\\x7c").replace("\t", "|")
    assert len(rows_of(write("d/conn.log", pipes))[0]) == 1


def test_logs_put_behind_each_other_are_read_with_their_own_headers(write: Write) -> None:
    other = dict(reversed(CONN_FIELDS.items()))
    text = tsv([{}]) + tsv([{"uid": "C2"}, {"uid": "C3"}], fields=other)
    rows, quality = rows_of(write("conn.log", text))
    assert [row["uid"] for row in rows] == ["C1", "C2", "C3"]
    assert all(row["orig_bytes"] == 1000 for row in rows)
    assert quality.unreadable == 0


def test_sets_and_their_empty_sign(write: Write) -> None:
    text = dicom_log(["CT", "MR"]).replace("MR\tPACS\tquery,storage", "MR\tPACS\t(empty)")
    rows, _ = rows_of(write("dicom.log", text))
    assert [row["services"] for row in rows] == [["query", "storage"], []]


def test_json_of_one_file_may_mix_times(write: Write) -> None:
    text = json_log([{"ts": "2026-03-02T08:00:00.000001Z"}, {"ts": 1772438400.000001}, {"ts": 5}])
    rows, quality = rows_of(write("conn_json.log", text))
    assert rows[0]["ts"] == rows[1]["ts"]
    assert quality.examples == ["line 3: ts: expected a time between 1990 and 2100, found '5'"]


def test_json_garbage_between_rows_is_counted(write: Write) -> None:
    text = json_log([{}]) + "{broken\n[]\n\n" + json_log([{"uid": "C2"}]) + '{"ts": 17724'
    rows, quality = rows_of(write("conn.log", text))
    assert [row["uid"] for row in rows] == ["C1", "C2"]
    assert quality.unreadable == 3


def test_controls_and_bidi_never_come_through_raw(write: Write) -> None:
    title = "CT\x1b[31m\u202eSCAP"
    path = write("dicom.log", dicom_log([title]))
    assert rows_of(path)[0][0]["calling_ae"] == "CT\\x1b[31m\\xe2\\x80\\xaeSCAP"


def test_a_line_without_end_is_bounded(write: Write) -> None:
    text = tsv([{}], close=False) + "x" * (limits().line * 6) + "\n" + tsv([{"uid": "C2"}])
    rows, quality = rows_of(write("conn.log", text))
    assert [row["uid"] for row in rows] == ["C1", "C2"]
    assert quality.unreadable == 1


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.log", b"\x7fELF\x02\x01\x01\x00\x00\x00", "not a Zeek log"),
        ("b.log.gz", gzip.compress(tsv([{}] * 500).encode())[:-20], "damaged or ends early"),
        ("c.log", b"#separator \\x09\n#path\tconn\n", "expected a Zeek log with a #fields line"),
        ("d.log", tsv(["not\ta\trow"]).encode(), "no row of it can be read|no row"),
        ("e.log", b"just some words\n", "not a Zeek log"),
        ("f.csv", tsv([{}]).replace("\t", ",").encode(), "not separated as its line #separator"),
        ("g.log", tsv([{}]).replace("\tuid\t", "\tts\t").encode(), "field ts stands twice"),
    ],
)
def test_what_is_no_log_is_refused_in_one_line(
    write: Write, name: str, content: bytes, said: str
) -> None:
    from pacsflow.ledger import Ledger

    path = write(name, content)
    found = find([path])
    problems = list(found.problems)
    if found.sources:
        with Ledger.temporary() as ledger:
            problems += ledger.add(found.sources).problems
    assert len(problems) == 1
    assert "\n" not in str(problems[0])
    assert name in str(problems[0])
    import re

    assert re.search(said, str(problems[0]))


def test_folders_globs_and_what_is_in_them(write: Write, tmp_path: Path) -> None:
    write("logs/2026-03-02/conn.08:00:00-09:00:00.log", tsv([{}]))
    write("logs/2026-03-02/dns.08:00:00-09:00:00.log", tsv([{}], path="dns", fields={"ts": "time"}))
    write("logs/stderr.txt", "nothing\n")
    write("logs/broken.log", "nothing\n")
    found = find([tmp_path / "logs"])
    assert [s.kind for s in found.sources] == ["Zeek log conn.log"]
    assert [s.kind for s in found.unused] == ["other Zeek log dns.log"]
    assert [p.path.rsplit("/", 1)[1] for p in found.problems] == ["broken.log"]
    assert len(find([str(tmp_path / "logs/*/conn.*")]).sources) == 1
    assert "matches nothing" in str(find([str(tmp_path / "*.none")]).problems[0])


def test_every_shared_log_gives_as_many_rows_as_awk_counts(shared_data: Path) -> None:
    found = find([shared_data / "logs"])
    assert [str(p).split(": ")[0].rsplit("/", 1)[1] for p in found.problems] == [
        "http.log.corrupt.gz"
    ]
    counted = {}
    for source in found.sources:
        rows, quality = rows_of(source.path)
        lines = [x for x in source.path.read_text().splitlines() if x and not x.startswith("#")]
        assert (len(rows), quality.unreadable) == (len(lines), 0)
        counted[source.path.parent.name] = len(rows)
    assert len(counted) >= 6


CELL = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["-", "(empty)", '"', "#", "\\x09", "NA", "1e999", "-0", "💊", "T", "::1"]),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(CELL, min_size=16, max_size=20), max_size=6), st.booleans())
@pytest.mark.thorough
def test_hostile_rows_never_take_good_ones_with_them(rows: list[list[str]], crlf: bool) -> None:
    import tempfile
    from pathlib import Path

    middle = ["\t".join(row).replace("\n", " ").replace("\r", " ") for row in rows]
    text = tsv([{"uid": "Cfirst"}, *(m for m in middle if not m.startswith("#")), {"uid": "Clast"}])
    if crlf:
        text = text.replace("\n", "\r\n")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "conn.log"
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        quality = Quality()
        got = [r["uid"] for _, b in read(recognise(path), quality) for r in b.to_pylist()]
    assert got[0] == "Cfirst"
    assert got[-1] == "Clast"
    blank = sum(not m.strip("\t ") and m == "" for m in middle)
    assert (
        quality.rows + quality.unreadable
        == 2 + len([m for m in middle if not m.startswith("#")]) - blank
    )


def test_fast_and_slow_way_agree(write: Write) -> None:
    """One odd byte sends a block the slow way; the other rows must not change by it."""
    rows = [
        {"uid": f"C{n}", "ts": f"{1772438400 + n}.{n:06d}", "orig_bytes": n} for n in range(300)
    ]
    fast, _ = rows_of(write("a/conn.log", tsv(rows)))
    slow, _ = rows_of(write("b/conn.log", tsv([*rows, {"uid": "Cé"}])))
    assert fast == slow[:-1]
    assert slow[-1]["uid"] == "Cé"
    assert CONN_ROW["uid"] == "C1"


def test_what_the_writer_escaped_is_what_json_says(write: Write) -> None:
    """Measured on Zeek 8.0.10: a backslash doubled, other bytes as \\xhh, a lone - as \\x2d."""
    titles = ["D\\\\E", "\\x2d", "\\x28empty)", "a\\x2cb", "\\xc3\\xa9", "\\x1b[0m"]
    rows, _ = rows_of(write("dicom.log", dicom_log(titles)))
    wanted = ["D\\E", "-", "(empty)", "a,b", "é", "\\x1b[0m"]
    assert [row["calling_ae"] for row in rows] == wanted
    slow, _ = rows_of(write("slow/dicom.log", dicom_log([*titles, "ü"])))
    assert [row["calling_ae"] for row in slow] == [*wanted, "ü"]
