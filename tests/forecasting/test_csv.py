"""Series from csv files as people have them, the command on them, and its plots."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from forecasting.shapes import MONDAY, WEEK, working_week
from pacsflow.cli import main
from pacsflow.errors import InputError
from pacsflow.forecasting.csv_input import is_series_csv, read_series_csv
from pacsflow.series import HOUR

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "rows",
    [
        "time,bytes\n2025-03-03T00:00:00Z,5\n2025-03-03T01:00:00Z,7\n2025-03-03T02:00:00Z,9\n",
        "time;bytes\n03/03/2025 00:00;5\n03/03/2025 01:00;7\n03/03/2025 02:00;9\n",
        "id\ttime\tbytes\na\t1740960000\t5\nb\t1740963600\t7\nc\t1740967200\t9\n",
        "2025-03-03 00:30,5\n2025-03-03 01:30,7\n2025-03-03 02:30,9\n",
        "\ufefftime,bytes\r\n2025-03-03 02:00,9\r\n2025-03-03 00:00,5\r\n2025-03-03 01:00,7\r\n",
        "zeit;wert\n03.03.2025 00:00;5,0\n03.03.2025 01:00;7,0\n03.03.2025 02:00;9,0\n",
    ],
)
def test_layouts_are_recognised(tmp_path: Path, rows: str) -> None:
    path = write(tmp_path / "s.csv", rows)
    assert is_series_csv(path)
    found = read_series_csv(path).series
    assert found.start == MONDAY
    assert found.values.tolist() == [5, 7, 9]


def test_half_hours_are_summed_or_averaged_and_incomplete_hours_are_gaps(tmp_path: Path) -> None:
    lines = [f"2025-03-03 {h:02}:{m:02},{h + 1}" for h in range(5) for m in (0, 30)]
    del lines[5]  # half of hour 2
    path = write(tmp_path / "s.csv", "t,v\n" + "\n".join(lines))
    summed = read_series_csv(path)
    assert summed.series.values.tolist()[:2] == [2, 4]
    assert np.isnan(summed.series.values[2])
    assert any("summed" in note for note in summed.notes)
    assert read_series_csv(path, combine="mean").series.values.tolist()[3:] == [4, 5]


def test_empty_values_are_missing_and_bad_rows_are_counted(tmp_path: Path) -> None:
    rows = [f"2025-03-03 {h:02}:00,{h}" for h in range(20)]
    rows[3], rows[4] = "2025-03-03 03:00,", "2025-03-03 04:00,nonsense"
    found = read_series_csv(write(tmp_path / "s.csv", "t,v\n" + "\n".join(rows)))
    assert np.isnan(found.series.values[3:5]).all()
    assert any("1 row could not be read" in note for note in found.notes)


def test_a_column_that_begins_with_weeks_of_nothing_is_found(tmp_path: Path) -> None:
    start = MONDAY
    rows = [
        f"{(start + i * HOUR).isoformat()},,{'' if i < 3 * WEEK else i}" for i in range(4 * WEEK)
    ]
    found = read_series_csv(write(tmp_path / "late.csv", "\n".join(["time,note,bytes", *rows])))
    assert len(found.series) == 4 * WEEK
    assert np.isfinite(found.series.values).sum() == WEEK
    assert found.series.unit == "bytes"


def test_local_times_are_of_the_zone_and_the_hour_that_comes_twice_is_kept(tmp_path: Path) -> None:
    wall = ["00:00", "01:00", "01:00", "02:00", "03:00"]
    text = "t,v\n" + "\n".join(f"2025-10-26 {w},{i}" for i, w in enumerate(wall))
    found = read_series_csv(write(tmp_path / "s.csv", text), zone="Europe/London").series
    assert found.start == datetime(2025, 10, 25, 23, tzinfo=UTC)
    assert found.values.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no column"),
        ("a,b\nx,y\n", "no column"),
        ("t,v\n2025-03-03,1\n2025-03-04,2\n2025-03-05,2\n", "24.0 hours apart"),
        ("t,v\n0001-01-01 00:00,1\n9998-01-01 00:00,2\n", "hours apart"),
    ],
)
def test_what_is_no_series_is_a_clear_error(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        read_series_csv(write(tmp_path / "s.csv", text))


def test_logs_and_captures_are_no_series(tmp_path: Path) -> None:
    export = '"No.","Time","Source","Destination"\n"1","2025-03-03 00:00","10.0.0.1","10.0.0.2"\n'
    assert not is_series_csv(write(tmp_path / "wireshark.csv", export))
    assert not is_series_csv(write(tmp_path / "conn.log", "#separator \\x09\n"))
    (tmp_path / "x.pcap").write_bytes(b"\xd4\xc3\xb2\xa1\0\0")
    assert not is_series_csv(tmp_path / "x.pcap")


def test_the_backbone_file_as_it_was_published(shared_data: Path) -> None:
    path = shared_data / "series" / "uk_academic_backbone_hourly.csv"
    found = read_series_csv(path, zone="Europe/London")
    assert len(found.series) == 1657
    assert found.series.start == datetime(2004, 11, 19, 9, tzinfo=UTC)
    assert found.series.values[0] == 64554.479
    assert found.notes == ()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [f"{(MONDAY + h * HOUR).isoformat()},{v:.3f}" for h, v in enumerate(working_week(3.5))]
    return write(tmp_path_factory.mktemp("csv") / "ward.csv", "time,bytes\n" + "\n".join(rows))


def test_command_as_json_table_and_plots(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    svg = tmp_path / "week.svg"
    assert main(["forecast", str(file), "-f", "json", "--plot", str(svg)]) == 0
    told = json.loads(capsys.readouterr().out)[0]["forecast"]
    assert len(told["mean"]) == WEEK
    assert told["verdict"]["state"]
    assert told["diagnostics"]["acf"]
    assert ET.parse(svg).getroot().tag.endswith("svg")
    assert main(["forecast", str(file), "--holidays", "BR-SP"]) == 0
    out = capsys.readouterr().out
    assert "Ljung-Box" in out
    assert "KPSS" in out


def test_command_as_csv_and_backtest(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["forecast", str(file), "-f", "csv", "--horizon", "5"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert len(rows) == 5
    assert rows[0]["hour_utc"] == "2025-03-27T12:00:00Z"
    assert float(rows[0]["lower95"]) <= float(rows[0]["mean"]) <= float(rows[0]["upper95"])
    assert main(["forecast", str(file), "--backtest", "-f", "json"]) == 0
    told = json.loads(capsys.readouterr().out)[0]
    assert told["rows"]
    assert told["mase_naive168"] > 0


def test_which_hours_are_forecast_is_said(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The hours after the data, which are not the week after the report's."""
    asked = ["forecast", str(file), "--horizon", "5", "--site-tz", "UTC"]
    assert main(asked) == 0
    title = capsys.readouterr().out.splitlines()[0]
    assert title == "Forecast of 5 hours, Thu 27 Mar, 12:00–17:00, on the clock of UTC"
    shorter = tmp_path / "shorter.csv"
    shorter.write_text("".join(file.read_text().splitlines(keepends=True)[:-3]))
    assert main([*asked, str(shorter)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Forecast, on the clock of UTC\n")
    assert "\nward: The 5 hours from Thu 27 Mar, 12:00 to Thu 27 Mar, 17:00 are forecast.\n" in out
    assert "\nshorter: The 5 hours from Thu 27 Mar, 09:00 to Thu 27 Mar, 14:00 are fore" in out


def test_wrong_use_is_one_line_and_2(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for more in (["--plot", "x.png"], ["--holidays", "XX"], ["--zone", "Mars/Phobos"]):
        assert main(["forecast", str(file), *more]) == 2
        assert len(capsys.readouterr().err.strip().splitlines()) == 1


@pytest.mark.parametrize("hours", [24 * 8, 24 * 24])
def test_a_plot_is_one_document_without_hostile_markup(
    hours: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "a<script>\x1b[31m\u202e.csv"
    rows = [
        f"{MONDAY + h * HOUR:%Y-%m-%dT%H:%MZ},{v}" for h, v in enumerate(working_week(4)[:hours])
    ]
    table.write_text("time,=b<b>\n" + "\n".join(rows))
    out = tmp_path / "plot.svg"
    assert main(["forecast", str(table), "--plot", str(out), "--lang", "pt-BR"]) == 0
    assert "Diebold" in capsys.readouterr().out or hours == 24 * 8
    text = out.read_text("utf-8")
    assert not {"<script", "<b>", "\x1b", "\u202e"} & {
        *re.findall(r"<script|<b>|[\x1b\u202e]", text)
    }
    drawn = ET.fromstring(text)
    shown = [e.get("class") for e in drawn.iter() if e.tag.endswith("}path")]
    assert {"b95", "b80", "mean", "seen", "now"} <= set(shown)
    titles = [e.text for e in drawn.iter() if e.get("class") == "title"]
    assert len(titles) == (0 if hours == 24 * 8 else 2)
