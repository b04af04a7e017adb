"""Rules of equipment that fell silent within the week: runs, and what is told of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from findings.a_week import CT, OTHER, PACS, VIEWER, Row, a_week, at, conn, hour, in_full, shown
from pacsflow.findings import interruptions
from pacsflow.findings.interruptions import Run, longest_run, unusual_run
from pacsflow.inventory import Inventory, Item
from pacsflow.terms.party import Party

if TYPE_CHECKING:
    from pacsflow.findings.finding import Finding


def week(signs: str) -> list[bool | None]:
    """Return a week of so many parts: ``#`` active, ``.`` silent, blank unseen."""
    return [{"#": True, ".": False, " ": None}[sign] for sign in signs]


@pytest.mark.parametrize(
    ("now", "others", "run"),
    [
        ("#..#.", ["#####", "#####"], Run(2, 1, 2, False)),
        ("#.#..", ["#####", "#####"], Run(2, 3, 4, True)),
        ("#..#..", ["######", "######"], Run(2, 1, 2, False)),
        ("#..#...", ["#######", "#######"], Run(3, 4, 6, True)),
        ("#.....", ["##.###", "######"], Run(4, 1, 5, True)),
        ("#.....", ["## ###", "######"], Run(4, 1, 5, True)),
        ("#. ..#", ["######", "######"], Run(3, 1, 4, False)),
        ("#..", ["###"], Run(0, 0, 0, False)),
        ("#..", ["###", "#"], Run(0, 0, 0, False)),
        ("###", ["###", "###"], Run(0, 0, 0, False)),
        ("...", ["###", "###"], Run(3, 0, 2, True)),
        ("..##", ["####", "####"], Run(2, 0, 1, False)),
    ],
)
def test_the_longest_run_of_silence(now: str, others: list[str], run: Run) -> None:
    assert longest_run(week(now), [week(other) for other in others]) == run


def test_how_many_weeks_must_have_been_seen() -> None:
    assert longest_run(week("#.."), [week("###")], least=1) == Run(2, 1, 2, True)
    assert longest_run(week("#.."), [], least=1) == Run(0, 0, 0, False)


@pytest.mark.parametrize(
    ("weeks", "least", "run"),
    [
        (["#..#", "####", "####"], 2, Run(2, 1, 2, False)),
        (["#..#", "####", "####"], 3, None),
        (["#..#", "####"], 2, None),
        (["#..#", "####", "    "], 2, None),
        (["#..#", "#..#", "####", "####"], 1, None),
        (["#...", "#..#", "####", "####"], 1, None),
        (["#...", "##.#", "####", "####"], 2, Run(2, 1, 3, True)),
        (["...#", "####", "####", "#.##"], 2, Run(2, 0, 2, False)),
        (["#..#", "..##", "####", "##.."], 1, None),
        (["##...####", "#####....", "#####    ", "#####    "], 3, Run(3, 2, 4, False)),
    ],
)
def test_a_run_is_unusual_where_none_before_was_as_long(
    weeks: list[str], least: int, run: Run | None
) -> None:
    assert unusual_run([week(signs) for signs in weeks], least) == run


COVER = range(-24 * 28, 168)
SITE = Inventory.of([Item(PACS, "pacs1", "pacs"), Item(CT, "ct1", "modality")])


class TestArchive:
    def facts(self, silent: range, *, cover: range = COVER, **more: Any) -> Any:
        rows = [hour(h, 9) for h in COVER if h in cover and h not in silent]
        covered = [{"hour": at(h), "origin": "zeek", "rows": 1} for h in cover]
        return a_week(**{"traffic": rows, "coverage": covered, "inventory": SITE} | more)

    def told(self, silent: range, **more: Any) -> list[Finding]:
        return interruptions.pacs_interrupted(self.facts(silent, **more))

    def test_hours_without_a_word(self) -> None:
        connections = [
            conn(59, "LAST"), conn(58, "BEFORE"), conn(64, "FIRST"), conn(65, "NEXT"),
            conn(-24 * 28 - 1, "OLD"), conn(168, "AFTER"), conn(59.5, "OTHER", VIEWER, OTHER),
            *(conn(50 - n, f"B{n}") for n in range(5)), *(conn(70 + n, f"N{n}") for n in range(5)),
        ]  # fmt: skip
        found = self.told(range(60, 64), connections=connections)
        assert shown(found, "pacs-interrupted", "pacs") == {
            "severity": "high", "start": 60, "end": 64, "parties": [PACS], "host": PACS, "count": 1,
            "hours": 4 * 3600,
            "rows": ["LAST", "BEFORE", "B0", "B1", "B2", "FIRST", "NEXT", "N0", "N1", "N2"],
        }  # fmt: skip

    def test_is_quiet_below(self) -> None:
        assert self.told(range(60, 64))
        assert not self.told(range(60, 63))
        assert self.told(range(60, 63), known={"pacs_silent_hours": 3})
        assert not self.told(range(60, 64), known={"pacs_silent_hours": 0})
        assert not self.told(range(60, 64), inventory=Inventory.of([Item(PACS, "x", "other")]))
        silent = SimpleNamespace(party=Party(PACS), state="silent")
        assert not self.told(range(60, 64), facts={"equipment": (silent,)})
        active = SimpleNamespace(party=Party(PACS), state="active")
        assert self.told(range(60, 64), facts={"equipment": (active,)})

    def test_until_the_end_of_the_week_it_is_critical(self) -> None:
        assert in_full(self.told(range(164, 168))[0])["severity"] == "critical"
        assert in_full(self.told(range(163, 167))[0])["severity"] == "high"

    def test_hours_in_which_others_were_silent_do_not_count(self) -> None:
        rows = [hour(h, 9) for h in COVER if h % 24 not in {1, 2, 3, 4, 5}]
        assert not interruptions.pacs_interrupted(self.facts(range(0), traffic=rows))

    def test_hours_that_no_sensor_saw_do_not_count(self) -> None:
        covered = [
            {"hour": at(h), "origin": "zeek", "rows": 1} for h in COVER if h not in range(60, 64)
        ]
        other = [{"hour": at(h), "origin": "sflow", "rows": 1} for h in range(60, 64)]
        assert not self.told(range(60, 64), coverage=[*covered, *other])

    def test_four_weeks_are_looked_at(self) -> None:
        assert self.told(range(60, 64), cover=range(-24 * 14, 168))
        assert not self.told(range(60, 64), cover=range(-24 * 7, 168)), "one week is no habit"
        longer = [*range(-168 + 60, -168 + 65), *range(60, 64)]
        rows = [hour(h, 9) for h in COVER if h not in longer]
        assert not self.told(range(0), traffic=rows), "a week before it was silent for longer"
        long_ago = [*range(-168 * 5 + 60, -168 * 5 + 65), *range(60, 64)]
        rows = [hour(h, 9) for h in range(-168 * 5, 168) if h not in long_ago]
        assert self.told(range(0), traffic=rows)


class TestModality:
    def told(self, until: int, **more: Any) -> list[Finding]:
        rows = [hour(h, 9) for h in COVER if h < until] + [hour(h, 9, VIEWER, OTHER) for h in COVER]
        covered = [{"hour": at(h), "origin": "zeek", "rows": 1} for h in COVER]
        given: Row = {"traffic": rows, "coverage": covered, "inventory": SITE} | more
        return interruptions.modality_stopped(a_week(**given))

    def test_days_without_an_image(self) -> None:
        device = SimpleNamespace(party=Party(CT), state="active", last_seen=at(119))
        other = SimpleNamespace(party=Party(VIEWER), state="active", last_seen=at(2))
        connections = [conn(119, "LAST"), conn(118, "BEFORE"), conn(-24 * 28 - 1, "OLD"),
                       conn(168, "NEXT")]  # fmt: skip
        found = self.told(120, facts={"equipment": (other, device)}, connections=connections)
        assert shown(found, "modality-stopped", "modalities") == {
            "severity": "medium", "start": 119, "end": None, "parties": [CT], "host": CT,
            "count": 1, "days": 2, "last": 119, "rows": ["LAST", "BEFORE"],
        }  # fmt: skip
        assert in_full(self.told(120)[0])["last"] is None

    def test_is_quiet_below(self) -> None:
        assert self.told(121) == [], "a day with one hour is no day of silence"
        assert not self.told(144)
        assert self.told(144, known={"modality_silent_days": 1})
        assert not self.told(120, known={"modality_silent_days": 0})
        assert not self.told(120, inventory=Inventory.of([Item(CT, "x", "other")]))
        silent = SimpleNamespace(party=Party(CT), state="silent", last_seen=at(1))
        assert not self.told(120, facts={"equipment": (silent,)})

    def test_what_sends_again_has_not_stopped(self) -> None:
        rows = [hour(h, 9) for h in COVER if not 72 <= h < 120]
        assert not self.told(0, traffic=rows)
        received = [hour(h, 9) for h in COVER if h < 120] + [hour(h, 9, PACS, CT) for h in COVER]
        assert self.told(0, traffic=received), "what it receives is not what it sends"

    def test_one_that_sends_again_hides_none_that_stopped(self) -> None:
        site = Inventory.of([Item(CT, "a", "modality"), Item(VIEWER, "b", "modality")])
        rows = [hour(h, 9) for h in COVER if not 48 <= h < 120]
        rows += [hour(h, 9, VIEWER, PACS) for h in COVER if h < 120]
        found = self.told(0, traffic=rows, inventory=site)
        assert [f.parties[0].address for f in found] == [VIEWER]

    def test_a_day_counts_where_more_than_half_of_it_was_seen(self) -> None:
        seen = [h for h in COVER if h < 120 or h % 24 > 10]
        covered = [{"hour": at(h), "origin": "zeek", "rows": 1} for h in seen]
        assert self.told(120, coverage=covered)
        seen = [h for h in COVER if h < 120 or h % 24 > 11]
        covered = [{"hour": at(h), "origin": "zeek", "rows": 1} for h in seen]
        assert not self.told(120, coverage=covered)


def test_says_nothing_of_nothing() -> None:
    for rule in (interruptions.pacs_interrupted, interruptions.modality_stopped):
        assert rule(a_week(inventory=SITE)) == []
