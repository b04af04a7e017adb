"""Under a key nothing of what logs, tables and inventories hold is in anything that is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import pacsflow as pf
from pacsflow.cli import commands
from pacsflow.findings.thresholds import Thresholds
from pacsflow.pseudonyms import Pseudonyms
from pseudonyms import originals

if TYPE_CHECKING:
    from pacsflow.findings.finding import Finding


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> originals.Site:
    return originals.site(tmp_path_factory.mktemp("site"), 600)


def taking_a_key() -> set[str]:
    return {
        name
        for name, command in commands.every()
        if any("--pseudonymise" in option.opts for option in command.params)
    }


def test_every_command_that_takes_a_key_is_tried() -> None:
    assert taking_a_key() == set(originals.COMMANDS)


@pytest.mark.few(1)
@pytest.mark.parametrize("command", sorted(set(originals.COMMANDS) - {"explore"}))
def test_no_original_gets_out(
    tshark: str, place: originals.Site, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tshark
    monkeypatch.setenv("COLUMNS", "1000")
    chance = originals.by_chance(place.originals)
    ways = 0
    for way, code, text in originals.outputs(place, command):
        assert code == 0, (way, text[:2000])
        assert originals.leaked(text, place.originals, chance) == set(), way
        ways += 1
    assert ways
    assert any(
        originals.leaked(text, place.originals, chance)
        for _, _, text in originals.outputs(place, command, key=False)
    ), "without a key they are there, or this shows nothing"


def test_what_is_found_does_not_depend_on_the_key(place: originals.Site) -> None:
    """Titles are compared, and hosts put in order, by their own names."""
    pair = [title for title in place.columns.values() if title.isalpha()][:2]
    known = Thresholds(ae_hosts=1, shared_ae_titles=tuple(pair))
    plain, hidden = (
        pf.open(place.ledger, inventory=place.inventory, key=key).report(
            forecasts=False, thresholds=known
        )
        for key in (None, place.key)
    )
    assert len(plain.findings) > 5
    key = Pseudonyms(originals.SECRET)

    def told(finding: Finding, *, key_of: bool) -> list[object]:
        hosts = [p.address if key_of else key.address(p.address) for p in finding.parties]
        rows = [uid if key_of else key.token(uid) for uid in finding.rows]
        numbers = [v.value for _, v in finding.values if v.kind in {"count", "bytes", "moment"}]
        return [finding.severity, finding.count, finding.start, finding.end, hosts, rows, numbers]

    assert [told(f, key_of=False) for f in plain.findings] == [
        told(f, key_of=True) for f in hidden.findings
    ]
    assert [e.state for e in hidden.equipment] == [e.state for e in plain.equipment]
    assert hidden.totals == plain.totals
