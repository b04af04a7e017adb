"""Response times in a ledger: hours that add up, percentiles with their error, nothing twice."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import tsv
from pacsflow.cli import main
from pacsflow.ledger import Ledger
from pacsflow.ledger.engine import engine
from pacsflow.ledger.response_times import OperationTimes, read_times
from pacsflow.ledger.times import RAW, TimesHours
from pacsflow.readers import Quality, find, read, recognise
from pacsflow.terms.dicom_times import BUCKETS, FIELDS
from pacsflow.terms.histogram import percentile, reach

if TYPE_CHECKING:
    from pathlib import Path

KINDS = {field.name: field.kind for field in FIELDS}
MONDAY = 1772438400
"""2026-03-02 08:00 UTC."""
STORE = {
    "ts": f"{MONDAY}.5", "uid": "C1", "id.orig_h": "10.0.0.1", "id.orig_p": "40000",
    "id.resp_h": "10.0.0.2", "id.resp_p": "104", "operation": "store", "requestor": "orig",
    "count": "3", "failed": "1", "data_sets": "3", "data_pdvs": "6", "data_bytes": "3000000",
    "data_time": "0.5", "silent_time": "0.1", "ack_wait_time": "0.05", "pause_time": "0.2",
    "response_min": "0.003", "response_mean": "0.004", "response_max": "0.005",
    "response_times": "0,0,2,1", "outstanding": "1", "ops_window": "1", "setup_time": "0.01",
    "round_trip": "0.002", "orig_closed_time": "0.0", "resp_closed_time": "0.25", "tls": "F",
}  # fmt: skip
FIND = STORE | {
    "operation": "find", "count": "1", "failed": "0", "data_bytes": "80", "response_mean": "0.3",
    "response_min": "0.3", "response_max": "0.3", "response_times": "0,0,0,0,0,0,0,0,0,1",
    "first_responses": "1", "first_response_mean": "0.1", "first_response_max": "0.1",
}  # fmt: skip
PAIR = ("store", "10.0.0.1", "10.0.0.2")


def other(row: dict[str, str], uid: str, second: float, port: int = 40001) -> dict[str, str]:
    return row | {"uid": uid, "ts": f"{MONDAY + second:.6f}", "id.orig_p": str(port)}


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(tsv(rows, path="dicom_times", fields=KINDS))
    return path


def asked(
    tmp_path: Path, *files: Path, by: tuple[str, ...] = ("operation", "client", "server")
) -> dict[tuple[str, ...], OperationTimes]:
    ledger = Ledger(tmp_path / "ledger", create=True)
    assert ledger.add(find([str(f) for f in files]).sources).problems == ()
    with ledger.connect() as connection:
        return read_times(connection, by)


def test_an_hour_is_the_sum_of_its_associations(tmp_path: Path) -> None:
    rows = [STORE, FIND, other(STORE, "C2", 900), other(STORE, "C3", 3601)]
    found = asked(tmp_path, write(tmp_path / "dicom_times.log", rows))
    store, query = found[PAIR], found["find", *PAIR[1:]]
    assert {n: store.counts[n] for n in ("associations", "count", "failed", "timed")} == {
        "associations": 3, "count": 9, "failed": 3, "timed": 9
    }  # fmt: skip
    assert store.histogram[:5] == (0, 0, 6, 3, 0)
    assert store.seconds["response_seconds"] == pytest.approx(9 * 0.004)
    assert store.rate == pytest.approx(6_000_000)
    assert store.mean("response_seconds", "timed") == pytest.approx(0.004)
    assert query.mean("first_response_seconds", "first_responses") == pytest.approx(0.1)


def test_what_holds_for_an_association_counts_once(tmp_path: Path) -> None:
    """With the operation that moved most."""
    found = asked(tmp_path, write(tmp_path / "dicom_times.log", [FIND, STORE]))
    store, query = found[PAIR], found["find", *PAIR[1:]]
    assert (store.counts["opened"], query.counts["opened"]) == (1, 0)
    assert store.mean("setup_seconds", "setups") == pytest.approx(0.01)
    assert query.mean("setup_seconds", "setups") is None
    assert store.seconds["server_closed_seconds"] == pytest.approx(0.25)


def test_who_asked_is_the_client(tmp_path: Path) -> None:
    back = STORE | {"requestor": "resp"}
    found = asked(tmp_path, write(tmp_path / "dicom_times.log", [back]))
    assert list(found) == [("store", "10.0.0.2", "10.0.0.1")]
    assert found["store", "10.0.0.2", "10.0.0.1"].seconds["client_closed_seconds"] == 0.25


def test_what_was_not_seen_is_none(tmp_path: Path) -> None:
    bare = {k: v for k, v in STORE.items() if KINDS[k] not in {"interval", "vector[count]"}}
    (found,) = asked(tmp_path, write(tmp_path / "dicom_times.log", [bare])).values()
    assert set(found.seconds.values()) == {None, 1.0}
    assert found.percentile(0.5) is None
    assert (found.rate, found.mean("setup_seconds", "setups")) == (None, None)


def test_the_same_associations_count_once(tmp_path: Path) -> None:
    """Whichever file tells them, with whatever uid; a part of them that another has is chosen."""
    rows = [STORE, other(STORE, "C2", 900)]
    renamed = [row | {"uid": f"X{row['uid']}"} for row in reversed(rows)]
    first = write(tmp_path / "a" / "dicom_times.log", rows)
    second = write(tmp_path / "b" / "dicom_times.log", renamed)
    assert asked(tmp_path, first, second)[PAIR].counts["count"] == 6
    rest = write(tmp_path / "c" / "dicom_times.log", [other(STORE, "C3", 1800)])
    assert asked(tmp_path, rest)[PAIR].counts["count"] == 9


def test_of_two_sensors_the_one_that_saw_more(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger", create=True)
    rows = [other(STORE, f"C{n}", n, 40000 + n) for n in range(5)]
    for sensor, part in (("north", rows[:4]), ("south", rows[2:]), ("west", rows[:2])):
        file = write(tmp_path / sensor / "dicom_times.log", part)
        ledger.add(find([str(file)]).sources, sensor=sensor)
    with ledger.connect() as connection:
        found = read_times(connection, ["operation"])
    assert found["store",].counts["count"] == 12


def raw(path: Path, rows: list[dict[str, str]]) -> pa.Table:
    """Return rows as the ledger takes them."""
    ((_, batch),) = read(recognise(write(path / "dicom_times.log", rows)), Quality())
    whole = pa.Table.from_batches([batch])
    for name, value in (("origin", "zeek"), ("file", "a")):
        whole = whole.append_column(name, pa.array([value] * len(rows)))
    return whole.select(RAW)


def test_an_hour_in_full(tmp_path: Path) -> None:
    rows = [
        STORE | {"ops_window": "4", "orig_resent": "2", "resp_resent": "3"},
        other(STORE, "C2", 9) | {
            "count": "1", "ops_window": "0", "outstanding": "2", "response_min": "0.001",
            "response_max": "0.009", "response_mean": "0.002", "response_times": "1",
            "round_trip": "0.001", "setup_time": "0.03", "data_pdvs": "1",
        },
        other(STORE, "C3", 10) | {"ops_window": "0", "outstanding": "3"},
        other(FIND, "C3", 10) | {"orig_resent": "9"},
    ]  # fmt: skip
    with engine() as duck:
        hours = TimesHours(duck)
        assert list(hours.take(raw(tmp_path, rows))) == []
        (made,) = hours.finish()
    found = {row.pop("operation"): row for row in made.to_pylist()}
    store, query = found["store"], found["find"]
    sums = ("associations", "single", "windowed", "one_at_a_time", "count", "failed", "timed",
            "first_responses", "data_sets", "data_pdvs", "data_bytes", "opened", "setups",
            "round_trips", "resent")  # fmt: skip
    assert [store[n] for n in sums] == [3, 1, 2, 1, 7, 3, 7, 0, 9, 13, 9_000_000, 3, 3, 3, 5]
    assert [query[n] for n in sums] == [1, 1, 0, 0, 1, 0, 1, 1, 3, 6, 80, 0, 0, 0, 0]
    seconds = {
        "response": 0.026, "data": 1.5, "silent": 0.3, "ack_wait": 0.15, "pause": 0.6,
        "setup": 0.05, "round_trip": 0.005, "client_closed": 0.0, "server_closed": 0.75,
    }  # fmt: skip
    assert {n: store[f"{n}_seconds"] for n in seconds} == pytest.approx(seconds)
    assert (store["first_response_seconds"], query["first_response_seconds"]) == (None, 0.1)
    ends = ("response_min", "response_max", "round_trip_min", "outstanding", "slowest")
    assert [store[n] for n in ends] == [0.001, 0.009, 0.001, 3.0, "C2"]
    assert [store[f"t{n:02}"] for n in range(5)] == [1, 0, 4, 2, 0]


def test_rows_of_an_association_may_come_in_two_batches(tmp_path: Path) -> None:
    rows = [part for n in range(40) for part in
            (other(FIND, f"C{n}", n, 20000 + n), other(STORE, f"C{n}", n, 20000 + n))]  # fmt: skip
    whole = raw(tmp_path, rows)
    with engine() as duck:
        hours, made = TimesHours(duck), []
        for part in (whole.slice(0, 33), whole.slice(33)):
            assert list(hours.take(part)) == []
            made += [found.to_pylist() for found in hours.finish()]
    assert sum(row["count"] for part in made for row in part) == 40 * 4
    assert sum(row["opened"] for part in made for row in part) == 40


@given(
    st.lists(st.floats(1e-5, 5000, allow_nan=False), min_size=1, max_size=60),
    st.floats(0.01, 1.0),
)
@settings(max_examples=200, deadline=None)
def test_a_percentile_lies_where_it_says(times: list[float], share: float) -> None:
    counts = [0] * BUCKETS
    for time in times:
        counts[next(k for k in range(BUCKETS) if time < reach(k)[1])] += 1
    truth = sorted(times)[math.ceil(share * len(times)) - 1]
    for known in ({}, {"least": min(times), "most": max(times)}):
        found = percentile(counts, share, **known)
        assert found is not None
        assert found.lower <= truth <= found.upper
        assert found.lower <= found.value <= found.upper
    parts = [counts[:7] + [0] * (BUCKETS - 7), [0] * 7 + counts[7:]]
    assert percentile([a + b for a, b in zip(*parts, strict=True)], share) == percentile(
        counts, share
    )


def test_nothing_has_no_percentile() -> None:
    assert percentile([], 0.5) is None
    assert percentile([0, 0], 0.5) is None


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = str(write(tmp_path / "dicom_times.log", [STORE, FIND, other(STORE, "C2", 7200)]))
    assert main(["times", log, "--by", "operation", "-f", "csv"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("operation,requests,failed,timed,min_ms,median_ms,p95_ms")
    assert lines[1].startswith("find,1,0,1,300,300,300,300,300,300,300,100,")
    assert lines[2].startswith("store,6,2,6,3,")
    assert main(["top", log, "--by", "response-time", "-n", "1", "-f", "csv"]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("1,find,10.0.0.1,")
    command = ["series", log, "--of", "response-time-p95", "--operation", "store"]
    assert main(command) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == "2026-03-02T09:00:00Z,,,,0"
    assert lines[3].startswith("2026-03-02T10:00:00Z,")
    assert lines[3].endswith(",4,5,3")
    assert main([*command[:2], "--of", "bytes", "--operation", "store"]) == 2
    assert "--operation has an effect on response times alone" in capsys.readouterr().err


TLS = {
    name: STORE[name]
    for name in ("ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "setup_time", "round_trip")
} | {
    "id.resp_p": "2762", "operation": "tls", "requestor": "orig", "count": "1", "failed": "0",
    "data_sets": "4", "data_bytes": "5000000", "data_time": "2.0", "silent_time": "0.5",
    "orig_closed_time": "0.0", "resp_closed_time": "0.0", "tls": "T",
}  # fmt: skip


@pytest.mark.few(1)
@pytest.mark.parametrize("alone", [False, True])
def test_encrypted_connections_are_told_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], alone: bool
) -> None:
    back = TLS | {"requestor": "resp", "data_bytes": "30000", "data_time": "0.1"}
    rows = [*([] if alone else [other(STORE, "C2", 900)]), TLS, back, other(TLS, "C3", 50)]
    log = write(tmp_path / "dicom_times.log", rows)
    week = ["--week", "2026-W10", "--format", "json", "--no-forecast"]
    assert main(["report", str(log), *week]) == 0
    speed = json.loads(capsys.readouterr().out)["speed"]
    there, again = speed["encrypted"]
    told = ("connections", "rate", "setup", "round_trip")
    assert [there[name] for name in told] == [2, 2.5e6, 0.01, 0.002]
    assert [again[name] for name in told] == [1, 3e5, None, None]
    assert (there["sender"]["address"], again["sender"]["address"]) == ("10.0.0.1", "10.0.0.2")
    # What nobody can read says nothing of where time went.
    assert speed["where"] == ("" if alone else "receiver")
    assert main(["times", str(log), "--format", "json"]) == 0
    rows_told = [row for row in json.loads(capsys.readouterr().out) if row["operation"] == "tls"]
    assert {(row["client"], row["mbit_s"], row["p95_ms"]) for row in rows_told} == {
        ("10.0.0.1", 20.0, None),
        ("10.0.0.2", 2.4, None),
    }


def test_without_times_the_way_to_them_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "conn.log").write_text(tsv([{}]))
    for command in (["times"], ["top", "--by", "response-time"], ["series", "--of",
                    "response-time-median"]):  # fmt: skip
        assert main([*command, str(tmp_path)]) == 2
        assert "no dicom_times.log in it" in capsys.readouterr().err
