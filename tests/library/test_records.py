"""What `import pacsflow` gives: the same answers as the commands, in frames and series."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import numpy as np
import pytest

import pacsflow as pf
from conftest import CAPTURES, json_log
from pacsflow.cli import main
from pacsflow.ledger import Ledger
from pacsflow.series import HourlySeries

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[[str, str | bytes], Path]
T0 = 1772438400
"""2026-03-02 08:00 UTC, a Monday."""


@pytest.fixture
def logs(write: Write, tmp_path: Path) -> Path:
    rows = [
        {"uid": f"C{h}_{n}", "ts": T0 + h * 3600.0 + n, "id.orig_h": f"10.0.0.{n + 3}"}
        for h in range(30)
        for n in range(4)
        if h != 7
    ]
    rows.append({"uid": "X", "ts": T0 + 1.0, "id.resp_h": "10.9.9.9", "service": "http"})
    write("logs/conn.log", json_log(rows))
    association = {
        "ts": T0 + 1.0, "uid": "C0_0", "id.orig_h": "10.0.0.3", "id.orig_p": 40000,
        "id.resp_h": "10.0.0.2", "id.resp_p": 104, "calling_ae": "CT1", "called_ae": "PACS1",
        "result": "accepted", "end": "released", "duration": 2.5, "store_rq": 10,
        "services": ["storage"],
    }  # fmt: skip
    write("logs/dicom.log", json.dumps(association) + "\n")
    return tmp_path / "logs"


@pytest.fixture
def records(logs: Path) -> pf.Records:
    return pf.read(str(logs))


def test_nothing_heavy_is_imported_before_it_is_asked_for() -> None:
    heavy = {"duckdb", "pyarrow", "numpy", "pandas", "statsmodels", "pyshark", "jinja2", "typer"}
    script = f"import sys, pacsflow as pf; dir(pf); print({heavy} & {{*sys.modules}} or 'none')"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "none\n"
    for name in pf.__all__:
        assert getattr(pf, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'red'"):
        pf.red  # noqa: B018


def test_traffic_is_what_the_ledger_has(records: pf.Records) -> None:
    frame = records.traffic()
    assert frame["communications"].sum() == 4 * 29 + 1
    assert str(frame["hour"].dt.tz) == "UTC"
    assert records.traffic(imaging=True)["communications"].sum() == 4 * 29
    assert records.traffic(host="10.0.0.4", week="2026-W10")["communications"].sum() == 29
    on_the_clock = pf.Records(records.ledger, zone="America/Sao_Paulo")
    assert on_the_clock.traffic(start="2026-03-03", imaging=True)["hour"].min() == datetime(
        2026, 3, 3, 3, tzinfo=UTC
    )


def test_frames_and_series_are_those_of_the_commands(
    records: pf.Records, logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["endpoints", str(logs), "-f", "json"])
    told = json.loads(capsys.readouterr().out)
    assert list(records.endpoints()["host"]) == [row["host"] for row in told]
    assert list(records.endpoints()["bytes_in"]) == [row["bytes_in"] for row in told]
    main(["associations", str(logs), "-f", "json"])
    told = json.loads(capsys.readouterr().out)
    assert list(records.associations()["calling_ae"]) == [row["calling_ae"] for row in told]
    main(["series", str(logs), "--dicom", "-f", "json"])
    told = json.loads(capsys.readouterr().out)
    ours = records.hourly().values
    theirs = np.array([np.nan if row["bytes"] is None else row["bytes"] for row in told], float)
    np.testing.assert_array_equal(ours, theirs)


def test_a_series_and_a_forecast_as_pandas_has_them(records: pf.Records) -> None:
    series = records.hourly("communications")
    shown = series.to_pandas()
    assert shown.index[0] == datetime(2026, 3, 2, 8, tzinfo=UTC)
    assert shown.sum() == 4 * 29
    assert np.isnan(shown.iloc[7])
    long = pf.Records(records.ledger).hourly()
    again = type(long)("x", "bytes", long.start, np.tile(np.arange(24.0) + 1, 9))
    made = records.forecast(again)
    frame = made.to_pandas()  # type: ignore[union-attr]
    assert list(frame.columns) == ["mean", "lower80", "upper80", "lower95", "upper95"]
    assert frame.index[0] == again.end
    assert len(repr(made)) < 200


def test_a_report_is_short_on_the_screen_and_whole_on_its_page(
    records: pf.Records, tmp_path: Path
) -> None:
    made = records.report("2026-W10", forecasts=False, site="<St. Ann>")
    assert len(repr(made)) < 300
    assert "2026-W10" in repr(made)
    shown = made._repr_html_()
    assert "&lt;St. Ann&gt;" in shown
    page = pf.Page(made, lang="pt-BR")
    assert page._repr_html_().startswith("<iframe srcdoc=")
    assert "<script" not in page._repr_html_()
    assert len(repr(page)) < 400
    assert page.save(str(tmp_path / "week.html")).read_text("utf-8") == page.html
    assert "2026-W10" in page.digest
    found = records.findings(made)
    assert list(found["rule"]) == [f.rule for f in made.findings]
    assert (records.findings("2026-W10", forecasts=False)["title"] == found["title"]).all()


def test_a_ledger_is_asked_likewise(logs: Path, tmp_path: Path) -> None:
    main(["ingest", str(logs), "--ledger", str(tmp_path / "ledger"), "-q"])
    (tmp_path / "inventory.tsv").write_text("match\tname\trole\n10.0.0.2\tArchive\tpacs\n")
    records = pf.open(
        str(tmp_path / "ledger"), inventory=str(tmp_path / "inventory.tsv"), zone="Europe/Lisbon"
    )
    assert list(records.endpoints(role="pacs")["name"]) == ["Archive"]
    assert "2026-03-02" in repr(records)
    count = records.sql("SELECT count(*)::INTEGER AS n FROM associations")
    assert count["n"].item() == 1
    (tmp_path / "key").write_bytes(bytes(range(32)))
    (tmp_path / "key").chmod(0o600)
    nobody = pf.open(tmp_path / "ledger", key=tmp_path / "key")
    assert "10.0.0.2" not in set(nobody.traffic()["destination"])


def test_what_is_wrong_is_an_error_of_its_tree(records: pf.Records, tmp_path: Path) -> None:
    for wrong in (
        lambda: pf.open(tmp_path / "none"),
        lambda: pf.read(tmp_path / "none"),
        pf.read,
        lambda: pf.open(records.ledger.folder, zone="Mars"),
        lambda: records.traffic(host="10.99.9.9"),
        lambda: records.traffic(start="noon"),
        lambda: records.traffic(week="2026-W10", end="2026-03-05"),
        lambda: records.hourly("octets"),
        lambda: records.sql("SELECT nobody FROM traffic"),
        lambda: records.sql("SELECT 1 / 'a'"),
        lambda: records.arrow.sql(""),
        lambda: pf.Records(records.ledger, origin="sflow").traffic(),
    ):
        with pytest.raises(pf.PacsflowError) as told:
            wrong()
        assert "\n" not in str(told.value)


def test_what_could_not_be_read_is_kept_beside_the_records(logs: Path) -> None:
    (logs / "bad.log").write_text("nothing\n")
    records = pf.read(logs)
    assert [problem.path.endswith("bad.log") for problem in records.problems] == [True]
    assert repr(records).endswith(", UTC, 1 problem)")


def test_it_works_inside_an_event_loop_and_says_nothing(
    logs: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async def inside() -> int:
        return int(pf.read(logs).traffic()["communications"].sum())

    assert asyncio.run(inside()) == 4 * 29 + 1
    assert capfd.readouterr() == ("", "")


def test_no_progress_bar_of_the_database(records: pf.Records) -> None:
    setting = "SELECT current_setting('enable_progress_bar') AS it"
    assert not bool(records.sql(setting)["it"].item())


def test_what_was_read_is_gone_with_the_records(logs: Path) -> None:
    records = pf.read(logs)
    folder = records.ledger.folder
    assert folder.is_dir()
    del records
    import gc

    gc.collect()
    assert not folder.exists()


@pytest.mark.thorough
def test_strings_name_files_wherever_paths_do(logs: Path, tmp_path: Path, tshark: str) -> None:
    from pacsflow.inventory import read_inventory
    from pacsflow.programs.pyshark_view import association_frames
    from pacsflow.programs.tshark import export_logs
    from pacsflow_reports import write_archive

    capture = str(CAPTURES / "echo_ok.pcapng")
    assert export_logs(capture, str(tmp_path / "out"), tshark=tshark).dicom.is_file()
    assert next(association_frames(str(CAPTURES / "qr_move_3party.pcapng"), 1)).number > 0
    made = pf.read(capture).report(forecasts=False)
    assert write_archive(made, str(tmp_path / "pages")).page.is_file()
    assert Ledger(str(tmp_path / "ledger"), create=True).entries() == []
    (tmp_path / "i.tsv").write_text("match\tname\trole\n10.0.0.2\tArchive\tpacs\n")
    assert read_inventory(str(tmp_path / "i.tsv")).items
    assert pf.read(str(logs)).traffic().size


def test_arrow_tables_say_what_the_frames_say(records: pf.Records) -> None:
    query = "SELECT service, sum(bytes)::BIGINT AS bytes FROM traffic GROUP BY ALL ORDER BY ALL"
    asked = (
        (records.arrow.traffic(imaging=True), records.traffic(imaging=True)),
        (records.arrow.associations(), records.associations()),
        (records.arrow.endpoints(), records.endpoints()),
        (records.arrow.sql(query, host="10.0.0.4"), records.sql(query, host="10.0.0.4")),
    )
    for table, frame in asked:
        assert table.num_rows == len(frame) > 0
        assert table.column_names == list(frame.columns)
        for name in table.column_names:
            assert table[name].to_pandas().astype(str).tolist() == frame[name].astype(str).tolist()
    assert str(asked[1][0].schema.field("time_utc").type).endswith("tz=UTC]")


def test_a_series_is_drawn_with_and_without_its_forecast(
    records: pf.Records, tmp_path: Path
) -> None:
    series = records.hourly("communications")
    alone = records.plot(series)._repr_svg_()
    assert ET.fromstring(alone).tag == "{http://www.w3.org/2000/svg}svg"
    assert series.name in alone
    assert not [part for part in ('class="now"', "ACF") if part in alone]
    hours = np.arange(24 * 28)
    made = HourlySeries(
        "days", "connections", series.start, 50 + 40 * np.sin(hours / 24 * 2 * np.pi)
    )
    both = records.plot(made, records.forecast(made), lang="pt-BR").save(tmp_path / "plot.svg")
    drawn = both.read_text("utf-8")
    assert all(part in drawn for part in ('class="now"', "ACF", "days"))
    assert records.plot(made, records.forecast(series)).svg == records.plot(made).svg


def test_what_records_are_called_counts_one_as_one(records: pf.Records, tmp_path: Path) -> None:
    assert repr(records) == "Records(2 sources, 118 rows, 2026-03-02 to 2026-03-03, UTC)"
    (tmp_path / "one.log").write_text(json_log([{"uid": "C", "ts": T0 + 1.0}]))
    assert repr(pf.read(tmp_path / "one.log")).startswith("Records(1 source, 1 row, ")
