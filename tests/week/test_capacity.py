"""Given capacities in the inventory, when the forecast reaches them, and how fast traffic grows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from conftest import json_log
from pacsflow.inventory import read_inventory
from pacsflow.ledger import Ledger
from pacsflow.readers import find
from pacsflow.report.build import build_report
from pacsflow.report.options import Options
from pacsflow_reports import render_digest, render_html

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pacsflow.report.weekly import WeeklyReport

    Write = Callable[[str, str | bytes], Path]
T0 = 1772409600
"""Monday 2026-03-02 00:00 UTC."""
GROWTH = 0.04
"""Of a week's total against the one before it: 18 % in 30 days."""


UNEVEN = (1.01, 0.99, 1.02, 0.98, 1.0, 1.01, 0.98, 1.01)


def amount(hour: int) -> int:
    """Return bytes an hour, a day's and a week's shape that grows: up to 15 MB."""
    day = 1.2 - math.cos(2 * math.pi * (hour % 24) / 24)
    level = 5e6 * (0.4 if hour // 24 % 7 >= 5 else 1) * UNEVEN[hour // 168]
    return int(level * day * (1 + GROWTH) ** (hour // 168))


def report_of(write: Write, weeks: int, capacity: str) -> WeeklyReport:
    rows = [
        {"uid": f"C{h}", "ts": float(T0 + h * 3600), "orig_ip_bytes": amount(h)}
        for h in range(weeks * 168)
    ]
    fields = "match\tname\trole\tmodality\tsite\tcapacity"
    lines = [
        f"10.0.0.2\tpacs1\tpacs\t-\tmain\t{capacity}",
        "10.0.0.1\tct1\tmodality\tCT\tmain\t1000",
    ]
    head = ["#separator \\x09", f"#fields\t{fields}", "#types" + "\tstring" * 6]
    inventory = write("inventory.tsv", "\n".join([*head, *lines]) + "\n")
    with Ledger.temporary() as ledger:
        ledger.add(find([write("conn.log", json_log(rows))]).sources)
        return build_report(ledger, read_inventory(inventory), Options())


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> WeeklyReport:
    folder = tmp_path_factory.mktemp("capacity")

    def write(name: str, content: str | bytes) -> Path:
        path = folder / name
        path.write_text(content if isinstance(content, str) else content.decode())
        return path

    return report_of(write, 8, "0.03")


def test_the_hour_in_which_the_upper_bound_reaches_the_capacity(grown: WeeklyReport) -> None:
    """0.03 Mbit/s carry 13.5 MB an hour: some noon of the week to come reaches that."""
    note = next(n for n in grown.capacity if (n.name, n.way) == ("pacs1", "in"))
    assert note.capacity_bytes_per_hour == pytest.approx(13.5e6)
    assert note.reached is not None
    (curve,) = [flow.curve_in for flow in grown.pacs]
    assert curve.forecast is not None
    over = [h for h, upper in enumerate(curve.forecast.upper95) if upper >= 13.5e6]
    assert (note.reached - curve.forecast.start).total_seconds() == over[0] * 3600
    assert "the link of pacs1 may be full on" in render_digest(grown).replace("\n  ", " ")


def test_growth_is_what_it_was(grown: WeeklyReport) -> None:
    """The slope of a series that grows by 4 % a week is found, with its interval about it."""
    truth = 100 * ((1 + GROWTH) ** (30 / 7) - 1)
    whole = grown.capacity[0]
    assert whole.capacity_bytes_per_hour is None
    assert whole.growth_percent_month == pytest.approx(truth, abs=3)
    assert whole.growth_lower is not None
    assert whole.growth_upper is not None
    assert whole.growth_lower <= truth <= whole.growth_upper
    far = next(n for n in grown.capacity if (n.name, n.way) == ("ct1", "out"))
    assert far.reached is None
    months = math.log(far.capacity_bytes_per_hour / far.peak_bytes_per_hour)  # type: ignore[operator]
    assert far.months_soon is not None
    assert far.months_late is not None
    assert far.months_soon <= months / math.log1p(truth / 100) <= far.months_late


@pytest.mark.parametrize("lang", ["en", "pt-BR"])
def test_the_page_shows_it(grown: WeeklyReport, lang: str) -> None:
    html = render_html(grown, lang=lang)
    assert 'id="capacity-table"' in html
    assert "pacs1" in html[html.index('id="capacity-table"') :].split("</table>")[0]
    told = {"en": "Imaging traffic changes by +1", "pt-BR": "O tráfego de imagens varia +1"}
    assert told[lang] in html


def test_two_weeks_tell_no_growth_and_no_capacity_no_table(write: Write) -> None:
    made = report_of(write, 2, "0")
    assert [n.name for n in made.capacity if n.name == "pacs1"] == []
    assert all(n.growth_percent_month is None for n in made.capacity)
