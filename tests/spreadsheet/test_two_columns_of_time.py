"""A day in one column and a time of day in another: one moment, or the way to tell it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

import pytest
import xlsxwriter

from pacsflow.errors import InputError
from pacsflow.readers import Quality
from pacsflow.readers.spreadsheet import read

if TYPE_CHECKING:
    from pathlib import Path

DAY, CLOCK = date(2026, 3, 2), time(10, 0, 5)
MEANT = datetime(2026, 3, 2, 10, 0, 5, tzinfo=UTC)
FORMATS = {date: "yyyy-mm-dd", datetime: "yyyy-mm-dd hh:mm:ss", time: "hh:mm:ss"}
REST = ["10.0.0.1", "10.0.0.2", 100]


def moments(path: Path) -> tuple[list[datetime], Quality]:
    quality = Quality()
    return [r["ts"] for batch in read(path, quality) for r in batch.to_pylist()], quality


def book(path: Path, *rows: list[Any], names: tuple[str, str] = ("Date", "Time")) -> Path:
    """Write a workbook whose cells are of the kind that their values are."""
    with xlsxwriter.Workbook(path) as made:
        sheet = made.add_worksheet()
        forms = {kind: made.add_format({"num_format": text}) for kind, text in FORMATS.items()}
        sheet.write_row(0, 0, [*names, "Source", "Destination", "Length"])
        for number, row in enumerate(rows, 1):
            for place, value in enumerate([*row, *REST]):
                sheet.write(number, place, value, forms.get(type(value)))
    return path


def table(path: Path, day: str, clock: str, names: str = "Date;Time") -> Path:
    path.write_text(f"{names};Source;Destination;Length\n{day};{clock};10.0.0.1;10.0.0.2;100\n")
    return path


@pytest.mark.parametrize(
    "row",
    [
        pytest.param([DAY, CLOCK], id="cells"),
        pytest.param([DAY, "10:00:05"], id="text-behind-a-cell"),
        pytest.param([datetime(2026, 3, 2, 10, 0, 5), CLOCK], id="moment-beside-its-time"),  # noqa: DTZ001 - of a sheet
        pytest.param([datetime(2026, 3, 2, 10, 0), CLOCK], id="moment-without-seconds"),  # noqa: DTZ001 - of a sheet
    ],
)
def test_cells_of_a_workbook(tmp_path: Path, row: list[Any]) -> None:
    assert moments(book(tmp_path / "a.xlsx", row))[0] == [MEANT]


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_days_that_are_numbers_beside_times_of_day_are_said(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"a.{form}"
    if form == "csv":
        table(path, "46083", "10:00:05")
    else:
        book(path, [46083, CLOCK])
    found, quality = moments(path)
    assert found == [MEANT]
    assert "numbers in column Date are a spreadsheet's days" in str(quality.notes)


@pytest.mark.parametrize(
    "names", ["Capture Date;Time", "Frame Date;Frame Time", "UTC Date;Time", "Tag;Uhrzeit"]
)
def test_what_people_call_both(tmp_path: Path, names: str) -> None:
    assert moments(table(tmp_path / "a.csv", "2026-03-02", "10:00:05", names))[0] == [MEANT]


@pytest.mark.parametrize("clock", ["10 h 00 min 05", "10 h 00", "10h00"])
def test_hours_with_blanks_around_their_letter(tmp_path: Path, clock: str) -> None:
    found, _ = moments(table(tmp_path / "a.csv", "02/03/2026", clock, "Date;Heure"))
    assert [(m.hour, m.minute) for m in found] == [(10, 0)]


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as error:
        moments(path)
    return str(error.value)


@pytest.mark.parametrize(
    ("day", "clock"), [("2026-03-02", "36005.5"), ("2026-03-02", "0.416724"), ("46083", "0.4167")]
)
def test_numbers_beside_a_day_are_not_guessed(tmp_path: Path, day: str, clock: str) -> None:
    """They may be seconds since the start, since midnight, or a part of the day."""
    told = refusal(table(tmp_path / "a.csv", day, clock))
    assert "numbers stand in column Time beside a column Date" in told
    assert "10:00:05" in told
    assert "--capture-start" not in told


def test_a_day_with_another_time_than_the_column_beside_it(tmp_path: Path) -> None:
    told = refusal(book(tmp_path / "a.xlsx", [datetime(2026, 3, 2, 13, 0), CLOCK]))  # noqa: DTZ001 - of a sheet
    assert "columns Date and Time tell different times of day" in told


def test_a_time_of_day_without_its_day_names_what_is_not_known(tmp_path: Path) -> None:
    told = refusal(table(tmp_path / "a.csv", "2026-03-02", "10:00:05", "Seen on;Time"))
    assert "columns that are not known: Seen on" in told
    assert "name the column with the day Date" in told


def test_a_day_without_a_year_is_named(tmp_path: Path) -> None:
    told = refusal(table(tmp_path / "a.csv", "Mon 2 Mar", "10:00:05"))
    assert "'Mon 2 Mar' in column Date is no date with a year" in told


def test_the_start_that_is_given_counts_before_a_column_of_days(tmp_path: Path) -> None:
    start = datetime(2026, 3, 2, 8, tzinfo=UTC)
    path = table(tmp_path / "a.csv", "2026-03-02", "65.5")
    found = [r["ts"] for b in read(path, Quality(), start=start) for r in b.to_pylist()]
    assert [m.timestamp() for m in found] == [start.timestamp() + 65.5]
