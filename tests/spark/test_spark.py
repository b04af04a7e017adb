"""What Spark reads is what this machine reads, row for row, and nothing else than that changes.

`viewfs` stands for a store of a cluster: Hadoop's own client lists and opens it, as it does HDFS.
"""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import duckdb
import pandas as pd
import pytest

from conftest import CONN_FIELDS, ROOT, json_log, tsv
from ledger.books import T0, files, killed, sums
from pacsflow.errors import ToolError
from pacsflow.ledger import Ledger
from pacsflow.ledger.spark import LARGEST, Spark, cluster
from pacsflow.ledger.tables import TABLES
from pacsflow.readers import find
from pacsflow.readers.remote import RemotePath
from pacsflow.simulator import write_conn_log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

MANY = int(os.environ.get("PACSFLOW_SPARK_ROWS", "2000000"))
"""Rows of the long log."""
STORE = "viewfs://lake/logs"
TUNNELLED = {**CONN_FIELDS, "tunnel_parents": "set[string]"}


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that the store shows."""
    return tmp_path_factory.mktemp("lake")


@pytest.fixture(scope="module")
def settings(lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Set Spark up as a site would: two cores, and a store."""
    folder = tmp_path_factory.mktemp("conf")
    told = {
        "spark.master": "local[2]",
        "spark.driver.memory": "2g",
        "spark.hadoop.fs.viewfs.mounttable.lake.link./logs": lake.as_uri(),
        "spark.hadoop.fs.file.impl": "org.apache.hadoop.fs.RawLocalFileSystem",
    }
    lines = [f"{name} {value}\n" for name, value in told.items()]
    (folder / "spark-defaults.conf").write_text("".join(lines))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_CONF_DIR", str(folder))
        paths = [str(ROOT / "bridge"), str(ROOT / "reports"), os.environ.get("PYTHONPATH", "")]
        patch.setenv("PYTHONPATH", os.pathsep.join(paths))
        yield folder


@pytest.fixture(scope="module")
def spark(settings: Path) -> Iterator[Spark]:
    with cluster() as made:
        assert settings.is_dir()
        assert made.session.conf.get("spark.master") == "local[2]"
        yield made


def rows(ledger: Ledger) -> dict[str, pa.Table]:
    """Return all rows of all tables; sums of an hour, which may lie in several rows, as one."""
    files: dict[str, list[str]] = {}
    for kept in ledger.journal.named():
        files.setdefault(kept.table, []).append(str(ledger.folder / kept.name))
    made = {}
    for table, paths in files.items():
        read = f"FROM read_parquet({paths})"
        if table == "traffic":
            sums = ", ".join(f"sum({n})" for n in ("communications", "packets", "bytes"))
            of = "hour, source, destination, service, origin, sensor, file"
            read += f" SELECT {of}, {sums}, sum(missed_bytes) GROUP BY ALL"
        made[table] = duckdb.sql(f"FROM ({read}) ORDER BY ALL").to_arrow_table()
    return made


def told(ledger: Ledger) -> list[tuple[object, ...]]:
    """Return what is told of the sources, whatever they are called."""
    return sorted(
        (e.sha256, e.kind, e.size, e.rows, e.unreadable, e.examples, e.notes, e.twins, e.sensors)
        for e in ledger.journal.entries()
    )


def same(here: Ledger, there: Ledger) -> None:
    assert told(here) == told(there)
    mine, theirs = rows(here), rows(there)
    assert mine.keys() == theirs.keys()
    for table in mine:
        assert mine[table].equals(theirs[table]), table


def ledger(
    folder: Path, *inputs: Path | str, spark: Spark | None = None, sensor: str = ""
) -> Ledger:
    book = Ledger(folder, create=True)
    book.lasts = False
    book.add(find(inputs, store=spark).sources, sensor=sensor, hands=spark)
    return book


def connection(number: int, **change: object) -> dict[str, object]:
    return {
        "uid": f"C{number}",
        "ts": f"{T0 + number * 60}.5",
        "id.orig_p": 40000 + number,
        **change,
    }


def hostile(folder: Path) -> None:
    """Write logs that are told twice, cut, negative, nested, mixed, packed, and none at all."""
    twice = [connection(n, uid=f"C{n}{m}") for n in range(20) for m in range(3)]
    (folder / "conn.twice.log").write_text(tsv(twice))
    some = [connection(n) for n in range(100, 160)]
    (folder / "conn.log").write_text(tsv(some))
    (folder / "json_streaming_conn.log").write_text(json_log([connection(100)]))
    (folder / "conn.cut.log").write_bytes(tsv(some, close=False).encode()[:-30])
    long = tsv([connection(n, duration=9000) for n in range(100, 130)])
    (folder / "conn_long.log").write_text(long.replace("#path\tconn", "#path\tconn_long"))
    bad = tsv([connection(200), "one\ttwo", connection(201, duration=-5), connection(202, ts="x")])
    (folder / "conn.bad.log.gz").write_bytes(gzip.compress(bad.encode()))
    inner = [connection(n, tunnel_parents="C300") for n in range(301, 305)]
    (folder / "conn.inner.log").write_text(tsv([connection(300), *inner], fields=TUNNELLED))
    sensors = [connection(n) | {"_system_name": f"s{n % 2}"} for n in range(400, 420)]
    (folder / "conn.sensors.log").write_text(json_log(sensors))
    (folder / "São {x} [1]*.log").write_text(tsv([connection(500)]))
    (folder / "notes.txt").write_text("\n\n")
    (folder / "broken.log.gz").write_bytes(b"\x1f\x8b\x08\0nothing")


def test_hostile_logs_are_read_as_they_are_here(spark: Spark, lake: Path, tmp_path: Path) -> None:
    folder = lake / "hostile"
    folder.mkdir()
    hostile(folder)
    here = ledger(tmp_path / "here", folder)
    assert sums(here)[1] > 90
    same(here, ledger(tmp_path / "path", folder, spark=spark))
    same(here, ledger(tmp_path / "store", f"{STORE}/hostile", spark=spark))


def test_what_cannot_be_read_is_named_by_its_address(spark: Spark, lake: Path) -> None:
    folder = lake / "hostile"
    found, local = find([f"{STORE}/hostile"], store=spark), find([folder])
    there = {str(e).replace(f"{STORE}/hostile", str(folder)) for e in found.problems}
    assert there == {str(e) for e in local.problems}
    assert there
    assert (found.passed, found.summary()) == (local.passed, local.summary())


def test_the_hospital_is_read_as_it_is_here(
    spark: Spark, lake: Path, hospital_logs: Path, tmp_path: Path
) -> None:
    folder = lake / "hospital"
    folder.symlink_to(hospital_logs)
    here = ledger(tmp_path / "here", hospital_logs, sensor="east")
    same(here, ledger(tmp_path / "there", f"{STORE}/hospital", spark=spark, sensor="east"))
    found = find([f"{STORE}/hospital"], store=spark)
    assert found.simulated


def test_a_long_log_is_read_as_it_is_here(spark: Spark, lake: Path, tmp_path: Path) -> None:
    folder = lake / "long"
    folder.mkdir()
    write_conn_log(folder / "conn.log.gz", MANY)
    here = ledger(tmp_path / "here", folder)
    same(here, ledger(tmp_path / "path", folder, spark=spark))
    same(here, ledger(tmp_path / "store", f"{STORE}/long", spark=spark))


def test_what_is_in_is_not_read_again_and_what_grew_takes_its_place(
    spark: Spark, lake: Path, tmp_path: Path
) -> None:
    folder = lake / "growing"
    folder.mkdir()
    path = folder / "conn.log"
    path.write_text(tsv([connection(n) for n in range(5)], close=False))
    book = ledger(tmp_path / "ledger", f"{STORE}/growing", spark=spark)
    before = sums(book)
    again = book.add(find([f"{STORE}/growing"], store=spark).sources, hands=spark)
    assert (len(again.added), len(again.known)) == (0, 1)
    [entry] = book.journal.entries()
    assert entry.path == f"{STORE}/growing/conn.log"
    with path.open("a") as file:
        file.write(tsv([connection(n) for n in range(5, 9)]).split("#types")[1].split("\n", 1)[1])
    os.utime(path, (T0, T0))
    added = book.add(find([f"{STORE}/growing"], store=spark).sources, hands=spark)
    assert len(added.added) == 1
    assert [e.rows for e in book.journal.entries()] == [9]
    assert sums(book) == (before[0] // 5 * 9, 9)


def test_a_file_that_is_gone_stops_no_other(spark: Spark, lake: Path, tmp_path: Path) -> None:
    (lake / "going").mkdir()
    for number in range(3):
        (lake / "going" / f"conn.{number}.log").write_text(tsv([connection(number)]))
    found = find([f"{STORE}/going"], store=spark)
    (lake / "going" / "conn.1.log").unlink()
    added = Ledger(tmp_path / "ledger", create=True).add(found.sources, hands=spark)
    assert len(added.added) == 2
    [problem] = added.problems
    assert str(problem).startswith(f"{STORE}/going/conn.1.log: Spark could not read it: ")


def test_a_file_that_is_too_large_for_spark_is_named(spark: Spark) -> None:
    path = RemotePath.of(f"{STORE}/huge.log", LARGEST + 1, "1 1")
    spark._look_at([path])
    assert "rotated more often" in str(spark.known[str(path)])


def test_where_spark_ends_nothing_else_is_blamed(spark: Spark, tmp_path: Path) -> None:
    (tmp_path / "conn.log").write_text(tsv([connection(1)]))
    gone = Spark(None)
    book = Ledger(tmp_path / "ledger", create=True)
    with pytest.raises(ToolError, match="Spark ended while it read"):
        book.add(find([tmp_path / "conn.log"]).sources, hands=gone)
    assert len(book.add(find([tmp_path / "conn.log"]).sources, hands=spark).added) == 1


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (f"{STORE}/nowhere", "there is no such file or folder"),
        ("s3a://bucket/logs", "give Spark the store's classes (docs/spark.md)"),
        ("hdfs://127.0.0.1:1/logs", "nobody answers at the address"),
    ],
)
def test_an_address_that_leads_nowhere_is_one_line(spark: Spark, address: str, said: str) -> None:
    found = find([address], store=spark)
    assert not found.sources
    [problem] = found.problems
    assert str(problem).startswith(f"{address}: ")
    assert said in str(problem)
    assert "\n" not in str(problem)


LINES = re.findall(
    r"^[|] \w+ [|] `(.*LEDGER.*)` [|]$", (ROOT / "docs/spark.md").read_text(), re.MULTILINE
)


@pytest.mark.parametrize("line", LINES)
def test_each_engine_reads_the_ledger_by_one_line(spark: Spark, tmp_path: Path, line: str) -> None:
    """The line of the document is run on a ledger of days and months."""
    (tmp_path / "logs").mkdir()
    days = [connection(n, ts=f"{T0 - 86400 * day}.5") for n, day in enumerate((0, 70, 71))]
    (tmp_path / "logs" / "conn.log").write_text(tsv(days))
    book = Ledger(tmp_path / "ledger", create=True)
    book.add(find([tmp_path / "logs"]).sources)
    assert {k.name.split("/")[1].split("=")[0] for k in book.journal.named()} == {"day", "month"}
    known = {"spark": spark.session, "duckdb": duckdb, "pandas": pd}
    if "polars" in line:
        known["polars"] = pytest.importorskip("polars")
    found = eval(line.replace("LEDGER", str(book.folder)), known)  # noqa: S307 - our own document
    if "polars" in line:
        found = found.collect()
    frame = found.toPandas() if "spark" in line else found.df() if "duckdb" in line else found
    assert sum(frame["bytes"]) == sums(book)[0]
    assert list(frame.columns) == TABLES["traffic"].names


def command(tmp_path: Path, *words: str) -> list[str]:
    ingest = ["-m", "pacsflow", "ingest", "--ledger", str(tmp_path / "ledger")]
    return [sys.executable, *ingest, "--engine", "spark", *words]


def run(tmp_path: Path, *words: str, **change: str) -> str:
    """Run `ingest` in a process of its own; returns what it said, which is all that it prints."""
    done = subprocess.run(
        command(tmp_path, *words),
        capture_output=True,
        text=True,
        env={**os.environ, **change},
        check=False,
    )
    return done.stdout + done.stderr


def test_the_command_says_what_it_says_without_spark(
    settings: Path, lake: Path, tmp_path: Path
) -> None:
    assert settings.is_dir()
    for name, rows in (("east", [connection(1), "broken"]), ("west", [connection(2)])):
        (lake / "two" / name).mkdir(parents=True)
        (lake / "two" / name / "conn.log").write_text(tsv(rows))
    said = run(tmp_path, f"{STORE}/two", "--sensor-folders")
    assert "2 files added (2 rows, 1 unreadable)" in said
    assert f"{STORE}/two/east/conn.log" in said
    assert "WARN" not in said
    assert {e.sensor for e in Ledger(tmp_path / "ledger").journal.entries()} == {"east", "west"}


def test_without_java_there_is_one_line(settings: Path, tmp_path: Path) -> None:
    assert settings.is_dir()
    said = run(tmp_path, str(tmp_path), JAVA_HOME=str(tmp_path / "none"))
    assert said.splitlines()[-1].startswith("pacsflow: Spark does not start: it needs Java 17")
    assert "Traceback" not in said


def test_a_killed_job_leaves_the_ledger_as_it_was(
    settings: Path, lake: Path, tmp_path: Path
) -> None:
    assert settings.is_dir()
    first = lake / "first"
    first.mkdir()
    (first / "conn.log").write_text(tsv([connection(n) for n in range(9)]))
    run(tmp_path, f"{STORE}/first")
    book = Ledger(tmp_path / "ledger")
    before, number = sums(book), files(tmp_path / "ledger")
    many = lake / "many"
    many.mkdir()
    for part in range(4):
        write_conn_log(many / f"conn.{part}.log", 100_000, seed=part)
    words = command(tmp_path, f"{STORE}/many")
    assert killed(words, (tmp_path / "ledger" / ".staging").is_dir, 1)
    told = sums(Ledger(tmp_path / "ledger"))[1]
    assert (told - before[1]) % 100_000 == 0, "whole files, or nothing of them"
    assert files(tmp_path / "ledger") >= number
    run(tmp_path, f"{STORE}/many")
    whole = ledger(tmp_path / "whole", first, many)
    assert sums(Ledger(tmp_path / "ledger")) == sums(whole)
