"""Every number on a page is worked out anew from the report's JSON, by nothing of the project's.

Here are a parser of the page, a way to write numbers and the sums; what is imported makes the page.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from datetime import datetime, timedelta
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from pacsflow.cli import main
from pacsflow_reports import render_html
from reports import factory

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Page(HTMLParser):
    """The cells of a page's tables by the table's id, and the text outside of them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.outside: list[str] = []
        self.open: list[str] = []
        self.table, self.skipped = "", 0
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag in {"script", "style", "svg", "head"}:
            self.skipped += 1
        if tag == "table":
            self.table = dict(attributes)["id"] or ""
            self.tables[self.table] = []
        if tag == "tr" and self.table:
            self.tables[self.table].append([])
        if tag in {"td", "th"} and self.table:
            self.tables[self.table][-1].append("")
        if tag == "caption":
            self.skipped += 1

    def handle_endtag(self, tag: str) -> None:
        self.skipped -= tag in {"script", "style", "svg", "head", "caption"}
        if tag == "table":
            self.table = ""

    def handle_data(self, text: str) -> None:
        if self.skipped:
            return
        if self.table and self.tables[self.table]:
            self.tables[self.table][-1][-1] += text
        else:
            self.outside.append(text)


class Writes:
    """Numbers as a language writes them, by arithmetic of its own."""

    def __init__(self, tag: str, zone: str) -> None:
        self.point, self.group = (".", ",") if tag == "en" else (",", ".")
        self.zone = ZoneInfo(zone)

    def number(self, value: float | None, digits: int = 0) -> str:
        if value is None or math.isnan(value):
            return "–"
        text = f"{value:,.{digits}f}".replace("-", "−")
        return text.translate({ord(","): self.group, ord("."): self.point})

    def bytes(self, value: float | None) -> str:
        if value is None:
            return "–"
        exponent = 0
        while abs(value) / 1000**exponent >= 999.5:
            exponent += 1
        size = value / 1000**exponent
        digits = next(d for limit, d in ((99.95, 0), (9.995, 1), (0, 2)) if abs(size) >= limit)
        unit = ("B", "kB", "MB", "GB", "TB", "PB")[exponent]
        return f"{self.number(size, digits if exponent else 0)} {unit}"

    def amount(self, value: float, unit: str) -> str:
        if unit == "bytes":
            return self.bytes(value)
        return self.number(value, 0 if value >= 10 or value == int(value) else 1)

    def percent(self, value: float | None) -> str:
        if value is None:
            return "–"
        if 0 < value < 0.05:
            return f"< {self.number(0.1, 1)} %"
        if 99.5 <= value < 100:
            return f"{self.number(math.floor(value * 10) / 10, 1)} %"
        return f"{self.number(value, 0 if abs(value) >= 9.95 or value == 0 else 1)} %"

    def seconds(self, value: float | None) -> str:
        if value is None:
            return "–"
        if value < 60:
            return (
                f"{self.number(value, 0 if value >= 10 or not value else 1 if value >= 1 else 2)} s"
            )
        whole = round(value)
        units = ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s"))
        size, name, small, lesser = next(u for u in units if whole >= u[0])
        rest = whole % size // small
        return f"{self.number(whole // size)} {name}" + (f" {rest} {lesser}" if rest else "")

    def elapsed(self, value: float | None) -> str:
        if value is None or value >= 1:
            return self.seconds(value)
        return f"{self.number(1000 * value, 0 if value >= 0.01 else 1)} ms"

    def change(self, now: float, before: float | None, new: str) -> str:
        if not before:
            return new if before == 0 and now else "–"
        if now / before >= 10:
            return f"× {self.number(now / before)}"
        share = 100 * (now / before - 1)
        return "± 0 %" if abs(share) < 0.5 else f"{'+' if share > 0 else ''}{self.number(share)} %"


def plain(text: str) -> str:
    """Return a text with one kind of blank and without what stands beside a name in small."""
    return " ".join(text.replace("\u2009", "").replace("*", "").split())


def estimated(write: Writes, total: dict[str, Any]) -> str:
    text = write.bytes(total["value"])
    if total["lower"] is None:
        return text
    low, high = write.bytes(total["lower"]), write.bytes(total["upper"])
    if low.split()[-1] == high.split()[-1]:
        low = low.split()[0]
    return f"{text} {'0' if not total['lower'] else low}–{high}"


def forecast_sum(write: Writes, curve: dict[str, Any] | None) -> str:
    band = curve and curve["forecast"]
    return write.amount(sum(band["mean"]), curve["observed"]["unit"]) if band else "–"


def expected(r: dict[str, Any], write: Writes, new: str) -> dict[str, list[list[str | None]]]:
    """Return what the number cells of each table must say; None for what is no number."""
    pct, num = write.percent, write.number
    made: dict[str, list[list[str | None]]] = {}
    for key, ranking in (("top-is", "imaging_senders"), ("top-ir", "imaging_receivers"),
                         ("top-s", "senders"), ("top-r", "receivers")):  # fmt: skip
        rows = [
            [None, None, estimated(write, x["bytes"]), pct(x["percent_bytes"]),
             write.change(x["bytes"]["value"], x["previous_bytes"], new),
             f"{num(x['communications'])} {pct(x['percent'])}"]
            for x in r[ranking]["rows"]
        ]  # fmt: skip
        total = r[ranking]
        rows.append([None, write.bytes(total["total_bytes"]), pct(100), None,
                     f"{num(total['total_communications'])} {pct(100)}"])  # fmt: skip
        made[key] = rows
    made["top-p"] = [
        [None, None, None, estimated(write, x["bytes"]), pct(x["percent_bytes"]),
         f"{num(x['communications'])} {pct(x['percent'])}"]
        for x in r["pairs"]["rows"]
    ]  # fmt: skip
    made["pacs-table"] = [
        [None, None, estimated(write, f["bytes_in"]),
         write.change(f["bytes_in"]["value"], f["previous_bytes_in"], new),
         forecast_sum(write, f["curve_in"]), estimated(write, f["bytes_out"]),
         write.change(f["bytes_out"]["value"], f["previous_bytes_out"], new),
         forecast_sum(write, f["curve_out"]), None, None]
        for f in r["pacs"]
    ]  # fmt: skip
    made["modalities-table"] = [
        [None, num(m["devices"]), estimated(write, m["bytes"]), pct(m["percent_bytes"]),
         write.change(m["bytes"]["value"], m["previous_bytes"], new),
         num(m["communications"]), forecast_sum(write, m["curve"])]
        for m in r["modalities"]
    ]  # fmt: skip
    if a := r["associations"]:
        for key, name in (("a-results", "results"), ("a-ends", "ends"), ("a-ops", "operations"),
                          ("a-rsp", "responses"), ("a-codes", "failure_codes"),
                          ("a-services", "services"), ("a-ts", "transfer_syntaxes"),
                          ("a-flags", "flags")):  # fmt: skip
            made[key] = [[None, pct(c["percent"]), num(c["count"])] for c in a[name][:14]]
        made["a-pairs"] = [
            [None] * 4 + [num(x["associations"]), num(x["rejected"]), num(x["aborted"]),
             num(x["objects"]), num(x["failures"]), write.bytes(x["bytes"]),
             write.seconds(x["median_seconds"])]
            for x in a["pairs"]
        ]  # fmt: skip
        made["a-notable"] = [
            [None] * 6 + [write.seconds(x["seconds"]), write.bytes(x["bytes"]), num(x["failures"])]
            + [x["uid"]]
            for x in a["notable"]
        ]  # fmt: skip
    names = {n["id"]: n["party"] for n in r["flow_map"]["nodes"]}
    made["map-table"] = [
        [None, None, write.bytes(e["bytes"]), num(e["communications"])]
        for e in r["flow_map"]["edges"] if {e["source"], e["target"]} <= names.keys()
    ]  # fmt: skip
    made["software-table"] = [[None, s["impl_uid"], num(len(s["parties"]))] for s in r["software"]]
    return made


def more_expected(r: dict[str, Any], write: Writes) -> dict[str, list[list[str | None]]]:
    """Return the same of the tables of speed, equipment, forecasts, inputs and hours."""
    num, size = write.number, write.bytes
    made: dict[str, list[list[str | None]]] = {}
    order = {"new": 0, "silent": 1, "unseen": 2}
    equipment = sorted(
        r["equipment"], key=lambda e: (order.get(e["state"], 3), -(e["bytes_in"] + e["bytes_out"]))
    )
    made["equipment-table"] = [
        [None] * 7 + [size(e["bytes_in"]), size(e["bytes_out"]), num(e["peers"])] for e in equipment
    ]
    files = sorted(
        r["coverage"]["files"], key=lambda f: (not f["problem"], not f["unreadable_rows"])
    )
    made["files-table"] = [
        [None, None, size(f["size_bytes"]), num(f["rows"]), num(f["unreadable_rows"])]
        for f in files
    ]
    gaps = [(gap["start"], gap["hours"]) for gap in r["coverage"]["gaps"]]
    gaps += [(gap["start"], gap["hours"]) for view in r["sensors"] for gap in view["silences"]]
    made["gaps-table"] = [[None, None, num(hours)] for _, hours in sorted(gaps)]
    made["heat-table"] = hours_of_day(r["heat_map"]["cells"], lambda v: write.amount(v, "bytes"))
    whole = r["coverage"]["hours_expected"]
    made["sensors-table"] = [
        [None, f"{num(s['hours'])} / {num(whole)}", None, size(s["bytes"]), size(s["alone"]),
         size(s["shared"]), None, None, num(s["alone_hosts"])]
        for s in r["sensors"]
    ]  # fmt: skip
    made["forecast-table"] = forecast_rows(r, write)
    made["capacity-table"] = [
        [None, None, size(c["capacity_bytes_per_hour"]), size(c["peak_bytes_per_hour"]),
         write.percent(100 * c["peak_bytes_per_hour"] / c["capacity_bytes_per_hour"])]
        for c in r["capacity"] if c["capacity_bytes_per_hour"]
    ]  # fmt: skip
    return made | speed_rows(r, write)


def hours_of_day(
    cells: list[list[float | None]], said: Callable[[float], str]
) -> list[list[str | None]]:
    return [
        [f"{h:02}:00", *("–" if day[h] is None else said(day[h]) for day in cells)]  # type: ignore[arg-type]
        for h in range(24)
    ]


def forecast_rows(r: dict[str, Any], write: Writes) -> list[list[str | None]]:
    curves = [r["imaging"]] if r["totals"]["imaging_bytes"]["value"] > 0 else []
    curves += [r["traffic"], r["communications"]]
    curves += [flow[way] for flow in r["pacs"] for way in ("curve_in", "curve_out")]
    curves += [m["curve"] for m in r["modalities"] if m["curve"]]
    made: list[list[str | None]] = []
    for curve in curves:
        if curve["forecast"] or curve["reason"]:
            mean, unit = (curve["forecast"] or {"mean": []})["mean"], curve["observed"]["unit"]
            ahead = [write.amount(f(mean), unit) if mean else "–" for f in (sum, max)]
            errors = [write.number(curve[key], 2) for key in ("mase", "mase_naive168")]
            held = curve["coverage95"]
            inside = write.percent(None if held is None else 100 * held)
            made.append([None, None, *ahead, *errors, inside])
    return made


def speed_rows(r: dict[str, Any], write: Writes) -> dict[str, list[list[str | None]]]:
    if not (s := r["speed"]):
        return {}
    num, ms = write.number, write.elapsed
    weeks = [n for n in range(4) if any(a["before"][n] is not None for a in s["answers"])]
    rate = lambda v: "–" if v is None else num(v * 8 / 1e6, 1)  # noqa: E731
    return {
        "speed-table": [
            [None, a["operation"], ms(a["median"]["value"]), ms(a["high"]["value"]),
             *(ms(a["before"][n]) for n in weeks), ms(a["first"]), num(a["timed"])]
            for a in s["answers"]
        ],
        "speed-pairs": [
            [None, None, a["operation"], ms(a["median"]["value"]), ms(a["high"]["value"]),
             num(a["timed"])]
            for a in s["pairs"]
        ],
        "speed-senders": [
            [None, num(m["objects"]), rate(m["rate"]), rate(m["before"])] for m in s["senders"]
        ],
        "speed-encrypted": [
            [None, None, num(e["connections"]), rate(e["rate"]), ms(e["setup"]),
             ms(e["round_trip"])]
            for e in s["encrypted"]
        ],
        "speed-open": [
            [None, num(o["most"]), num(o["before"]), num(o["hours_at_most"])]
            for o in s["open_at_once"]
        ],
        "speed-heat-table": hours_of_day(s["hours"], ms),
    }  # fmt: skip


def days(write: Writes, curve: dict[str, Any]) -> dict[str, list[float]]:
    """Return what was seen of each day of the site's clock."""
    start = datetime.fromisoformat(curve["observed"]["start"])
    sums: dict[str, list[float]] = {}
    for hour, seen in enumerate(curve["observed"]["values"]):
        day = f"{(start + timedelta(hours=hour)).astimezone(write.zone):%d}".lstrip("0")
        sums.setdefault(day, []).extend([] if seen is None else [seen])
    return sums


def check_days(r: dict[str, Any], write: Writes, tables: dict[str, list[list[str]]]) -> None:
    for number, flow in enumerate(r["pacs"], 1):
        rows = [[plain(c) for c in row] for row in tables[f"p{number}-table"][1:]]
        for cell, way in ((1, "curve_in"), (4, "curve_out")):
            for row, (day, seen) in zip(rows, days(write, flow[way]).items(), strict=False):
                assert day in row[0].split()
                assert row[cell] == (write.bytes(sum(seen)) if seen else ""), (number, way, row)


def curve_hours(write: Writes, curve: dict[str, Any]) -> list[list[str]]:
    """Return the cells of seen and week before behind a chart of a week."""
    unit = curve["observed"]["unit"]
    start = datetime.fromisoformat(curve["observed"]["start"])
    before = curve["previous"]["values"] if curve["previous"] else []
    rows = []
    for hour, seen in enumerate(curve["observed"]["values"]):
        local = (start + timedelta(hours=hour)).astimezone(write.zone)
        was = before[hour] if hour < len(before) else None
        rows.append([f"{local:%H:%M}", write.amount(seen, unit) if seen is not None else None,
                     "" if was is None else write.amount(was, unit)])  # fmt: skip
    return rows


def check(r: dict[str, Any], page: str, tag: str) -> None:
    write, found = Writes(tag, r["zone"]), Page(page)
    alone = r["totals"]["imaging_bytes"]["value"] >= 0.95 * r["totals"]["bytes"]["value"]
    known = expected(r, write, "new" if tag == "en" else "novo") | more_expected(r, write)
    for key, rows in known.items():
        if key in found.tables:
            check_table(key, rows, [[plain(c) for c in row] for row in found.tables[key][1:]])
        else:
            without = len(rows) <= key.startswith("top-")  # but for the line of totals
            without |= key.endswith("heat-table") and not any({*row[1:]} - {"–"} for row in rows)
            without |= key == "heat-table" and not r["totals"]["imaging_bytes"]["value"]
            assert without or (alone and key in {"top-s", "top-r"}), key
    check_days(r, write, found.tables)
    for key in ("imaging", "traffic", "communications"):
        rows = found.tables.get(f"{key}-table", [])[1:]
        for (clock, seen, was), row in zip(curve_hours(write, r[key]), rows, strict=False):
            assert row[0].endswith(clock)
            assert seen is None or plain(row[1]) == plain(seen)
            assert plain(row[2]) == plain(was)
    text = plain(" ".join(found.outside))
    for told in figures(r, write):
        assert plain(told) in text, told


def check_table(key: str, rows: list[list[str | None]], said: list[list[str]]) -> None:
    if key == "map-table":  # listed as drawn: of a large hospital not all
        cells = Counter(tuple(row[2:]) for row in said)
        assert not cells - Counter(tuple(plain(cell or "") for cell in row[2:]) for row in rows)
        return
    assert len(said) >= min(len(rows), 100), key
    for row, told in zip(rows[:100], said, strict=False):
        assert len(told) >= len(row)
        for cell, text in zip(row, told, strict=False):
            assert cell is None or plain(cell) == text, (key, row, told)


def figures(r: dict[str, Any], write: Writes) -> list[str]:
    """Return the numbers that stand outside of tables."""
    totals, coverage = r["totals"], r["coverage"]
    severities = Counter(finding["severity"] for finding in r["findings"])
    hours = [write.number(coverage[name]) for name in ("hours_with_data", "hours_expected")]
    made = [
        estimated(write, totals["bytes"]), estimated(write, totals["imaging_bytes"]),
        write.number(totals["communications"]["value"]), write.number(totals["hosts"]),
        write.number(totals["imaging_hosts"]), write.number(coverage["rows"]),
        write.bytes(coverage["missed_bytes"]), " / ".join(hours),
        *map(write.number, severities.values()),
    ]  # fmt: skip
    if a := r["associations"]:
        made += [write.number(a["total"]), write.number(a["objects"])]
        made += [write.seconds(a["seconds_median"]), write.seconds(a["seconds_p95"])]
    return made


@pytest.mark.few(1)
@pytest.mark.parametrize("tag", ["en", "pt-BR"])
@pytest.mark.parametrize("kind", ["hospital", "small", "sampled", "no_dicom", "one_row"])
def test_a_made_up_weeks_numbers(kind: str, tag: str) -> None:
    report = factory.ALL[kind]()
    told = orjson.loads(orjson.dumps(report))
    check(told, render_html(report, lang=tag), tag)


WRONG: list[Callable[[Any], object]] = [
    lambda r: r["imaging_senders"]["rows"][1]["bytes"].update(value=1),
    lambda r: r["pacs"][0].update(previous_bytes_out=5.0),
    lambda r: r["modalities"][0]["curve"]["forecast"]["mean"].append(1e15),
    lambda r: r["associations"]["results"][0].update(count=7),
    lambda r: r["associations"]["pairs"][0].update(median_seconds=77.0),
    lambda r: r["imaging"]["observed"]["values"].__setitem__(30, 12345.0),
    lambda r: r["coverage"].update(missed_bytes=4321),
    lambda r: r["software"][0]["parties"].append({}),
    lambda r: r["equipment"][3].update(peers=999),
    lambda r: r["coverage"]["files"][0].update(rows=31),
    lambda r: r["heat_map"]["cells"][2].__setitem__(9, 77e9),
    lambda r: r["pacs"][1]["curve_in"].update(mase=0.123),
    lambda r: r["pacs"][1]["curve_out"]["observed"]["values"].__setitem__(40, 9e12),
    lambda r: r["speed"]["answers"][0]["high"].update(value=0.777),
    lambda r: r["speed"]["pairs"][0].update(timed=31),
    lambda r: r["speed"]["senders"][0].update(rate=9e9),
    lambda r: r["speed"]["open_at_once"][0].update(most=777),
    lambda r: r["speed"]["encrypted"][1].update(rate=7.7e6),
    lambda r: r["speed"]["hours"][1].__setitem__(3, 7.7),
    lambda r: r["capacity"][-1].update(peak_bytes_per_hour=7e9),
]


@pytest.mark.few(1)
@pytest.mark.parametrize("spoil", WRONG)
def test_a_wrong_number_is_found(spoil: Callable[[Any], object]) -> None:
    report = factory.hospital(pacs=4, hosts=60)
    told = orjson.loads(orjson.dumps(report))
    page = render_html(report)
    check(told, page, "en")
    spoil(told)
    with pytest.raises(AssertionError):
        check(told, page, "en")


@pytest.mark.thorough
def test_the_demos_numbers(
    hospital_logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["ingest", str(hospital_logs), "--ledger", str(tmp_path / "book")])
    known = str(hospital_logs / "inventory.tsv")
    asked = ["report", "--ledger", str(tmp_path / "book"), "-i", known, "--site-tz",
             "America/Sao_Paulo", "--no-forecast"]  # fmt: skip
    main([*asked, "-f", "json", "-o", str(tmp_path / "week.json")])
    told = json.loads((tmp_path / "week.json").read_text())
    for tag in ("en", "pt-BR"):
        main([*asked, "--lang", tag, "-o", str(tmp_path / "week.html")])
        check(told, (tmp_path / "week.html").read_text(), tag)
    assert told["totals"]["imaging_bytes"]["value"] > 1e9
    capsys.readouterr()
