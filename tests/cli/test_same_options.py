"""The same sources and questions with every command that reads traffic, or a reason why not."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import pytest

from conftest import json_log
from pacsflow.cli import COMMANDS, commands, main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[[str, str | bytes], Path]

WEEK = "it is of a week, which has its period"
AHEAD = "it forecasts nothing"
ROWS = "tag logs have no origin"
FRAMES = "frames are looked at, which a ledger does not keep and no inventory names"
KEYS = "keys ask for it while it runs"
HERE = "an interface, as its traffic passes"
BOTH = "both taggers read whole captures"
ADDS = "it adds everything, so that every question can be asked of it"
OWN = "it has forms of its own"
SFLOW = "agents and interfaces are neither hosts nor services, and tell their own rates"
WHY_NOT: dict[str, dict[str, str]] = {
    "report": {"--from --to": WEEK},
    "findings": {"--from --to": WEEK},
    "digest": {"--from --to": WEEK, "--format": OWN},
    "ingest": {
        "--from --to --week --site-tz --origin --host --ae --service --pseudonymise": ADDS,
        "--holidays": AHEAD, "--format": OWN,
    },
    "watch": {
        "--from --to --week --origin --host --ae --service": ADDS, "--format": OWN,
    },
    "top": {"--holidays": AHEAD},
    "associations": {"--origin": ROWS, "--holidays": AHEAD},
    "endpoints": {"--holidays": AHEAD},
    "times": {"--origin --service": ROWS, "--holidays": AHEAD},
    "series": {"--holidays": AHEAD},
    "map": {"--holidays": AHEAD},
    "show": {"--origin --sensor --host --ae --service": "WHAT is the question",
             "--holidays": AHEAD},
    "explore": {
        "--from --to --week --site-tz --origin --sensor --host --ae --service": KEYS,
        "--ledger --inventory": FRAMES, "--holidays": AHEAD, "--format": OWN,
    },
    "sampling": {"--inventory --keylog --sampling-rate --origin --host --ae --service": SFLOW,
                 "--holidays": AHEAD},
    "export": {"--holidays": AHEAD, "--format": OWN},
    "infer": {"--holidays": AHEAD, "--format": OWN},
    "live": {
        "--ledger --inventory --keylog --sampling-rate --capture-start --date-order": HERE,
        "--pseudonymise --from --to --week --site-tz --config": HERE,
        "--origin --sensor --host --ae --service": HERE, "--holidays": AHEAD,
    },
    "cross-check": {
        "--ledger --keylog --sampling-rate --capture-start --date-order --pseudonymise": BOTH,
        "--from --to --week --site-tz --origin --sensor --host --ae --service --config": BOTH,
        "--holidays": AHEAD,
    },
}  # fmt: skip
"""Options that a command has no use for, by the reason; an option without effect is an error."""
SHARED = (
    "--ledger", "--inventory", "--keylog", "--sampling-rate", "--capture-start", "--date-order",
    "--pseudonymise", "--from", "--to", "--week", "--site-tz", "--origin", "--sensor", "--host",
    "--ae", "--service", "--holidays", "--config", "--format",
)  # fmt: skip


def reading() -> dict[str, set[str]]:
    """Return the options of every command that reads traffic."""
    found = {}
    for name in COMMANDS:
        group = commands.imported(name)
        for part, command in getattr(group, "commands", {name: group}).items():
            takes = {parameter.name for parameter in command.params}
            if takes & {"inputs", "interface", "captures"}:
                found[part] = {o for parameter in command.params for o in parameter.opts}
    return found


def test_every_command_takes_the_same_or_says_why_not() -> None:
    there = reading()
    assert len(there) > 15
    for name, options in there.items():
        without = {o for some in WHY_NOT.get(name, {}) for o in some.split()}
        assert {*SHARED} - options == without, name
    assert WHY_NOT.keys() <= there.keys()


def test_whatever_gives_csv_gives_it_with_decimal_commas() -> None:
    there = reading()
    without_fractions = {"report", "live", "cross-check"}  # two write no CSV, one has texts alone
    listed = {name for name, o in there.items() if "--format" in o} - without_fractions
    assert {"top", "times", "map", "associations", "series", "forecast", "show"} <= listed
    assert {name for name, options in there.items() if "--decimal-comma" in options} == {
        *listed, "export",
    }  # fmt: skip


@pytest.mark.parametrize("command", [["top"], ["map"], ["show", "10.0.0.3"]])
def test_a_decimal_comma_is_in_every_fraction_and_nowhere_else(
    capsys: pytest.CaptureFixture[str], write: Write, command: list[str]
) -> None:
    rows = [
        {"uid": f"C{n}", "ts": 1772438400.5 + n, "id.orig_h": f"10.0.0.{n % 3 + 3}",
         "duration": 0.125 + n}
        for n in range(7)
    ]  # fmt: skip
    log = str(write("conn.log", json_log(rows)))
    asked = [*command, log, "-f", "csv"]
    assert main(asked) == 0
    plain = capsys.readouterr().out
    assert main([*asked, "--decimal-comma"]) == 0
    comma = capsys.readouterr().out
    assert comma.startswith("\ufeff")
    found = list(csv.reader(io.StringIO(comma[1:], newline=""), delimiter=";"))
    fractions = 0
    for told, cells in zip(csv.reader(io.StringIO(plain, newline="")), found, strict=True):
        for was, cell in zip(told, cells, strict=True):
            is_fraction = was.count(".") == 1 and was.replace(".", "").isdecimal()
            fractions += is_fraction
            assert cell == (was.replace(".", ",") if is_fraction else was)
    assert fractions or command == ["map"]
    assert main(asked) == 0, "of the next command it is not asked"
    assert capsys.readouterr().out == plain


def test_a_decimal_comma_without_csv_is_an_error(
    capsys: pytest.CaptureFixture[str], write: Write
) -> None:
    log = str(write("conn.log", json_log([{"uid": "C1"}])))
    for how in ("table", "json"):
        assert main(["top", log, "-f", how, "--decimal-comma"]) == 2
        said = f"--decimal-comma has no effect on --format {how}, only on csv"
        assert said in capsys.readouterr().err


def test_what_is_said_can_be_for_a_collector(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    good = write("logs/conn.log", json_log([{"uid": "C", "ts": 1772438400.0}]))
    write("logs/bad.log", "nothing\n")
    assert main(["top", str(good.parent), "--log-format", "json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["level"] for line in lines if "bad.log" in line["message"]] == ["warning"]
    assert main(["top", str(good)]) == 0
    assert not capsys.readouterr().err.startswith("{")


def test_every_command_says_more_or_less_when_asked(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name, command in commands.every():
        offered = {option for parameter in command.params for option in parameter.opts}
        assert {"--quiet", "-q", "--verbose", "-v", "--log-format"} <= offered, name
    demo = ["demo", str(tmp_path / "demo"), "--weeks", "1", "--scale", "0.01", "--no-report"]
    assert main([*demo, "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_an_option_that_two_commands_have_means_the_same() -> None:
    texts: dict[str, set[str]] = {}
    for name in COMMANDS:
        command = commands.imported(name)
        for parameter in getattr(command, "params", ()):
            for option in {*parameter.opts} & {*SHARED} - {"--ledger", "--sensor", "--format"}:
                if {"inputs"} & {p.name for p in command.params}:
                    texts.setdefault(option, set()).add(parameter.help or "")
    assert {option: len(said) for option, said in texts.items() if len(said) > 1} == {}


@pytest.mark.few(1)
@pytest.mark.parametrize("command", ["report", "findings", "digest"])
def test_a_week_of_one_host_counts_it_alone_and_says_so(
    capsys: pytest.CaptureFixture[str], write: Write, command: str
) -> None:
    rows = [
        {"uid": f"C{h}_{n}", "ts": 1772438400 + h * 3600.0, "id.orig_h": f"10.0.0.{n + 3}"}
        for h in range(30) for n in range(3)
    ]  # fmt: skip
    logs = write("logs/conn.log", json_log(rows)).parent
    more = ["-f", "json"] if command == "report" else []
    asked = [command, str(logs), "--host", "10.0.0.4", "--no-forecast", *more]
    assert main(asked) == 0
    told = capsys.readouterr().out
    if command == "report":
        made = json.loads(told)
        assert made["totals"]["communications"]["value"] == 30
        assert made["totals"]["hosts"] == 2
        assert "chosen-alone" in [note["key"] for note in made["coverage"]["notes"]]
    assert main([command, str(logs), "--host", "10.0.0.99", "--no-forecast"]) == 2
    assert "no host '10.0.0.99' in it" in capsys.readouterr().err
