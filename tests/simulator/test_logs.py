"""The simulated logs, read with tools that are not ours: awk, zcat, zat."""

from __future__ import annotations

import gzip
import json
import subprocess
from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from zat.log_to_dataframe import LogToDataFrame
from zat.utils.field_info import get_field_info

from pacsflow.simulator import (
    Device,
    Hospital,
    Written,
    hospital,
    hourly_series,
    write_conn_log,
    write_logs,
)
from pacsflow.simulator.schema import CONN, SSL, community_ids
from pacsflow.simulator.span import span, weeks_of
from pacsflow.simulator.tables import new_connections
from pacsflow.terms import SERVICES, sop_classes, transfer_syntaxes

if TYPE_CHECKING:
    from pathlib import Path

    from pacsflow.series import HourlySeries

WEEKS = 2


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return write_logs(hospital(3), tmp_path_factory.mktemp("logs"), weeks=WEEKS)


@pytest.fixture(scope="module")
def series() -> dict[str, HourlySeries]:
    return hourly_series(hospital(3), weeks=WEEKS)


def awk(program: str, folder: Path, pattern: str) -> list[str]:
    command = f"find . -name '{pattern}' | sort | xargs zcat | awk -F'\\t' '{program}'"
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def rows(folder: Path, log: str) -> list[dict[str, str]]:
    found = []
    for path in sorted(folder.glob(f"*/{log}.*.log.gz")):
        with gzip.open(path, "rt", encoding="ascii") as file:
            for line in file:
                if line.startswith("#fields"):
                    names = line.rstrip("\n").split("\t")[1:]
                elif not line.startswith("#"):
                    found.append(dict(zip(names, line.rstrip("\n").split("\t"), strict=True)))
    return found


@pytest.fixture(scope="module")
def dicom(written: Written) -> list[dict[str, str]]:
    return rows(written.out_dir, "dicom")


def test_awk_finds_the_totals_that_were_reported(written: Written) -> None:
    total = awk(
        '!/^#/ {n++; p+=$10+$11; i+=$18+$20} END {printf "%d %.0f %.0f", n, p, i}',
        written.out_dir,
        "conn.*",
    )
    assert [int(x) for x in total] == [
        written.rows["conn"],
        written.payload_bytes,
        written.ip_bytes,
    ]
    for log in ("dicom", "known_dicom", "notice", "ssl"):
        assert awk("!/^#/ {n++} END {print n}", written.out_dir, f"{log}.*") == [
            str(written.rows[log])
        ]


def test_the_volume_is_that_of_a_hospital(written: Written) -> None:
    assert 20_000 * WEEKS <= written.rows["conn"] <= 40_000 * WEEKS


def test_zat_reads_it(written: Written, tmp_path: Path) -> None:
    packed = sorted(written.out_dir.glob("*/dicom.*.gz"))[10]
    path = tmp_path / "dicom.log"
    path.write_bytes(gzip.decompress(packed.read_bytes()))
    names, types = get_field_info(str(path))
    assert names[:4] == ["ts", "uid", "id.orig_h", "id.orig_p"]
    assert types[names.index("sop_classes")] == "set[string]"
    frame = LogToDataFrame().create_dataframe(str(path))
    lines = path.read_text().splitlines()
    assert len(frame) == sum(not line.startswith("#") for line in lines)
    assert int(frame["data_bytes_orig"].sum()) == sum(
        int(line.split("\t")[names.index("data_bytes_orig")])
        for line in lines
        if not line.startswith("#")
    )


def test_headers_are_those_of_zeek_8(shared_data: Path) -> None:
    logs = shared_data / "logs" / "zeek-8.0.10"
    for path, fields in (("hospital_mix/conn.log", CONN), ("tls_echo_2762/ssl.log", SSL)):
        head = (logs / path).read_text().splitlines()[:8]
        assert head[6].split("\t")[1:] == [f.name for f in fields]
        assert head[7].split("\t")[1:] == [f.type for f in fields]


def test_a_file_opens_and_closes_as_zeek_does(written: Written) -> None:
    path = written.out_dir / "2026-03-02" / "conn.03:00:00-04:00:00.log.gz"
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    assert lines[:5] == [
        "#separator \\x09",
        "#set_separator\t,",
        "#empty_field\t(empty)",
        "#unset_field\t-",
        "#path\tconn",
    ]
    assert lines[5].startswith("#open\t2026-03-02-03-")
    assert lines[-1] == "#close\t2026-03-02-04-00-00"


def test_a_row_stands_in_the_file_of_the_hour_in_which_it_ended(written: Written) -> None:
    program = """!/^#/ {
        split($0, f, "\\t"); d = (f[9] == "-") ? 0 : f[9]
        h = int((f[1] + d) / 3600); if (!(h in seen)) seen[h] = n++
        } END { print n }"""
    for path in sorted(written.out_dir.glob("2026-03-03/conn.*.gz")):
        out = subprocess.run(
            ["bash", "-c", f"zcat '{path}' | awk '{program}'"],
            capture_output=True, text=True, check=True,
        ).stdout.split()  # fmt: skip
        assert out[0] == "1", path


def test_no_connection_begins_before_the_first_hour(written: Written) -> None:
    first = awk("!/^#/ {print $1; exit}", written.out_dir, "conn.00:00:00*")[0]
    least = min(float(row["ts"]) for row in rows(written.out_dir, "conn"))
    assert float(first) >= least >= written.start.timestamp()


def test_some_transfers_span_hours(dicom: list[dict[str, str]]) -> None:
    assert sum(float(row["duration"]) > 3600 for row in dicom) >= WEEKS


def test_associations_are_connections_of_conn_log(
    written: Written, dicom: list[dict[str, str]]
) -> None:
    conn = {row["uid"]: row for row in rows(written.out_dir, "conn")}
    assert len(conn) == written.rows["conn"]
    for row in dicom:
        other = conn[row["uid"]]
        assert other["service"] == "dicom"
        assert other["community_id"] == row["community_id"]
        for name in ("id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p"):
            assert other[name] == row[name]
        assert int(other["orig_bytes"]) >= int(row["data_bytes_orig"])
        assert int(other["resp_bytes"]) >= int(row["data_bytes_resp"])
        assert float(other["ts"]) <= float(row["ts"])


def test_community_id_of_the_specifications_first_example() -> None:
    two = Hospital(1, 1.0, (Device("a", "128.232.110.120", "other"),
                            Device("b", "66.35.250.204", "other")), 0)  # fmt: skip
    row = new_connections(np.array([0]), orig=0, resp=1, orig_p=34855, resp_p=80)
    assert community_ids(two, row).to_pylist() == ["1:LQU9qZlK+B5F3KDmev6m5PMibrg="]


def test_the_outage_has_no_file_and_everything_else_has(written: Written) -> None:
    story = written.story
    hours = {
        path.relative_to(written.out_dir).as_posix().replace("conn.", "")
        for path in written.out_dir.glob("*/conn.*")
    }
    moment, missing = written.start, []
    while moment < written.end:
        local = moment.astimezone(ZoneInfo("America/Sao_Paulo"))
        until = local + timedelta(hours=1)
        name = f"{local:%Y-%m-%d}/{local:%H:%M:%S}-{until:%H:%M:%S}.log.gz"
        if name not in hours:
            missing.append(moment)
        moment += timedelta(hours=1)
    assert missing[0] == story.outage_start
    assert missing[-1] == story.outage_end - timedelta(hours=1)
    assert len(missing) == (story.outage_end - story.outage_start) // timedelta(hours=1) >= 5
    for path in written.out_dir.glob("*/*.gz"):  # no other log was written then either
        assert (
            path.relative_to(written.out_dir).as_posix().replace(path.name.split(".")[0] + ".", "")
            in hours
        )


def test_truth_is_no_data_in_the_outage_and_equals_the_logs_elsewhere(
    written: Written, series: dict[str, HourlySeries]
) -> None:
    truth = series["imaging"]
    nan = np.flatnonzero(np.isnan(truth.values))
    hours = (written.story.outage_end - written.story.outage_start) // timedelta(hours=1)
    assert len(nan) == hours
    assert truth.start + int(nan[0]) * timedelta(hours=1) == written.story.outage_start
    # everything but the rows that begin in the outage or before it; these are few
    total = int(
        awk('!/^#/ && $8=="dicom" {i+=$18+$20} END {printf "%.0f", i}', written.out_dir, "conn.*")[
            0
        ]
    )
    assert np.nansum(truth.values) == pytest.approx(total, rel=0.002)
    clock = np.arange(len(truth)) % 24  # the first hour is local midnight
    day = np.arange(len(truth)) // 24 % 7
    office = np.nanmean(truth.values[(day < 5) & (clock >= 8) & (clock < 18)])
    weekend = np.nanmean(truth.values[(day >= 5) & (clock >= 8) & (clock < 18)])
    evening = np.nanmean(truth.values[(day < 4) & (clock >= 22)])
    prefetch = np.nanmean(truth.values[(day < 4) & (clock >= 2) & (clock < 5)])
    assert office > 2 * weekend
    assert office > 2 * evening
    still = np.nanmean(truth.values[(day < 4) & np.isin(clock, (0, 1, 5))])
    assert prefetch > 3 * still
    count = series["associations"].values
    lunch = np.nanmean(count[(day < 5) & (clock == 12)])
    assert lunch < 0.8 * np.nanmean(count[(day < 5) & (clock == 10)])


def gigabytes(folder: Path, condition: str) -> float:
    """Sum of IP bytes of the connections for which an awk condition holds."""
    program = f'!/^#/ && {condition} {{i+=$18+$20}} END {{printf "%.3f", i/1e9}}'
    return float(awk(program, folder, "conn.*")[0])


def test_imaging_is_about_half_of_the_traffic(written: Written) -> None:
    imaging, all_of_it = (gigabytes(written.out_dir, c) for c in ('$8=="dicom"', "1"))
    assert 0.3 < (all_of_it - imaging) / all_of_it < 0.6
    backup = gigabytes(written.out_dir, '$3=="10.21.0.12"')
    assert backup > 200 * WEEKS
    at_night = '$3=="10.21.0.12" && strftime("%H", $1 - 10800, 1) ~ /^(22|23|00|01)$/'
    assert gigabytes(written.out_dir, at_night) == backup
    assert 80 * WEEKS < gigabytes(written.out_dir, '$3=="10.60.0.1"') < 300 * WEEKS  # guests
    assert 30 * WEEKS < gigabytes(written.out_dir, "$6==3478") < 150 * WEEKS  # meetings


def test_the_months_updates_come_after_the_second_tuesday(written: Written) -> None:
    days = awk('!/^#/ && $6==8530 {print strftime("%F", $1 - 10800, 1)}', written.out_dir, "conn.*")
    assert Counter(days) == {"2026-03-11": 60}
    assert 30 < gigabytes(written.out_dir, "$6==8530") < 80


def test_the_file_server_moves_in_one_night(written: Written) -> None:
    story = written.story
    sums = awk(
        '!/^#/ && $5=="10.21.0.15" {n++; p+=$10+$11} END {printf "%d %.0f", n, p}',
        written.out_dir, "conn.*",
    )  # fmt: skip
    assert sums == ["10", str(story.migration_bytes)]
    assert story.migration_bytes == 450_000_000_000


def test_an_archive_out_of_service_gets_afterwards_what_waited(
    written: Written, dicom: list[dict[str, str]]
) -> None:
    story = written.story
    begin, end = story.stopped_start.timestamp(), story.stopped_end.timestamp()
    stored = [
        float(r["ts"]) for r in dicom if r["id.resp_h"] == "10.20.0.11" and r["store_rq"] != "0"
    ]
    assert not [t for t in stored if begin <= t < end]
    queue = [t for t in stored if end <= t < end + 2400]
    assert len(queue) > 2 * len([t for t in stored if begin - 2400 <= t < begin])


def test_months_end_and_holidays() -> None:
    what = span(hospital(3), weeks=5, start=None)  # Good Friday is 3 April, and no Sunday
    *_, week = weeks_of(what)
    rows, accounts = week.connections, what.hospital.index("accounts1")
    sent = rows[rows["resp"] == accounts]
    local = [(datetime.fromtimestamp(s / 1e6, what.zone)).date().isoformat() for s in sent["start"]]
    assert local == ["2026-03-30", "2026-03-31"]
    assert 20e9 < sent["orig_bytes"].sum() < 60e9
    day = (week.associations["start"] - week.start_us) // (24 * 3_600_000_000)
    moved = np.bincount(day, week.associations["data_orig"], minlength=7)
    assert moved[4] < 0.5 * moved[[1, 2, 3]].mean()  # the Friday


def test_pacs_and_modalities_have_their_share(series: dict[str, HourlySeries]) -> None:
    assert {"PACS1 in", "PACS1 out", "PACS2 in", "PACS2 out"} <= set(series)
    sent = {name: np.nansum(series[name].values) for name in ("CT", "MR", "CR", "US", "MG")}
    assert min(sent.values()) > 0
    assert max(sent, key=sent.__getitem__) == "CT"
    assert np.nansum(series["PACS1 in"].values) > sum(sent.values())


def test_newcomer_only_in_the_last_week_and_in_no_inventory(
    written: Written, dicom: list[dict[str, str]]
) -> None:
    inventory = (written.out_dir / "inventory.tsv").read_text()
    address = "10.20.18.77"
    assert address not in inventory
    mine = [row for row in dicom if row["id.orig_h"] == address]
    assert mine
    assert min(float(r["ts"]) for r in mine) >= written.story.newcomer_since.timestamp()
    assert written.story.newcomer_since >= written.end - timedelta(weeks=1)


def test_bulk_retrieval_is_the_anomaly(written: Written, dicom: list[dict[str, str]]) -> None:
    story = written.story
    mine = [row for row in dicom if int(row["get_rq"]) >= 40]
    assert sum(int(row["data_bytes_resp"]) for row in mine) == story.bulk_bytes > 100e9
    assert story.bulk_start >= written.end - timedelta(weeks=1)
    assert len({row["id.orig_h"] for row in mine}) == 1
    notes = Counter(row["note"] for row in rows(written.out_dir, "notice"))
    assert notes == {
        f"DICOM::{name}": 1
        for name in ("Find_Enumeration", "Bulk_Retrieval", "Store_From_Unknown_Sender", "New_Peer")
    }


def test_associations_go_wrong_as_they_do_in_hospitals(dicom: list[dict[str, str]]) -> None:
    ends = {row["end"] for row in dicom}
    results = {row["result"] for row in dicom}
    assert {"released", "aborted", "closed"} <= ends
    assert {"accepted", "rejected", "no_reply"} <= results
    codes = {row["failure_codes"] for row in dicom}
    assert {"0xA700", "0xA801"} <= codes
    assert any(int(row["missed_bytes"]) for row in dicom)
    assert any(row["orig_roles"] == "scp" for row in dicom)
    for row in dicom:
        if row["result"] == "rejected":
            assert row["reject_reason"] != "-"
            assert row["sop_classes"] == "-"
        if row["end"] == "aborted":
            assert row["abort_source"] != "-"


def test_names_are_those_of_the_registry(dicom: list[dict[str, str]]) -> None:
    names = {row.name for row in sop_classes().values()}
    syntaxes = set(transfer_syntaxes().values())
    for row in dicom:
        for field, known in (
            ("sop_classes", names), ("transfer_syntaxes", syntaxes), ("services", set(SERVICES)),
        ):  # fmt: skip
            assert row[field] == "-" or set(row[field].split(",")) <= known


def test_known_endpoints(written: Written) -> None:
    known = rows(written.out_dir, "known_dicom")
    last = {(r["host"], r["port_num"], r["ae_title"], r["role"]): r for r in known}
    pacs1 = last["10.20.0.10", "104", "PACS1", "scp"]
    assert pacs1["category"] == "pacs"
    assert {"CT", "MR", "US"} <= set(pacs1["modalities"].split(","))
    newcomer = [r for r in known if r["host"] == "10.20.18.77"]
    assert {r["basis"] for r in newcomer} == {"association"}


def test_what_was_open_when_the_sensor_came_back_is_marked() -> None:
    found = 0
    for seed in range(4):
        what = span(hospital(seed), weeks=1, start=None)
        (week,) = weeks_of(what)
        cut = week.associations[week.associations["midstream"]]
        found += len(cut)
        back = what.story.outage_end.timestamp() * 1_000_000
        assert (cut["start"] == int(back)).all()
        assert (cut["result"] == 3).all()
    assert found


def test_it_says_that_it_is_simulated(written: Written) -> None:
    marker = json.loads((written.out_dir / "SIMULATED").read_text())
    assert marker["simulated"] is True
    assert (marker["seed"], marker["weeks"]) == (3, WEEKS)
    assert marker["by"].startswith("pacsflow ")


@pytest.mark.thorough
def test_same_seed_same_logs(tmp_path: Path) -> None:
    small = hospital(9, scale=0.1)
    for name in ("a", "b"):
        write_logs(small, tmp_path / name, weeks=1)
    one, two = (
        {p.relative_to(tmp_path / n): p.read_bytes() for p in (tmp_path / n).rglob("*.gz")}
        for n in ("a", "b")
    )
    assert one == two
    write_logs(hospital(10, scale=0.1), tmp_path / "c", weeks=1)
    other = {p.relative_to(tmp_path / "c"): p.read_bytes() for p in (tmp_path / "c").rglob("*.gz")}
    assert one != other


@pytest.mark.thorough
def test_json_says_the_same_as_tsv(tmp_path: Path) -> None:
    small = hospital(9, scale=0.1)
    write_logs(small, tmp_path / "tsv", weeks=1)
    write_logs(small, tmp_path / "json", weeks=1, format="json")
    for log in ("conn", "dicom"):
        tsv = rows(tmp_path / "tsv", log)
        docs = [
            json.loads(line)
            for path in sorted((tmp_path / "json").glob(f"*/{log}.*.gz"))
            for line in gzip.decompress(path.read_bytes()).splitlines()
        ]
        assert len(tsv) == len(docs) > 100
        for row, doc in zip(tsv, docs, strict=True):
            assert next(iter(doc)) == "ts"
            told = {name: value for name, value in row.items() if value != "-"}
            assert list(told) == list(doc)
            for name, value in told.items():
                have = doc[name]
                if isinstance(have, bool):
                    assert value == ("T" if have else "F")
                elif isinstance(have, list):
                    assert value.split(",") == have
                elif isinstance(have, str):
                    assert value == have
                else:
                    assert float(value) == have


def test_daylight_saving_time_loses_no_file(tmp_path: Path) -> None:
    start = datetime(2026, 10, 19, tzinfo=ZoneInfo("Europe/Berlin"))  # the clock goes back on 25
    done = write_logs(hospital(2, scale=0.1), tmp_path, weeks=1, start=start)
    total = awk("!/^#/ {n++} END {print n}", tmp_path, "conn.*")
    assert int(total[0]) == done.rows["conn"]
    assert len(list(tmp_path.glob("2026-10-25/conn.02:00:00-*"))) == 2


def test_scale_grows_the_hospital() -> None:
    assert len(hospital(1, scale=4).devices) > 3 * len(hospital(1).devices)
    addresses = [device.address for device in hospital(1, scale=20).devices]
    assert len(set(addresses)) == len(addresses)
    with pytest.raises(ValueError, match="scale"):
        hospital(1, scale=0)


def test_bulk_log_has_its_rows_and_total(tmp_path: Path) -> None:
    path = tmp_path / "conn.log"
    total = write_conn_log(path, 250_001, seed=5)
    program = """
        !/^#/ { n++; i += $18 + $20; e = $1 + ($9 == "-" ? 0 : $9); if (e < m - 0.001) bad++
            m = e }
        END { printf "%d %.0f %d", n, i, bad }"""
    out = subprocess.run(
        ["awk", "-F\t", program, str(path)],
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert int(out[0]) == 250_001
    assert int(out[1]) == total
    assert out[2] == "0"


def test_bulk_log_tells_the_same_in_json(tmp_path: Path) -> None:
    total = write_conn_log(tmp_path / "conn.log", 3000, seed=5)
    assert write_conn_log(tmp_path / "conn.json.log", 3000, seed=5) == total
    lines = (tmp_path / "conn.json.log").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert len(rows) == 3000
    assert sum(row["orig_ip_bytes"] + row["resp_ip_bytes"] for row in rows) == total


def test_progress_reaches_the_end(tmp_path: Path) -> None:
    calls = []
    write_logs(
        hospital(1, scale=0.1),
        tmp_path,
        weeks=1,
        progress=lambda done, of: calls.append((done, of)),
    )
    assert calls[-1] == (168, 168)
