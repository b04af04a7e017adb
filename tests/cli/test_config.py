"""The configured values hold for every command, and the command line beats them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from conftest import json_log
from pacsflow.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T0 = 1772438400


@pytest.fixture
def site(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[str, str], Path]
) -> Path:
    """A site whose logs, ledger and archive are configured."""
    rows = [{"uid": f"C{h}", "ts": T0 + h * 3600.0, "id.resp_h": "200.1.2.3"} for h in range(30)]
    write("logs/conn.log", json_log(rows))
    config = write(
        "pacsflow.toml",
        '[inputs]\npaths = ["logs"]\nsensor = "north"\n[ledger]\nfolder = "ledger"\n'
        '[archive]\nfolder = "pages"\n[site]\nname = "St. Ann"\nlanguage = "pt-BR"\n'
        'time_zone = "America/Sao_Paulo"\nlocal_networks = ["200.1.2.0/24"]\n',
    )
    monkeypatch.setenv("PACSFLOW_CONFIG", str(config))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main([str(a) for a in arguments])
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return code, out, err


def test_commands_need_no_option_where_it_is_configured(
    capsys: pytest.CaptureFixture[str], site: Path
) -> None:
    code, out, _ = run(capsys, "ingest")
    assert (code, out.split(":")[0]) == (0, str(site / "ledger"))
    _, out, _ = run(capsys, "ledger", "info", "ledger")
    assert "sensors: north" in out
    code, out, err = run(capsys, "report", "--no-forecast")
    assert (code, out.split()) == (0, [str(site / "pages" / f) for f in
                                       ("2026-W10.html", "index.html")]), err  # fmt: skip
    page = (site / "pages" / "2026-W10.html").read_text("utf-8")
    assert '<html lang="pt-BR">' in page
    assert "St. Ann" in page
    assert "America/Sao_Paulo" in page


def test_the_command_line_beats_it(capsys: pytest.CaptureFixture[str], site: Path) -> None:
    run(capsys, "ingest")
    asked = ["report", "-o", site / "w.html", "--lang", "en", "--site", "St. John", "--site-tz",
             "UTC", "--no-forecast"]  # fmt: skip
    assert run(capsys, *asked)[0] == 0
    page = (site / "w.html").read_text("utf-8")
    assert '<html lang="en">' in page
    assert "St. John" in page
    assert "St. Ann" not in page
    assert not (site / "pages").exists()


def test_other_inputs_go_into_no_archive_of_the_site(
    capsys: pytest.CaptureFixture[str], site: Path
) -> None:
    code, out, _ = run(capsys, "report", site / "logs", "--no-forecast")
    assert (code, out.strip()) == (0, str(site / "pacsflow-2026-W10.html"))
    assert not (site / "pages").exists()


def test_the_sites_own_networks_are_local(capsys: pytest.CaptureFixture[str], site: Path) -> None:
    _, out, _ = run(capsys, "endpoints", site / "logs", "-f", "json")
    assert {row["host"]: row["local"] for row in json.loads(out)}["200.1.2.3"] is True
    (site / "other.toml").write_text("")
    _, out, _ = run(
        capsys, "endpoints", site / "logs", "-f", "json", "--config", site / "other.toml"
    )
    assert {row["host"]: row["local"] for row in json.loads(out)}["200.1.2.3"] is False


def test_a_configuration_that_is_wrong_stops_a_command_in_one_line(
    capsys: pytest.CaptureFixture[str], site: Path
) -> None:
    (site / "pacsflow.toml").write_text("[site]\ntime_zon = 'UTC'\n")
    code, out, err = run(capsys, "top", site / "logs")
    assert (code, out) == (2, "")
    assert "pacsflow.toml, line 2: [site] has no setting 'time_zon'; did you mean time_z" in err
    assert err.count("\n") == 1


def test_check_names_all_that_is_wrong_or_missing(
    capsys: pytest.CaptureFixture[str], site: Path
) -> None:
    assert run(capsys, "config", "check")[:2] == (
        0,
        f"{site}/pacsflow.toml: 8 settings, all usable\n",
    )
    (site / "pacsflow.toml").write_text(
        "[inputs]\npaths = ['nowhere']\n[site]\ninventory = 'none.tsv'\nnam = 1\n"
        "[mail]\nto = ['it@example.org']\n[metrics]\ntextfile = 'no/where.prom'\n"
    )
    code, _, err = run(capsys, "config", "check")
    assert code == 2
    assert [line.partition("toml, line ")[2][0] for line in err.splitlines()] == [*"524977"]


def test_show_says_where_each_value_comes_from(
    capsys: pytest.CaptureFixture[str], site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PACSFLOW_SITE_NAME", "St. John")
    code, out, _ = run(capsys, "config", "show", "-f", "json")
    told = {f"{row['section']}.{row['setting']}": row for row in json.loads(out)}
    assert code == 0
    assert told["site.name"]["value"] == '"St. John"'
    assert told["site.name"]["from"] == "environment variable PACSFLOW_SITE_NAME"
    assert told["site.language"]["from"] == f"{site}/pacsflow.toml, line 10"
    assert told["mail.port"]["from"] == "default"


def test_show_does_not_call_a_setting_that_is_wrong_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PACSFLOW_CONFIG", "")
    assert main(["config", "show"]) == 0
    assert "nothing is set" in capsys.readouterr().err
    monkeypatch.setenv("PACSFLOW_SITE_TIME_ZONE", "Mars")
    assert main(["config", "show"]) == 2
    said = capsys.readouterr().err
    assert "not 'Mars'" in said
    assert "nothing is set" not in said


def test_init_replaces_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "new" / "pacsflow.toml"
    assert run(capsys, "config", "init", file)[0] == 0
    assert run(capsys, "config", "check", file)[0] == 0
    code, _, err = run(capsys, "config", "init", file)
    assert code == 2
    assert "--force" in err
