"""Geometry: axes that hold their values, paths that say where there is no data."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacsflow.week.facts import Band, Curve, FlowMap, Hours, Incident, MapEdge, MapNode
from pacsflow.words.language import Language
from pacsflow_reports import charts
from pacsflow_reports.flowmap import layout
from reports import factory

START = datetime(2026, 11, 16, tzinfo=UTC)


@given(st.floats(min_value=1e-3, max_value=1e21), st.integers(min_value=1, max_value=8))
def test_an_axis_holds_its_value_in_few_even_steps(value: float, ticks: int) -> None:
    top, step = charts.nice_ceiling(value, ticks)
    assert top >= value * 0.998
    assert top <= value * 4 + step
    assert round(top / step) <= ticks + 1
    assert f"{step:e}"[0] in "125"


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_an_axis_of_nothing_is_still_an_axis(value: float) -> None:
    assert charts.nice_ceiling(value, 4) == (1.0, 1.0)


@given(st.integers(min_value=1, max_value=10**15), st.integers(min_value=1, max_value=8))
def test_an_axis_of_what_is_counted_has_whole_steps(value: int, ticks: int) -> None:
    """A quarter of a communication would be said as 0.2."""
    top, step = charts.whole_ceiling(float(value), ticks)
    assert step == round(step) >= 1
    assert value * 0.998 <= top <= value * 4 + step
    assert round(top / step) <= ticks + 1


def walked(path: str) -> list[list[tuple[int, int]]]:
    """The points of a path as a browser would reach them, one list a stroke."""
    strokes: list[list[tuple[int, int]]] = []
    for part in re.findall(r"M[^M]+", path):
        head, tail = re.split("h[01]", part[1:], maxsplit=1)
        x, y = map(int, head.split())
        stroke = [(x, y)]
        numbers = [int(n) for n in re.findall(r"-?\d+", tail)]
        for dx, dy in zip(numbers[::2], numbers[1::2], strict=True):
            x, y = x + dx, y + dy
            stroke.append((x, y))
        strokes.append(stroke)
    return strokes


@given(st.lists(st.one_of(st.none(), st.integers(0, 260)), max_size=60))
def test_a_line_passes_every_point_and_breaks_at_every_hole(values: list[int | None]) -> None:
    points = [None if v is None else (x, v) for x, v in enumerate(values)]
    strokes = walked(charts.line(points))
    runs = charts.runs(p is not None for p in points)
    assert len(strokes) == len(runs)
    for stroke, (first, last) in zip(strokes, runs, strict=True):
        wanted = [p for p in points[first:last] if p]
        assert stroke[0] == wanted[0]
        assert stroke[-1] == wanted[-1]
        for x, y in wanted:  # points that were left out lie on the line between their neighbours
            left = max(p for p in stroke if p[0] <= x)
            right = min(p for p in stroke if p[0] >= x)
            if left == right:
                assert left == (x, y)
            else:
                assert (y - left[1]) * (right[0] - left[0]) == (right[1] - left[1]) * (x - left[0])


def test_an_hour_alone_is_as_long_as_the_hour() -> None:
    assert (
        charts.line([None, (1, 5), None, (3, 5), (4, 7), None, (6, 2)]) == "M1 5h1M3 5h0l1 2M6 2h1"
    )


def curve(values: list[float | None], **more: object) -> Curve:
    return Curve("t", Hours("t", "bytes", START, tuple(values)), **more)  # type: ignore[arg-type]


def test_hours_without_data_are_hatched_and_zero_is_not() -> None:
    chart = charts.curve_chart(curve([1.0, 0.0, None, None, 5.0, 0.0]), Language(), "x")
    assert len(chart.gaps) == 1
    assert chart.gaps[0].x == pytest.approx(chart.left + 2 * chart.scale_x, abs=0.1)
    assert chart.gaps[0].width == pytest.approx(2 * chart.scale_x, abs=0.1)
    assert chart.observed.count("M") == 2


def test_a_wild_upper_bound_leaves_the_plot_and_not_the_week() -> None:
    high = Band(
        START + timedelta(hours=4), (5.0,) * 4, (4.0,) * 4, (6.0,) * 4, (0.0,) * 4, (1e12,) * 4
    )
    made = curve([1.0, 10.0, 2.0, 3.0], forecast=high)
    assert charts.axis_top(made) == 15.0
    assert charts.curve_chart(made, Language(), "x").hours == 8


def test_incidents_outside_the_chart_are_not_drawn_and_inside_are() -> None:
    hour = timedelta(hours=1)
    inside = Incident("t", START + hour, START + 2 * hour, "more", 9, 1, 5)
    outside = Incident("t", START - 9 * hour, START - 5 * hour, "more", 9, 1, 5)
    chart = charts.curve_chart(curve([1.0] * 6), Language(), "x", incidents=[inside, outside])
    assert len(chart.incidents) == 1


def test_a_week_of_169_hours_has_seven_days_on_the_sites_clock() -> None:
    start = datetime(2026, 10, 18, 22, tzinfo=UTC)  # Monday 19th in Berlin; clocks change on 25th
    made = Curve("t", Hours("t", "bytes", start, (1.0,) * 169))
    chart = charts.curve_chart(made, Language("en", "Europe/Berlin"), "x")
    assert len(chart.days) == 7
    widths = [b.at - a.at for a, b in pairwise(chart.days)]
    assert max(widths) - min(widths) < 0.2
    assert chart.right - chart.days[-1].at > widths[0] * 1.03


def test_a_flow_map_keeps_bytes_as_widths_and_draws_inside_its_frame() -> None:
    made = layout(factory.hospital().flow_map)
    assert made.hidden_nodes > 0
    scale = made.ribbons[0].width / made.ribbons[0].bytes
    for ribbon in made.ribbons:
        if ribbon.width > 0.8:
            assert ribbon.width / ribbon.bytes == pytest.approx(scale, rel=0.1)
    for box in made.boxes:
        assert box.y >= 0
        assert box.y + box.height <= made.height
    by_layer: dict[int, list[tuple[float, float]]] = {}
    for box in made.boxes:
        by_layer.setdefault(box.layer, []).append((box.y, box.y + box.height))
    for spans in by_layer.values():
        spans.sort()
        assert all(a[1] <= b[0] for a, b in pairwise(spans)), "boxes overlap"


def test_a_flow_map_of_loops_and_ways_back_is_drawn() -> None:
    party = factory.party(1)
    nodes = tuple(MapNode(n, party, n % 3, 1.0, 1.0) for n in range(6))
    edges = (
        MapEdge(0, 1, 5.0, 1),
        MapEdge(1, 4, 5.0, 1),
        MapEdge(2, 0, 5.0, 1),
        MapEdge(1, 1, 5.0, 1),
        MapEdge(5, 2, 0.0, 1),
    )
    made = layout(FlowMap(nodes, edges))
    assert [ribbon.back for ribbon in made.ribbons].count(True) == 3
    assert made.hidden_edges == 1
    assert layout(FlowMap((), ())).boxes == ()


@pytest.mark.parametrize(
    ("lang", "said"), [("en", ["99,000", "150K", "20M"]), ("pt-BR", ["99.000", "150 mil", "20 mi"])]
)
def test_an_axis_has_room_for_many_communications(lang: str, said: list[str]) -> None:
    language = Language(lang, "UTC")
    told = [language.axis(value, "communications") for value in (99e3, 150e3, 20e6)]
    assert [text.replace("\xa0", " ") for text in told] == said
