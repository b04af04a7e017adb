"""Reads configuration files and the environment; each value keeps where it came from."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pacsflow.configuration.schema import Setting, Settings, every_setting, sections
from pacsflow.errors import InputError, unreadable
from pacsflow.programs.places import configuration, here

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NAME = "pacsflow.toml"
FILE_VARIABLE = "PACSFLOW_CONFIG"
"""Names the one file that counts, in place of the usual places; empty for none."""
LARGEST = 1 << 20
_HEADER = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]")
_KEY = re.compile(r"""\s*([A-Za-z0-9_.-]+|"[^"]*"|'[^']*')\s*=""")
Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Given:
    """A value that somebody set, and where."""

    value: Any
    origin: str


def places() -> list[Path]:
    """Return where configuration files are looked for; a later one beats an earlier one."""
    if FILE_VARIABLE in os.environ:
        named = os.environ[FILE_VARIABLE]
        return [Path(named).expanduser()] if named else []
    return [Path(folder) / NAME for folder in configuration(here())]


def load(path: Path | None = None) -> tuple[Settings, list[InputError]]:
    """Return what a file, or the usual ones, and the environment say, and every problem in it."""
    problems: list[InputError] = []
    given: dict[Place, Given] = {}
    must_be_there = path is not None or FILE_VARIABLE in os.environ
    for file in [path] if path else places():
        if must_be_there or _is_there(file):
            given |= _of_file(file, problems)
    given |= _of_environment(os.environ, problems)
    return _settings(given), problems


def _is_there(file: Path) -> bool:
    try:
        return file.is_file()
    except OSError:  # a home of somebody else
        return False


def _settings(given: Mapping[Place, Given]) -> Settings:
    made = {
        section: holder(**{n: g.value for (s, n), g in given.items() if s == section})
        for section, holder in sections().items()
    }
    return Settings(**made, origins={place: g.origin for place, g in given.items()})


def _of_file(path: Path, problems: list[InputError]) -> dict[Place, Given]:
    try:
        text = _read(path)
        told = _parsed(path, text)
    except InputError as error:
        problems.append(error)
        return {}
    lines = lines_of(text)
    found: dict[Place, Given] = {}
    known = every_setting()
    for place, value in _flat(told):
        line = lines.get(place) or lines.get((place[0], ""))
        if place not in known:
            problems.append(InputError(path, _unknown(place, value, known), line=line))
            continue
        try:
            taken = known[place].kind.take(value)
        except (ValueError, OverflowError):
            problems.append(InputError(path, _refused(known[place], value), line=line))
            continue
        where = f"{path}, line {line}" if line else str(path)
        found[place] = Given(_beside(path, taken), where)
    return found


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise unreadable(path, error) from None
    if len(content) > LARGEST:
        raise InputError(path, "is no configuration: larger than 1 MB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(path, "expected TOML in UTF-8") from None


def _parsed(path: Path, text: str) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - only where there is a file

    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        told = str(error).splitlines()[0]
        at = re.search(r" \(at line (\d+), column (\d+)\)", told)
        line = int(at[1]) if at else None
        raise InputError(
            path, f"expected TOML: {told.replace(at[0], '') if at else told}", line=line
        ) from None


def lines_of(text: str) -> dict[Place, int]:
    """Return the line (from 1) of each header (as ``section, ""``) and each key of a TOML file."""
    section, inside = "", ""
    found: dict[Place, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if inside:
            inside = "" if inside in line else inside
            continue
        if head := _HEADER.match(line):
            section = head[1].strip("\"'")
            found.setdefault((section, ""), number)
        elif key := _KEY.match(line):
            name = key[1].strip("\"'")
            place = (section, name) if section else _split(name)
            found.setdefault(place, number)
            inside = next((q for q in ('"""', "'''") if line.count(q) % 2), "")
    return found


def _split(name: str) -> Place:
    section, dot, key = name.partition(".")
    return (section, key) if dot else (name, "")


def _flat(told: Mapping[str, Any]) -> Iterable[tuple[Place, Any]]:
    for section, values in told.items():
        if section in sections() and isinstance(values, dict):
            yield from (((section, name), value) for name, value in values.items())
        else:
            yield (section, ""), values


def _unknown(place: Place, value: object, known: Mapping[Place, Setting]) -> str:
    section, name = place
    if name:
        there = [n for s, n in known if s == section]
        return f"[{section}] has no setting {name[:40]!r}; {_near(name, there)}"
    if section in sections():
        return f"[{section}]: expected a table"
    if not isinstance(value, dict):
        return f"{section[:40]!r} stands above the first section; {_holder(section, known)}"
    holders = _below(section, known)
    hint = f"{section} is a setting {holders}" if holders else _near(section, sections())
    return f"there is no section [{section[:40]}]; {hint}"


def _below(name: str, known: Iterable[Place]) -> str:
    """Return the sections that have a setting: ``below [ledger] or [archive]``."""
    found = " or ".join(f"[{section}]" for section, setting in known if setting == name)
    return f"below {found}" if found else ""


def _holder(name: str, known: Iterable[Place]) -> str:
    """Return where a setting belongs that stands in no section, or what there is."""
    import difflib  # noqa: PLC0415 - only where a name is wrong

    if holders := _below(name, known):
        return f"it belongs {holders}"
    names = dict.fromkeys(setting for _, setting in known)
    if near := difflib.get_close_matches(name, names, n=1):
        return f"did you mean {near[0]} {_below(near[0], known)}?"
    return _near(name, sections())


def _near(name: str, known: Iterable[str]) -> str:
    """Return which name was meant, or all that there are."""
    import difflib  # noqa: PLC0415 - only where a name is wrong

    near = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(known))}"


def _refused(setting: Setting, value: object) -> str:
    told = str(value)[:60].encode("unicode_escape").decode()
    return f"[{setting.section}] {setting.name}: expected {setting.kind.expected}, not {told!r}"


def _beside(file: Path, value: Any) -> Any:  # noqa: ANN401 - of any type
    """Return a path as it is meant: relative ones begin at the file's folder."""
    if isinstance(value, Path):
        return file.resolve().parent / value
    if isinstance(value, tuple):
        return tuple(_beside(file, item) for item in value)
    return value


def _of_environment(
    environment: Mapping[str, str], problems: list[InputError]
) -> dict[Place, Given]:
    known = {setting.variable: place for place, setting in every_setting().items()}
    heads = tuple(f"PACSFLOW_{section.upper()}_" for section in sections())
    found: dict[Place, Given] = {}
    for variable in sorted(name for name in environment if name.startswith(heads)):
        place = known.get(variable)
        if place is None:
            told = f"there is no such setting; {_near(variable, known)}"
            problems.append(InputError(f"environment variable {variable}", told))
            continue
        setting = every_setting()[place]
        try:
            value = setting.kind.take(setting.kind.spoken(environment[variable]))
        except (ValueError, OverflowError):
            told = _refused(setting, environment[variable])
            problems.append(InputError(f"environment variable {variable}", told))
            continue
        found[place] = Given(value, f"environment variable {variable}")
    return found
