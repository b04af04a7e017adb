"""Given these logs, this report: totals, weeks, gaps, roles, and what is said of too little."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from tests.wireshark import pieces

from conftest import CAPTURES, json_log, tsv
from pacsflow.errors import UsageError
from pacsflow.ledger import Ledger
from pacsflow.readers import find
from pacsflow.report.build import build_report
from pacsflow.report.options import Options
from pacsflow.terms.message import count, message
from pacsflow.week.period import latest_week, parse_week, week_of
from pacsflow.words.codes import words
from pacsflow.words.language import Language
from pacsflow_reports import render_digest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pacsflow.report.weekly import WeeklyReport

    Write = Callable[[str, str | bytes], Path]
T0 = 1772409600
"""Monday 2026-03-02 00:00 UTC."""
HOUR = 3600


def report_of(path: Path, **options: Any) -> WeeklyReport:
    with Ledger.temporary() as ledger:
        ledger.add(find([path]).sources)
        return build_report(ledger, None, Options(**{"forecasts": False, **options}))


def digest_of(report: WeeklyReport) -> str:
    return " ".join(render_digest(report).split())


def hourly(weeks: int, skip: range = range(0), **row: Any) -> str:
    return json_log(
        [
            {"uid": f"C{h}", "ts": float(T0 + h * HOUR), **row}
            for h in range(weeks * 168)
            if h not in skip
        ]
    )


def test_totals_and_the_week_before(write: Write) -> None:
    made = report_of(write("conn.log", hourly(2)))
    assert (made.week, made.first_day) == ("2026-W11", date(2026, 3, 9))
    assert made.totals.bytes.value == 168 * 1820
    assert made.totals.previous_bytes == 168 * 1820
    assert made.totals.imaging_communications.value == 168
    assert made.totals.hosts == 2
    assert made.coverage.hours_with_data == made.coverage.hours_expected == 168
    assert made.coverage.gaps == ()


def test_gaps_are_named_and_are_not_zeros(write: Write) -> None:
    made = report_of(write("conn.log", hourly(1, skip=range(50, 55))))
    (gap,) = made.coverage.gaps
    assert gap.hours == 5
    assert gap.start == datetime(2026, 3, 4, 2, tzinfo=UTC)
    assert made.imaging.observed.values[49:56] == (1820.0, None, None, None, None, None, 1820.0)
    assert [f.rule for f in made.findings] == ["sensor-gap"]


def test_the_week_is_the_sites_own(write: Write) -> None:
    made = report_of(write("conn.log", hourly(2)), zone="America/Sao_Paulo", week="2026-W10")
    assert made.start == datetime(2026, 3, 2, 3, tzinfo=UTC)
    assert made.end == datetime(2026, 3, 9, 3, tzinfo=UTC)
    assert made.heat_map.zone == "America/Sao_Paulo"
    assert made.totals.bytes.value == 168 * 1820


def test_daylight_saving_makes_weeks_of_167_and_169_hours() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    spring, autumn = parse_week("2026-03-25", berlin), parse_week("2026-10-25", berlin)
    assert (spring.end - spring.start).total_seconds() == 167 * HOUR
    assert (autumn.end - autumn.start).total_seconds() == 169 * HOUR


def test_the_latest_week_with_enough_data_is_taken() -> None:
    start = datetime(2026, 3, 2, tzinfo=UTC).timestamp()
    hours = [datetime.fromtimestamp(start + h * HOUR, UTC) for h in range(168 + 20)]
    week = latest_week(hours, ZoneInfo("UTC"))
    assert week is not None
    assert week.name == "2026-W10"
    week = latest_week(hours[:5], ZoneInfo("UTC"))
    assert week is not None
    assert week.name == "2026-W10"
    assert latest_week([], ZoneInfo("UTC")) is None
    assert week_of(hours[0], ZoneInfo("America/Sao_Paulo")).name == "2026-W09"


@pytest.mark.parametrize("text", ["2026-W54", "monday", "2026-13-01", ""])
def test_weeks_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="is no week"):
        parse_week(text, ZoneInfo("UTC"))


def test_roles_from_traffic_are_marked_as_guesses(write: Write) -> None:
    rows = [
        {"uid": "C1", "ts": float(T0), "id.orig_h": "10.0.0.1", "orig_ip_bytes": 10**6},
        {"uid": "C2", "ts": T0 + 1.0, "id.orig_h": "10.0.0.3", "orig_ip_bytes": 10**6},
        {"uid": "C3", "ts": T0 + 2.0, "id.orig_h": "10.0.0.4", "resp_ip_bytes": 10**7},
    ]
    made = report_of(write("conn.log", json_log(rows)))
    roles = {e.party.address: (e.party.role, e.party.basis) for e in made.equipment}
    assert roles == {
        "10.0.0.2": ("pacs", "traffic"),
        "10.0.0.1": ("modality", "traffic"),
        "10.0.0.3": ("modality", "traffic"),
        "10.0.0.4": ("workstation", "traffic"),
    }
    (pacs,) = made.pacs
    assert pacs.bytes_in.value == 2 * 10**6 + 1400
    assert pacs.bytes_out.value == 10**7 + 840


def test_origins_are_not_added_up(write: Write, tmp_path: Path) -> None:
    write("a/conn.log", hourly(1))
    csv = (
        "Time,Protocol,Source,Destination,Length\n2026-03-02 01:00:00,DICOM,10.0.0.1,10.0.0.2,99\n"
    )
    write("a/frames.csv", csv)
    made = report_of(tmp_path / "a")
    assert made.totals.bytes.value == 168 * 1820
    assert "other-origins" in {note.key for note in made.coverage.notes}
    other = report_of(tmp_path / "a", origin="capture")
    assert other.totals.bytes.value == 99


def test_new_and_silent_equipment(write: Write) -> None:
    old = [
        {"uid": f"O{h}", "ts": float(T0 + h * HOUR), "id.orig_h": "10.0.0.7"} for h in range(168)
    ]
    base = [{"uid": f"B{h}", "ts": float(T0 + h * HOUR)} for h in range(336)]
    new = [{"uid": "N", "ts": float(T0 + 200 * HOUR), "id.orig_h": "10.0.0.9"}]
    made = report_of(write("conn.log", json_log([*old, *base, *new])))
    states = {e.party.address: e.state for e in made.equipment}
    assert states == {
        "10.0.0.9": "new",
        "10.0.0.7": "silent",
        "10.0.0.1": "active",
        "10.0.0.2": "active",
    }
    assert {f.rule for f in made.findings} == {"device-new", "device-silent"}


def test_equipment_is_first_seen_in_an_hour_also_where_a_log_knows_the_moment(
    write: Write,
) -> None:
    write("a/conn.log", json_log([{"uid": "A", "ts": T0 + 5 * HOUR + 7.0}]))
    known = {"ts": T0 + 2 * HOUR + 1234.9, "host": "10.0.0.2", "services": ["storage"]}
    made = report_of(write("a/known_dicom.log", json.dumps(known) + "\n").parent)
    first = {e.party.address: e.first_seen for e in made.equipment}
    assert first == {
        "10.0.0.1": datetime.fromtimestamp(T0 + 5 * HOUR, UTC),
        "10.0.0.2": datetime.fromtimestamp(T0 + 2 * HOUR, UTC),
    }


def test_why_an_association_is_worth_a_look_has_words_in_each_language(write: Write) -> None:
    odd = [
        {"result": "rejected"},
        {"result": "no_reply"},
        {"result": "accepted", "end": "aborted"},
        {"result": "accepted", "end": "released", "rsp_failure": 1},
        {"result": "accepted", "end": "released", "flags": ["malformed"]},
        {"result": "accepted", "end": "released", "duration": 1e5},
    ]
    rows = [
        {"ts": float(T0 + n), "uid": f"C{n}", "id.orig_h": "10.0.0.1", "id.orig_p": 40000,
         "id.resp_h": "10.0.0.2", "id.resp_p": 104, **row}
        for n, row in enumerate(odd)
    ]  # fmt: skip
    write("a/dicom.log", "".join(json.dumps(row) + "\n" for row in rows))
    made = report_of(write("a/conn.log", hourly(1)).parent)
    assert made.associations is not None
    why = {row.why for row in made.associations.notable}
    assert len(why) == len(odd)
    portuguese = words(Language("pt-BR"))
    assert [code for code in why if portuguese(code) == code] == []


def test_missed_bytes_show_next_to_the_totals(write: Write) -> None:
    made = report_of(write("conn.log", json_log([{"ts": float(T0), "missed_bytes": 5000}])))
    assert made.coverage.missed_bytes == 5000
    assert "loss-high" in {f.rule for f in made.findings}


@pytest.mark.usefixtures("tshark")
def test_what_captures_miss_shows_next_to_the_totals(tmp_path: Path) -> None:
    """Frames that are not there say nothing of themselves, the associations do."""
    frames = pieces.read(CAPTURES / "networks" / "base.pcap")
    made = report_of(pieces.write(tmp_path / "capture.pcap", [*frames[:120], *frames[160:]]))
    assert made.associations is not None
    assert made.coverage.missed_bytes > 30_000
    (loss,) = (f for f in made.findings if f.rule == "loss-high")
    assert loss.rows


def test_too_short_a_history_says_what_is_there_and_what_is_needed(write: Write) -> None:
    made = report_of(write("conn.log", hourly(1, skip=range(20, 168))), forecasts=True)
    assert made.imaging.forecast is None
    assert made.imaging.reason == message("too-few-hours", there=count(20), needed=count(168))


def test_no_imaging_and_no_dicom_log(write: Write) -> None:
    made = report_of(write("conn.log", hourly(1, service="http", **{"id.resp_p": 80})))
    assert made.totals.imaging_bytes.value == 0
    assert made.associations is None
    assert made.pacs == ()
    assert {s.area: s.status.value for s in made.status}["pacs"] == "unknown"


def test_dicom_log_alone_has_its_own_week(write: Write) -> None:
    row = f'{{"_path": "dicom", "ts": {T0 + HOUR}.5, "id.orig_h": "10.0.0.1", "uid": "C1", '
    row += '"id.resp_h": "10.0.0.2", "calling_ae": "CT1", "result": "accepted"}\n'
    made = report_of(write("dicom.log", row))
    assert made.week == "2026-W10"
    assert made.associations is not None
    assert [(f.rows, f.unreadable_rows) for f in made.coverage.files] == [(1, 0)]


def test_unreadable_rows_are_in_the_report(write: Write) -> None:
    made = report_of(write("conn.log", tsv([{"ts": f"{T0}.0"}, {"ts": "noon"}])))
    assert made.coverage.unreadable_rows == 1
    assert made.coverage.files[0].examples[0].startswith("line 10: ts: expected a time")


def test_a_capture_is_named_where_a_program_is_to_blame(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without tshark two captures are two rows of what was not read, each with its name."""
    monkeypatch.setenv("PACSFLOW_TSHARK", "/nowhere/tshark")
    captures = [write(f"{name}.pcap", b"\xd4\xc3\xb2\xa1" + bytes(36)) for name in "ab"]
    with Ledger.temporary() as ledger:
        added = ledger.add(find([write("conn.log", tsv([{}])), *captures]).sources)
        for problems in (added.problems, ()):
            made = build_report(ledger, None, Options(forecasts=False), problems=problems)
            unread = [f for f in made.coverage.files if f.kind == "not read"]
            assert [f.name for f in unread] == ["a.pcap", "b.pcap"]
            assert all(f.problem.startswith("/nowhere/tshark was not found") for f in unread)


def test_the_demo_is_told_as_it_was_simulated(hospital_logs: Path) -> None:
    """The whole way on a small hospital: the story that was simulated is the one reported."""
    found = find([hospital_logs])
    with Ledger.temporary() as ledger:
        added = ledger.add(found.sources, simulated=found.simulated)
        made = build_report(ledger, None, Options(forecasts=False, zone="America/Sao_Paulo"))
    assert added.problems == ()
    assert made.provenance.simulated
    assert made.coverage.unreadable_rows == 0
    assert any(f.rule == "device-new" for f in made.findings)


def test_a_burst_that_was_not_forecast_is_a_finding(write: Write) -> None:
    """Three weeks alike, then one hour with a hundred times as much: traffic deserves a look."""
    rows = [
        {"uid": f"C{h}", "ts": float(T0 + h * HOUR), "orig_ip_bytes": 10**6 * (1 + h % 24)}
        for h in range(4 * 168)
    ]
    rows[3 * 168 + 60]["orig_ip_bytes"] = 10**9
    made = report_of(write("conn.log", json_log(rows)), forecasts=True)
    (finding,) = [f for f in made.findings if f.area == "traffic"]
    assert finding.rule == "traffic-above"
    assert finding.start == datetime(2026, 3, 25, 12, tzinfo=UTC)
    assert {s.area: s.status.value for s in made.status}["traffic"] == "look"


def test_a_few_hours_of_the_week_before_are_nothing_to_compare_with(write: Write) -> None:
    for before, told in ((2, None), (84, 84 * 140_420)):
        rows: list[dict[str, Any]] = [
            {"uid": f"C{h}", "ts": float(T0 + h * HOUR), "orig_ip_bytes": 140_000}
            for h in range(168 - before, 336)
        ]
        rows[-1]["orig_ip_bytes"] = 2_000_000
        made = report_of(write(f"{before}/conn.log", json_log(rows)), week="2026-W11")
        assert made.totals.previous_bytes == told
        assert made.imaging_senders.rows[0].previous_bytes == (told and 84 * 140_000)
        assert made.pacs[0].previous_bytes_in == (told and 84 * 140_000)


def test_hosts_asked_for_together_are_what_they_are_alone(write: Write) -> None:
    """Sums, hours and peers of two PACS against those of the ledger's rows, one by one."""
    rows = [
        {"uid": f"C{h}-{n}", "ts": float(T0 + h * HOUR), "id.orig_h": f"10.0.0.{n}",
         "id.resp_h": f"10.0.1.{1 + (n + h) % 2}", "orig_ip_bytes": 100_000 * n + h}
        for h in range(336) for n in (3, 4, 5)
    ]  # fmt: skip
    made = report_of(write("conn.log", json_log(rows)))
    assert {flow.party.address for flow in made.pacs} == {"10.0.1.1", "10.0.1.2"}
    for flow in made.pacs:
        mine = [r for r in rows if r["id.resp_h"] == flow.party.address]
        week = [r for r in mine if r["ts"] >= T0 + 168 * HOUR]
        assert flow.bytes_in.value == sum(int(str(r["orig_ip_bytes"])) for r in week)
        assert flow.bytes_out.value == 420 * len(week)
        assert flow.previous_bytes_out == 420 * (len(mine) - len(week))
        hours = [0.0] * 168
        for r in week:
            hours[int((float(str(r["ts"])) - T0) // HOUR) - 168] += float(str(r["orig_ip_bytes"]))
        assert flow.curve_in.observed.values == tuple(hours)
        most = max({str(r["id.orig_h"]) for r in week}, key=lambda host: sum(
            int(str(r["orig_ip_bytes"])) for r in week if r["id.orig_h"] == host))  # fmt: skip
        assert flow.senders[0].party.address == most
        assert len(flow.senders) == len({r["id.orig_h"] for r in week})


def test_of_very_many_hosts_the_map_draws_the_largest_connections(write: Write) -> None:
    rows = [
        {"uid": f"C{n}", "ts": float(T0 + n), "id.orig_h": f"10.1.{n // 250}.{n % 250}",
         "id.resp_h": f"10.2.{n // 250}.{n % 250}", "orig_ip_bytes": 1000 + n}
        for n in range(300)
    ]  # fmt: skip
    drawn = report_of(write("conn.log", json_log(rows))).flow_map
    assert len(drawn.nodes) == 60
    assert {n.party.address for n in drawn.nodes} >= {"10.1.1.49", "10.2.1.49"}
    assert len({(e.source, e.target) for e in drawn.edges}) == 60
    assert drawn.omitted_nodes == 540


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("broken", "missing", "reason"),
    [("", range(0), "nothing-unusual"), ("{broken\n", range(0), "rows-unreadable"),
     ("", range(60, 61), "finding")],
)  # fmt: skip
def test_data_are_good_where_nothing_lacks(
    write: Write, broken: str, missing: range, reason: str
) -> None:
    made = report_of(write("conn.log", hourly(1, skip=missing) + broken))
    assert made.status[-1].reason == reason
    assert (made.status[-1].status.value == "good") is (reason == "nothing-unusual")
    good = {state.reason for state in made.status if state.status.value == "good"}
    assert ("nothing-unusual-seen" in good) is (len(missing) > 0)
    assert ("nothing is known of 1 of its 168 hours" in digest_of(made)) is (len(missing) > 0)


def test_of_a_week_that_nobody_saw_nothing_is_said_to_have_changed(write: Write) -> None:
    path = write("conn.log", hourly(5))
    made = report_of(path, week="2026-W15", forecasts=True)
    assert made.coverage.hours_with_data == 0
    assert {item.state for item in made.equipment} == {"unseen"}
    assert [f.rule for f in made.findings] == ["sensor-gap"]
    told = digest_of(made)
    assert "Nothing to compare" in told
    assert "stayed within reach" not in told
    assert "fell silent" not in told


def test_in_a_week_that_was_seen_for_a_day_nobody_fell_silent(write: Write) -> None:
    other = {"id.orig_h": "10.0.0.7", "id.orig_p": 9}
    path = write("conn.log", hourly(5, skip=range(4 * 168 + 24, 5 * 168)))
    write("conn2.log", hourly(4, **other).replace('"C', '"D'))
    made = report_of(path.parent, week="2026-W14")
    states = {item.party.address: item.state for item in made.equipment}
    assert states["10.0.0.7"] == "unseen"
    assert not any(f.rule == "device-silent" for f in made.findings)


def test_lists_tell_how_many_they_leave_out(write: Write) -> None:
    titles = [f"CT{n}" for n in range(30)]
    rows = [
        {"ts": float(T0 + n), "uid": f"D{n}", "calling_ae": title, "called_ae": "PACS",
         "result": "rejected", "end": "closed"}
        for n, title in enumerate(titles)
    ]  # fmt: skip
    write("conn.log", hourly(1))
    made = report_of(write("dicom.log", json_log(rows)).parent).associations
    assert made
    assert (len(made.pairs), made.other_pairs) == (25, 5)
    assert (len(made.notable), made.other_notable) == (20, 10)
