"""Settings come from files and variables; what is wrong in them is said with file and line."""

from __future__ import annotations

from datetime import time
from pathlib import Path

import pytest

from pacsflow.configuration.files import lines_of, load, places
from pacsflow.configuration.reference import as_file, as_markdown
from pacsflow.configuration.schema import Settings, every_setting
from pacsflow.findings.thresholds import Thresholds

ROOT = Path(__file__).parents[2]
WHOLE = """\
[inputs]
paths = ["logs", "/var/log/*.pcap"]
[site]
name = "St. Ann"
time_zone = "America/Sao_Paulo"
holidays = "br-sp"
local_networks = [
    "200.1.2.0/24",
]
[service]
night = 02:30:00
at = "06:15"
[findings]
guess_pairs = 2
missed_percent = 0.5
off = ["outside"]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "pacsflow.toml"


def test_a_file_is_read_and_its_paths_begin_beside_it(file: Path) -> None:
    file.write_text(WHOLE)
    made, problems = load(file)
    assert not problems
    assert made.inputs.paths == (file.parent / "logs", Path("/var/log/*.pcap"))
    assert (made.site.name, made.site.holidays) == ("St. Ann", "BR-SP")
    assert str(made.site.local_networks[0]) == "200.1.2.0/24"
    assert (made.service.night, made.service.at) == (time(2, 30), time(6, 15))
    assert (made.findings.guess_pairs, made.findings.off) == (2, ("outside",))
    assert made.findings.echo_endpoints == Thresholds().echo_endpoints
    assert made.origins["site", "time_zone"] == f"{file}, line 5"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[finding]\nreject_percent = 8\n", "line 1: there is no section [finding]; did you mean"),
        ("[findings]\n\nrejct_percent = 8\n", "line 3: [findings] has no setting 'rejct_percent'; "
                                              "did you mean reject_percent?"),
        ("[site]\nzzz = 8\n", "line 2: [site] has no setting 'zzz'; there are holidays, "),
        ("time_zone = 'UTC'\n[mail]\n", "line 1: 'time_zone' stands above the first section; it "
                                        "belongs below [site]"),
        ("folder = 'a'\n", "'folder' stands above the first section; it belongs below [ledger] or "
                           "[archive]"),
        ("\ntimezone = 'UTC'\n", "line 2: 'timezone' stands above the first section; "
                                 "did you mean time_zone below [site]?"),
        ("qqqq = ['a@b.org']\n", "'qqqq' stands above the first section; there are "
                                      "archive, events, findings,"),
        ("[time_zone]\na = 1\n", "line 1: there is no section [time_zone]; time_zone is a setting "
                                 "below [site]"),
        ("site.zone = 'UTC'\n", "line 1: [site] has no setting 'zone'"),
        ("findings = 3\n", "line 1: [findings]: expected a table"),
        ("[site]\ntime_zone = 'Mars'\n", "expected an IANA time zone such as America/Sao_Paulo"),
        ("[site]\nholidays = 'Brazil'\n", "expected a country, or country and state"),
        ("[site]\nlocal_networks = ['10.0.0.1/8']\n", "expected a list of networks"),
        ("[mail]\nport = 99999\n", "line 2: [mail] port: expected a whole number from 1 to 65535"),
        ("[mail]\nport = true\n", "expected a whole number"),
        ("[mail]\nto = ['a@b.org\\nBcc: x@y.org']\n", "expected a list of mail addresses"),
        ("[service]\nnight = 'noon'\n", "expected a time of day such as 03:30, not 'noon'"),
        ("[ledger]\nkeep = '2'\n", "expected a number and d, w, m or y, such as 2y, not '2'"),
        ("[archive]\npdf = 'yes'\n", "expected true or false, not 'yes'"),
        ("[findings]\nguess_pairs = -1\n", "expected a whole number from 0 on"),
        ("[findings]\nguess_pairs = 2.5\n", "expected a whole number from 0 on"),
        ("[findings]\nskew_seconds = inf\n", "expected a number from 0 on"),
        ("[findings]\noff = [1]\n", "expected a list of texts"),
        ("[findings]\nguess_pairs = [\n", "expected TOML"),
        ("[site]\nname = 'a'\nname = 'b'\n", "line 3: expected TOML: Cannot overwrite a value"),
        ("[site]\nname = '''\ntime_zone = 3\n'''\nlogo = 4\n", "line 5: [site] logo"),
        ("\x00", "expected TOML"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_one_line_with_file_and_line(
    file: Path, text: str, said: str
) -> None:
    file.write_text(text)
    _, problems = load(file)
    told = "\n".join(map(str, problems))
    assert said in told
    assert all(str(problem).startswith(str(file)) for problem in problems)
    assert not any("\n" in str(problem) for problem in problems)


def test_every_problem_of_a_file_is_told_and_the_rest_counts(file: Path) -> None:
    file.write_text("[site]\nname = 3\nzone = 'x'\nlanguage = 'PT-br'\n[mail]\nprot = 2\n")
    made, problems = load(file)
    assert [p.line for p in problems] == [2, 3, 6]
    assert made.site.language == "pt-BR"


@pytest.mark.parametrize("content", [b"\xff\xfe[\x00", b"x" * 2_000_000, b"a=" + b"[" * 90_000])
def test_a_hostile_file_is_one_line(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    _, problems = load(file)
    assert len(problems) == 1
    assert len(str(problems[0])) < 400


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    assert "cannot be read: No such file" in str(load(tmp_path / "none.toml")[1][0])


def test_variables_beat_files_and_users_beat_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PACSFLOW_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert places() == [Path("/etc/pacsflow/pacsflow.toml"), tmp_path / "pacsflow/pacsflow.toml"]
    (tmp_path / "pacsflow").mkdir()
    mine = tmp_path / "pacsflow" / "pacsflow.toml"
    mine.write_text("[site]\nname = 'mine'\ntitle = 'of a file'\n")
    machine = tmp_path / "machine.toml"
    machine.write_text("[site]\nname = 'machine'\nlanguage = 'pt-BR'\n")
    monkeypatch.setattr("pacsflow.configuration.files.places", lambda: [machine, mine])
    monkeypatch.setenv("PACSFLOW_SITE_TITLE", "of the environment")
    monkeypatch.setenv("PACSFLOW_FINDINGS_GUESS_PAIRS", "9")
    monkeypatch.setenv("PACSFLOW_FINDINGS_OFF", "outside, malformed")
    monkeypatch.setenv("PACSFLOW_ARCHIVE_PDF", "yes")
    monkeypatch.setenv("PACSFLOW_INPUTS_PATHS", "/a:/b")
    made, problems = load()
    assert not problems
    assert (made.site.name, made.site.language) == ("mine", "pt-BR")
    assert made.site.title == "of the environment"
    assert made.origins["site", "title"] == "environment variable PACSFLOW_SITE_TITLE"
    assert (made.findings.guess_pairs, made.findings.off) == (9, ("outside", "malformed"))
    assert made.archive.pdf
    assert made.inputs.paths == (Path("/a"), Path("/b"))


def test_a_variable_that_is_misspelt_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PACSFLOW_SITE_TIMEZONE", "UTC")
    monkeypatch.setenv("PACSFLOW_MAIL_PORT", "mail")
    monkeypatch.setenv("PACSFLOW_TSHARK", "/usr/bin/tshark")
    told = [str(problem) for problem in load()[1]]
    assert "environment variable PACSFLOW_MAIL_PORT: [mail] port: expected a whole" in told[0]
    assert "PACSFLOW_SITE_TIMEZONE: there is no such setting; did you mean PACSFLOW_SITE" in told[1]
    assert len(told) == 2


def test_the_file_to_begin_with_says_the_defaults(file: Path) -> None:
    file.write_text(as_file())
    assert load(file) == (Settings(), [])
    file.write_text("".join(f"{line.removeprefix('# ')}\n" if " = " in line else f"{line}\n"
                            for line in as_file().splitlines()))  # fmt: skip
    made, problems = load(file)
    assert not problems
    assert len(made.origins) == len(every_setting())
    for section, name in every_setting():
        ours, default = (getattr(getattr(s, section), name) for s in (made, Settings()))
        assert ours == default, (section, name)


def test_every_setting_is_in_the_document() -> None:
    assert as_markdown() in (ROOT / "docs" / "configuration.md").read_text("utf-8")


def test_lines_are_those_of_the_keys() -> None:
    text = 'a.b = 1\n[c]\n"d" = """\nd = 2\n[x]\n"""\ne = [\n  "f = 1",\n]\n[ g ]\n'
    assert lines_of(text) == {
        ("a", "b"): 1, ("c", ""): 2, ("c", "d"): 3, ("c", "e"): 7, ("g", ""): 10,
    }  # fmt: skip
