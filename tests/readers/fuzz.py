"""Mutants of logs, exports and sheets: no traceback, no hang, and what is said adds up.

`python -m tests.readers.fuzz 10000` makes so many; a test makes a few. For each mutant

- reading ends, within seconds, in rows or in one `PacsflowError`;
- the rows that were given out are as many as are said to have been read;
- of a plain log rows read, rows not read and rows of other logs are all the lines that are no
  comments, counted by themselves;
- the ledger's bytes, for every tenth mutant of each kind, are the sum over the rows that were
  given out, less those that it says it did not count.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import re
import signal
import sys
import tempfile
import traceback
import zipfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import openpyxl
from tests.conftest import tsv

from pacsflow.errors import PacsflowError
from pacsflow.ledger import Ledger
from pacsflow.readers import Format, Quality, find, read

if TYPE_CHECKING:
    from types import FrameType

    from pacsflow.readers import Source

SECONDS = 20
"""So many seconds of CPU may a mutant take."""
WAITED = 600
"""And so many in all, on a machine that does other things as well."""
T0 = 1772438400
HEADER = ["No.", "Time", "Source", "Destination", "Protocol", "Length", "Info"]
TOKENS = (
    b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"-", b"(empty)", b"\t\t", b",,", b'"', b'""', b"'",
    b"#fields\tts\n", b"#path\tdns\n", b"#close\t2026\n", b"1e309", b"-1", b"9" * 40, b"NaN",
    b"[[[[", b"{}", b"null", b"\r", b"\r\n", b"\n\n", b";", b"0x1f", b"1.000,5", b"T", b"::1%eth0",
    b"\\x09", b"\xc3", b"=1+1",
)  # fmt: skip


_MOMENT = re.compile(rb"\d{4}-\d\d-\d\dT[\d:]+Z")


def _conn(n: int) -> dict[str, str]:
    return {"ts": f"{T0 + n * 37}.{n:06}", "uid": f"C{n}", "id.orig_p": str(40000 + n),
            "orig_ip_bytes": str(1000 + n), "resp_ip_bytes": str(200 + n)}  # fmt: skip


def _json_rows() -> str:
    rows = [
        {"ts": T0 + n * 41.5, "uid": f"J{n}", "id.orig_h": "10.0.0.1", "id.orig_p": 41000 + n,
         "id.resp_h": "10.0.0.2", "id.resp_p": 104, "proto": "tcp", "duration": 1.5,
         "orig_ip_bytes": 900 + n, "resp_ip_bytes": 90 + n, "history": "ShADadFf"}
        for n in range(12)
    ]  # fmt: skip
    return "".join(json.dumps(row) + "\n" for row in rows)


def _frames(separator: str, stamp: str, length: str) -> str:
    lines = [separator.join(HEADER)]
    for n in range(12):
        moment = stamp.format(n=n)
        cells = [str(n), moment, "10.0.0.1", "10.0.0.2", "TCP", length.format(n=n), "Info, of it"]
        lines.append(separator.join(f'"{cell}"' for cell in cells))
    return "\n".join(lines) + "\n"


def _book(rows: list[list[object]]) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    sink = io.BytesIO()
    book.save(sink)
    return _undated(sink.getvalue())


def _undated(book: bytes) -> bytes:
    """Return an archive without the moments at which its parts were written."""
    sink = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as parts, zipfile.ZipFile(sink, "w") as again:
        for name in parts.namelist():
            content = _MOMENT.sub(b"2026-03-02T00:00:00Z", parts.read(name))
            again.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return sink.getvalue()


def _frames_book() -> bytes:
    parties = ["10.0.0.1", "10.0.0.2", "TCP"]
    rows = [[n, f"2026-03-02 08:00:{n:02}", *parties, 100 + n, "-"] for n in range(12)]
    return _book([list[object](HEADER), *rows])


def _table(log: str) -> list[list[object]]:
    """Return a log's names and rows, as a program that reads it writes a table."""
    lines = [line.split("\t") for line in log.splitlines()]
    names = next(line[1:] for line in lines if line[0] == "#fields")
    rows = [line for line in lines if not line[0].startswith("#")]
    return [list[object](names), *([None if c == "-" else c for c in row] for row in rows)]


def _csv(rows: list[list[object]]) -> str:
    sink = io.StringIO()
    csv.writer(sink).writerows(rows)
    return sink.getvalue()


def _ecs() -> str:
    rows = [
        {"@timestamp": f"2026-03-02T08:00:{n:02}.000Z", "event.dataset": "zeek.conn",
         "source": {"ip": "10.0.0.1", "port": 41000 + n, "bytes": 900 + n, "packets": 7},
         "destination": {"ip": "10.0.0.2", "port": 104, "bytes": 90 + n, "packets": 5},
         "network": {"transport": "tcp", "bytes": 990 + 2 * n}, "zeek": {"session_id": f"E{n}"},
         "event": {"dataset": "zeek.conn", "duration": 1_500_000_000}}
        for n in range(12)
    ]  # fmt: skip
    return "".join(json.dumps(row) + "\n" for row in rows)


def _packets() -> str:
    packets = [
        {"_source": {"layers": {
            "frame": {"frame.time_epoch": f"{T0 + n}.5", "frame.len": str(100 + n),
                      "frame.protocols": "eth:ethertype:ip:tcp"},
            "ip": {"ip.src": "10.0.0.1", "ip.dst": "10.0.0.2"},
            "tcp": {"tcp.srcport": "40000", "tcp.dstport": "104", "tcp.stream": "0"}}}}
        for n in range(12)
    ]  # fmt: skip
    return json.dumps(packets, indent=1)


@cache
def sources() -> list[tuple[str, bytes]]:
    """Return a name and the content of each kind of file that is changed."""
    plain = tsv([_conn(n) for n in range(12)])
    dns = plain.replace("#path\tconn", "#path\tdns")
    texts = {
        "conn.log": plain, "conn.json.log": _json_rows(), "all.log": plain + dns + plain,
        "frames.csv": _frames(",", "2026-03-02T08:00:{n:02}.5Z", "1{n:02}"),
        "de.csv": _frames(";", "02.03.2026 08:00:{n:02}", "1.5{n:02}"),
        "us.tsv": _frames("\t", "3/14/2026 8:00:{n:02} AM", "1,5{n:02}"),
        "packets.json": _packets(), "conn.csv": _csv(_table(plain)), "ecs.json": _ecs(),
    }  # fmt: skip
    made = [(name, text.encode()) for name, text in texts.items()]
    return [
        *made,
        ("conn.log.gz", gzip.compress(plain.encode(), mtime=0)),
        ("frames.xlsx", _frames_book()),
        ("conn.xlsx", _book(_table(plain))),
    ]


def mutate(data: bytes, other: bytes, rng: random.Random) -> bytes:  # noqa: C901 - mishaps
    """Return the content with one to four things wrong with it."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        if not out:
            break
        at, kind = rng.randrange(len(out)), rng.randrange(9)
        if kind == 0:
            out[at] = rng.randrange(256)
        elif kind == 1:
            del out[at:]
        elif kind == 2:
            out[at:at] = rng.choice(TOKENS)
        elif kind == 3:
            del out[at : at + rng.randint(1, 40)]
        elif kind == 4:
            cut = rng.randrange(len(other))
            out[at:at] = other[cut : cut + rng.randint(1, 200)]
        else:
            lines = bytes(out).splitlines(keepends=True)
            one, two = rng.randrange(len(lines)), rng.randrange(len(lines))
            if kind == 5:
                del lines[one]
            elif kind == 6:
                lines.insert(two, lines[one])
            elif kind == 7:
                lines[one], lines[two] = lines[two], lines[one]
            else:
                cells = re.split(rb"([\t,;])", lines[one])
                cells[rng.randrange(len(cells))] = rng.choice(TOKENS)
                lines[one] = b"".join(cells)
            out = bytearray(b"".join(lines))
    return bytes(out)


def mutant(seed: int) -> tuple[str, bytes]:
    """Return the name and the content of one mutant; the same for the same seed."""
    rng, kinds = random.Random(seed), sources()
    name, data = kinds[seed % len(kinds)]
    other = rng.choice(kinds)[1]
    if name.endswith(".gz") and rng.random() < 0.5:
        return name, gzip.compress(mutate(gzip.decompress(data), other, rng), mtime=0)
    if name.endswith(".xlsx") and rng.random() < 0.8:
        return name, _changed_inside(data, other, rng)
    return name, mutate(data, other, rng)


def _changed_inside(book: bytes, other: bytes, rng: random.Random) -> bytes:
    """Return a workbook that is a whole archive still, with one of its parts mutated."""
    sink = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as parts, zipfile.ZipFile(sink, "w") as changed:
        names = parts.namelist()
        sheets = [name for name in names if "sheet" in name.lower() or "styles" in name]
        at = rng.choice(sheets if rng.random() < 0.8 else names)
        for name in names:
            content = parts.read(name)
            changed.writestr(name, _cells(content, other, rng) if name == at else content)
    return sink.getvalue()


def _cells(xml: bytes, other: bytes, rng: random.Random) -> bytes:
    """Return a part of a workbook with a value of a cell replaced, or mutated anywhere."""
    values = list(re.finditer(rb"(?<=>)[^<>]+(?=<)", xml))
    if not values or rng.random() < 0.3:
        return mutate(xml, other, rng)
    out = xml
    for value in sorted(rng.sample(values, min(3, len(values))), key=lambda v: -v.start()):
        token = rng.choice(TOKENS).replace(b"&", b"&amp;").replace(b"<", b"&lt;")
        out = out[: value.start()] + token + out[value.end() :]
    return out


def _lines(data: bytes) -> int:
    """Return how many lines of a log are rows: neither comments nor blank."""
    lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    return sum(1 for line in lines if line.strip() and not line.lstrip(b" \t").startswith(b"#"))


def _accounted(source: Source, data: bytes, quality: Quality) -> str:
    if source.format is not Format.ZEEK_TSV or source.path.suffix == ".gz" or b"\r" in data:
        return ""
    told = quality.rows + quality.unreadable + sum(quality.others.values())
    return "" if told == _lines(data) else f"{_lines(data)} rows in it, {told} accounted for"


def _sum(source: Source, quality: Quality) -> tuple[int, int]:
    """Return rows and bytes of what a source gives out."""
    rows = octets = 0
    for log, batch in read(source, quality):
        rows += batch.num_rows
        if log == "conn":
            for row in batch.to_pylist():
                ip = row["orig_ip_bytes"], row["resp_ip_bytes"]
                payload = row["orig_bytes"], row["resp_bytes"]
                octets += sum(
                    (a if a is not None else b) or 0 for a, b in zip(ip, payload, strict=True)
                )
        elif log == "frames":
            for row in batch.to_pylist():
                there = row["ts"] and row["id.orig_h"] and row["id.resp_h"]
                octets += (row["length"] or 0) * (row["sampling_rate"] or 1) if there else 0
    return rows, octets


def _in_ledger(source: Source) -> tuple[int, bool]:
    """Return the ledger's bytes, and whether it says that it did not count all rows."""
    with Ledger.temporary() as ledger:
        added = ledger.add([source], workers=1)
        if added.problems:
            return 0, True
        with ledger.connect() as connection:
            total = connection.sql(
                "SELECT coalesce(sum(bytes), 0)::HUGEINT FROM traffic"
            ).fetchall()
        notes = " ".join(note for entry in added.added for note in entry.notes)
    return int(total[0][0] or 0), "counted" in notes


def check(folder: Path, seed: int, *, ledger: bool) -> str:
    """Read one mutant; returns what is wrong, empty for nothing."""
    name, data = mutant(seed)
    path = folder / name
    path.write_bytes(data)
    try:
        return read_all(path, data, ledger=ledger)
    except PacsflowError:
        return ""
    except Exception:  # noqa: BLE001 - that is what is looked for
        return traceback.format_exc(limit=-3)
    finally:
        path.unlink()


def read_all(path: Path, data: bytes, *, ledger: bool) -> str:
    """Read a file as `find` does; returns what is wrong, empty for nothing."""
    for source in find([path]).sources:
        quality = Quality()
        rows, octets = _sum(source, quality)
        if rows != quality.rows:
            return f"{rows} rows were given out, {quality.rows} are said to be read"
        if wrong := _accounted(source, data, quality):
            return wrong
        if ledger and source.log in {"conn", "frames"}:
            total, less = _in_ledger(source)
            if total != octets and not less:
                return f"{octets} bytes were given out, the ledger has {total}, and says nothing"
    return ""


def _too_long(_number: int, _frame: FrameType | None) -> None:
    raise RuntimeError(f"not done after {SECONDS} s of CPU, or {WAITED} s")


def run(count: int, first: int = 0) -> list[str]:
    """Check so many mutants; returns what is wrong with which."""
    found = []
    clocks = (
        (signal.SIGALRM, signal.ITIMER_REAL, WAITED),
        (signal.SIGPROF, signal.ITIMER_PROF, SECONDS),
    )
    before = [signal.signal(number, _too_long) for number, _, _ in clocks]
    try:
        with tempfile.TemporaryDirectory() as folder:
            for seed in range(first, first + count):
                for _, clock, seconds in clocks:
                    signal.setitimer(clock, seconds)
                if wrong := check(Path(folder), seed, ledger=seed // len(sources()) % 10 == 0):
                    found.append(f"mutant {seed} ({mutant(seed)[0]}): {wrong}")
    finally:
        for (number, clock, _), old in zip(clocks, before, strict=True):
            signal.setitimer(clock, 0)
            signal.signal(number, old)
    return found


def main() -> int:
    """Check as many mutants as the argument says; the exit code is 1 where one is taken amiss."""
    count = int(sys.argv[1])
    found = run(count, int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    sys.stdout.write("".join(f"{line}\n" for line in found))
    sys.stdout.write(f"{count:,} mutants, {len(found)} taken amiss\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
