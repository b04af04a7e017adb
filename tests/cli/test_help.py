"""Help is whole in every terminal: no word is cut or broken, no line is wider than the terminal."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from pacsflow.cli import COMMANDS, main
from pacsflow.cli.commands import every

if TYPE_CHECKING:
    from typer._click import Command

EVERY = dict(every())
GROUPS = sorted({name.split()[0] for name in EVERY if " " in name})
WIDTHS = (50, 80, 176)


def shown(
    name: str, width: int, capsys: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch
) -> str:
    patch.setenv("COLUMNS", str(width))
    assert main([*name.split(), "--help"]) == 0
    return capsys.readouterr().out


def sentences(command: Command) -> list[str]:
    told = [getattr(param, "help", None) or "" for param in command.params]
    return [*re.split(r"\n\s*\n", command.help or ""), *told]


@pytest.mark.few(5)
@pytest.mark.parametrize("name", EVERY)
def test_every_sentence_and_option_is_whole(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = EVERY[name]
    choices = [p.type.choices for p in command.params if hasattr(p.type, "choices")]
    for width in WIDTHS:
        out = shown(name, width, capsys, monkeypatch)
        assert max(map(len, out.splitlines())) <= width
        read = " ".join(out.split())
        for sentence in sentences(command):
            assert " ".join(sentence.split()) in read, width
        words = re.split(r"[\s,<>|]+", read)
        assert {str(choice) for several in choices for choice in several} <= {*words}
        for param in command.params:
            for option in (*param.opts, *param.secondary_opts):
                assert param.param_type_name != "option" or option in words


@pytest.mark.parametrize("name", ["", *GROUPS])
def test_what_there_is_is_listed_with_its_use(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = [part for part in EVERY if part.startswith(f"{name} ")]
    for width in WIDTHS:
        out = shown(name, width, capsys, monkeypatch)
        assert max(map(len, out.splitlines())) <= width
        listed = re.findall(r"^  ([a-z][a-z-]*)(?:\s|$)", out, re.MULTILINE)
        assert sorted(listed) == sorted(part.split()[1] for part in parts) if name else listed


def test_those_of_the_first_day_come_first(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = shown("", 80, capsys, monkeypatch)
    panels = re.findall(r"^(\S.*):$", out, re.MULTILINE)
    assert panels == ["Options", "The first day", "Every week", "Look closer", "Set up"]
    names = re.findall(r"^  ([a-z][a-z-]*) ", out, re.MULTILINE)
    assert names == list(COMMANDS)
    assert names[:5] == ["demo", "report", "ingest", "findings", "doctor"]
