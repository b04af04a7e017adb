"""Whose clock it is: said by an option, the configuration, the machine, or nobody."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from conftest import json_log
from pacsflow.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[[str, str | bytes], Path]
    Capsys = pytest.CaptureFixture[str]
MONDAY = 1772409600
"""2026-03-02 00:00 UTC."""


@pytest.fixture
def nights(write: Write) -> Path:
    """A PACS that copies from 3 to 9 UTC each night: from 0 to 6 in Brazil, which is no morning."""
    rows = [
        {"uid": f"C{d}_{h}", "ts": MONDAY + d * 86400.0 + h * 3600, "id.orig_h": "10.0.0.2",
         "id.resp_h": "10.0.0.7", "orig_ip_bytes": 10**10, "duration": 60.0}
        for d in range(5) for h in range(3, 9)
    ]  # fmt: skip
    rows += [{"uid": f"D{d}", "ts": MONDAY + d * 86400.0 + 50_000} for d in range(5)]
    write("logs/conn.log", json_log(rows))
    return write(
        "logs/inventory.tsv",
        "#separator \\x09\n#fields\tmatch\tname\trole\n#types\tstring\tstring\tstring\n"
        "10.0.0.2\tPACS1\tpacs\n10.0.0.7\tREAD1\tworkstation\n",
    ).parent


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("machine", "config", "option", "first", "late"),
    [
        ("UTC", "", "", "hours are those of UTC, for nobody said", False),
        ("Nowhere/At-All", "", "", "hours are those of UTC, for nobody said", False),
        ("America/Sao_Paulo", "", "", "of America/Sao_Paulo, as this machine is set", False),
        ("America/Sao_Paulo", "Europe/Berlin", "", "of Europe/Berlin, as {config} says", True),
        ("UTC", "Europe/Berlin", "UTC", "of UTC, as --site-tz says", True),
    ],
)
def test_the_clock_is_named_first_and_unsaid_it_tells_nothing_of_nights(
    capsys: Capsys, monkeypatch: pytest.MonkeyPatch, nights: Path, write: Write,
    machine: str, config: str, option: str, first: str, late: bool,
) -> None:  # fmt: skip
    monkeypatch.setenv("TZ", machine)
    monkeypatch.setattr("tzlocal.unix._cache_tz_name", None)
    more = ["--config", str(write("c.toml", f"[site]\ntime_zone = '{config}'\n"))] if config else []
    more += ["--site-tz", option] if option else []
    assert main(["findings", str(nights), "--no-forecast", "-f", "json", *more]) == 0
    told, err = capsys.readouterr()
    where = f"{more[1]}, line 2" if config else ""
    assert first.format(config=where) in err.splitlines()[0]
    assert ("prefetch-into-morning" in {row["rule"] for row in json.loads(told)}) is late


@pytest.mark.few(1)
@pytest.mark.parametrize("command", ["report", "digest", "forecast", "top", "associations"])
def test_every_command_that_judges_hours_names_the_clock(
    capsys: Capsys, nights: Path, command: str
) -> None:
    more = {"top": ["--week", "2026-W10"], "associations": ["--from", "2026-03-02"],
            "report": ["-f", "json", "--no-forecast"]}  # fmt: skip
    main([command, str(nights), "--site-tz", "America/Sao_Paulo", *more.get(command, [])])
    assert "hours are those of America/Sao_Paulo" in capsys.readouterr().err.splitlines()[0]


def test_findings_tell_times_in_utc_and_on_the_sites_clock(capsys: Capsys, nights: Path) -> None:
    main(["findings", str(nights), "--site-tz", "Europe/Berlin", "--no-forecast", "-f", "json"])
    row = next(r for r in json.loads(capsys.readouterr().out) if r["start_utc"])
    assert row["start_utc"].endswith("Z")
    assert row["start_site"].endswith("+01:00")
