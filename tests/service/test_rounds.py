"""What the service does in a round, what it does again, and what goes wrong without harm."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from tests.service.conftest import MONDAY, T0, Service, later

from conftest import json_log
from pacsflow.cli import main
from pacsflow.configuration.files import load
from pacsflow.errors import ToolError, UsageError, unreadable
from pacsflow.readers import discovery
from pacsflow.service import mail, rounds
from pacsflow.service.metrics import failures_unsaved
from pacsflow.service.schedule import is_due, latest
from pacsflow.service.state import alone, name_of, read_state, skipped

if TYPE_CHECKING:
    from email.message import EmailMessage

ZONE = ZoneInfo("America/Sao_Paulo")


def metrics(service: Service) -> dict[str, float]:
    path = service.settings.metrics.textfile
    assert path
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def events(service: Service) -> list[dict[str, object]]:
    path = service.settings.events.file
    assert path
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_round_adds_looks_and_writes_last_weeks_page(service: Service) -> None:
    assert service.run()
    folder = service.settings.archive.folder
    assert folder
    assert sorted(p.name for p in folder.glob("*.html")) == ["2026-W11.html", "index.html"]
    assert "St. Ann" in (folder / "2026-W11.html").read_text("utf-8")
    told = metrics(service)
    assert told["pacsflow_week_hours_expected"] == 168
    # 14 days from Monday 00:00 UTC: in São Paulo the week ends three hours later; one was left out
    assert told["pacsflow_week_hours_with_data"] == 168 - 3 - 1
    assert told['pacsflow_ledger_rows{table="connections"}'] == 335
    assert told['pacsflow_failures_in_a_row{job="page"}'] == 0
    assert told['pacsflow_last_success_timestamp_seconds{job="page"}'] == MONDAY.timestamp()
    total = sum(v for name, v in told.items() if name.startswith("pacsflow_week_findings"))
    assert total >= len(events(service)) > 0


def test_what_is_done_is_not_done_again_until_it_is_due(service: Service) -> None:
    service.run()
    count = len(events(service))
    assert service.run(later(0.1))
    assert service.said == []
    assert service.run(later(24))  # the night after: looked at again, nothing new to tell
    assert [line for line in service.said if "pages" in line] == []
    assert len(events(service)) == count
    assert service.run(later(24 * 7))
    assert any("2026-W12.html" in line for line in service.said)


def test_what_was_missed_is_done_when_it_can_be(service: Service) -> None:
    assert service.run(later(72))  # the machine was off on Monday
    assert any("2026-W11.html" in line for line in service.said)


def test_a_full_disk_on_monday_costs_a_line_and_the_next_round_makes_good(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(rounds, "write_archive", full)
        assert not service.run()
    assert service.warned == [
        "page: [Errno 28] No space left on device; the next round tries again"
    ]
    assert metrics(service)['pacsflow_failures_in_a_row{job="page"}'] == 1
    assert service.run(later(0.1))
    assert any("2026-W11.html" in line for line in service.said)
    assert metrics(service)['pacsflow_failures_in_a_row{job="page"}'] == 0


def test_a_full_disk_of_the_ledger_is_counted_on_another_disk(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.run()

    def full(*_: object, **__: object) -> None:
        raise UsageError("service.json: cannot be written: No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(rounds, "save_state", full)
        patched.setattr(rounds, "write_archive", full)
        for count in (1, 2, 3):  # nothing but the metrics of the round before can tell how many
            assert not service.run(later(7 * 24 + count / 10))
            told = metrics(service)
            assert told["pacsflow_state_saved"] == 0
            assert told['pacsflow_failures_in_a_row{job="page"}'] == count
    assert service.run(later(7 * 24 + 0.4))
    assert any("2026-W12.html" in line for line in service.said)
    told = metrics(service)
    assert told["pacsflow_state_saved"] == 1
    assert told['pacsflow_failures_in_a_row{job="page"}'] == 0


def test_failures_are_counted_by_the_state_where_it_is_saved(service: Service) -> None:
    service.run()
    path = service.settings.metrics.textfile
    assert path
    path.write_text('pacsflow_failures_in_a_row{job="page"} 7\npacsflow_state_saved 1\n')
    assert failures_unsaved(path) is None
    path.write_bytes(b'\xff pacsflow_state_saved 0\npacsflow_failures_in_a_row{job="x"} many\n')
    assert failures_unsaved(path) is None
    assert failures_unsaved(path.with_name("none.prom")) is None
    assert failures_unsaved(None) is None


def test_a_folder_that_is_missing_fails_until_it_is_there_and_the_others_are_read(
    service: Service, tmp_path: Path
) -> None:
    paths = service.settings.inputs.paths
    service.set("inputs", paths=(*paths, tmp_path / "north"))
    for count in (1, 2):
        assert not service.run()
        assert service.warned == [
            f"add: {tmp_path / 'north'}: there is no such file or folder (check the path); "
            "the next round tries again"
        ]
        assert metrics(service)['pacsflow_failures_in_a_row{job="add"}'] == count
        assert metrics(service)["pacsflow_inputs_not_read"] == 1
    assert metrics(service)['pacsflow_ledger_rows{table="connections"}'] == 335
    (tmp_path / "north").mkdir()
    (tmp_path / "north" / "conn.log").write_bytes((paths[0] / "conn.log").read_bytes())
    assert service.run()
    assert metrics(service)['pacsflow_failures_in_a_row{job="add"}'] == 0


def test_files_below_that_are_closed_fail_until_they_are_open_and_the_others_are_read(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = tmp_path / "logs"
    closed = [logs / f"conn.0{hour}.log" for hour in range(5)]
    for number, path in enumerate(closed):
        row = {"uid": f"X{number}", "ts": T0 + 200 * 3600.0 + number, "id.orig_p": number + 1}
        path.write_text(json_log([row]))
    recognise = discovery.recognise

    def refused(path: Path) -> object:
        if path in closed:
            raise unreadable(path, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
        return recognise(path)

    with monkeypatch.context() as patched:
        patched.setattr(discovery, "recognise", refused)
        for count in (1, 2):
            assert not service.run(later(count / 10))
            (line,) = service.warned
            assert line.startswith(f"add: {closed[0]}: cannot be read: Permission denied; ")
            assert line.endswith("; and 2 more; the next round tries again")
            told = metrics(service)
            assert told['pacsflow_failures_in_a_row{job="add"}'] == count
            assert told["pacsflow_inputs_not_read"] == 5
            assert told['pacsflow_ledger_rows{table="connections"}'] == 335
    assert service.run(later(0.3))
    assert any("2026-W11.html" in line for line in service.said)
    assert metrics(service)["pacsflow_week_hours_with_data"] == 168 - 3
    assert metrics(service)["pacsflow_inputs_not_read"] == 0


def test_the_page_on_a_week_that_could_not_be_read_in_time_is_made_good(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[EmailMessage] = []
    monkeypatch.setattr(mail, "send", lambda message, _: sent.append(message) or {})
    service.set("mail", to=("it@example.org",), sender="pacs@example.org", server="localhost")
    (tmp_path / "logs").rename(tmp_path / "away")
    assert not service.run()
    page = tmp_path / "pages" / "2026-W11.html"
    empty = page.read_bytes()
    (tmp_path / "away").rename(tmp_path / "logs")
    assert service.run(later(0.1))
    assert page.read_bytes() != empty
    assert metrics(service)["pacsflow_week_hours_with_data"] > 160
    assert len(sent) == 2
    assert service.run(later(0.2))
    assert len(sent) == 2


def test_what_arrives_late_of_this_week_makes_no_page_anew(
    service: Service, tmp_path: Path
) -> None:
    assert service.run()
    paths = service.settings.inputs.paths
    service.set("inputs", paths=(*paths, tmp_path / "north"))
    assert not service.run(later(0.1))
    (tmp_path / "north").mkdir()
    now = {"uid": "N", "ts": MONDAY.timestamp() - 3600.0}
    (tmp_path / "north" / "conn.log").write_text(json_log([now]))
    assert service.run(later(0.2))
    assert not [line for line in service.said if line.endswith(".html")]


def test_a_fault_in_one_job_costs_no_other(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds.events, "lines", lambda *_: 1 / 0)
    assert not service.run()
    assert "look: this should not have happened: ZeroDivisionError" in service.warned[0]
    assert any("2026-W11.html" in line for line in service.said)


def beside(service: Service, config: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Return how a service ends that finds another one, of `service`'s settings, at work."""
    folder = service.settings.ledger.folder
    assert folder
    with alone(folder, name_of(service.settings)) as held:
        assert held
        return subprocess.run(
            [sys.executable, "-m", "pacsflow", "run", "--once", *options, "--config", str(config)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip


def test_two_services_on_one_ledger(service: Service, tmp_path: Path) -> None:
    service.run()
    config = tmp_path / "pacsflow.toml"
    config.write_text(f'[ledger]\nfolder = "{service.settings.ledger.folder}"\n')
    ran = beside(service, config, "-q", "--log-format", "json")
    line = json.loads(ran.stderr)
    assert (ran.returncode, line["level"]) == (0, "warning")
    assert "another pacsflow run is at work on it" in line["message"]
    service.run(later(0.1))
    assert metrics(service)["pacsflow_rounds_skipped"] == 1


def test_a_round_that_meets_a_long_one_of_its_own_tells_cron_nothing(
    service: Service, tmp_path: Path
) -> None:
    service.run()
    config = tmp_path / "pacsflow.toml"
    config.write_text(f'[ledger]\nfolder = "{service.settings.ledger.folder}"\n')
    service.settings, problems = load(config)
    assert not problems
    ran = beside(service, config, "-q")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    ran = beside(service, config)
    assert (ran.returncode, ran.stderr.count("this round is left out")) == (0, 1)
    folder = service.settings.ledger.folder
    assert folder
    assert skipped(folder) == 2


def test_a_problem_is_told_once(service: Service) -> None:
    (service.settings.inputs.paths[0] / "bad.log").write_text("nothing\n")
    service.run()
    assert len([line for line in service.warned if "bad.log" in line]) == 1
    service.run(later(0.1))
    assert service.warned == []


def test_old_days_go_where_the_settings_say_so(service: Service) -> None:
    service.run()
    assert not any("are gone" in line for line in service.said)
    service.set("ledger", keep="1w")
    service.run(later(24))
    assert any("days before 2026-03-10 are gone" in line for line in service.said)


@pytest.mark.few(1)
@pytest.mark.parametrize("content", ["", "{", "[]", '{"done": 3}', '{"done": {"page": "noon"}}'])
def test_a_state_that_cannot_be_read_is_none(service: Service, content: str) -> None:
    folder = service.settings.ledger.folder
    assert folder
    service.run()
    (folder / "service.json").write_text(content)
    assert read_state(folder).done == {}
    assert service.run(later(0.1))


def test_mail_goes_once_with_the_page_and_again_where_it_failed(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[EmailMessage] = []
    service.set("mail", to=("it@example.org",), sender="pacs@example.org", server="localhost")

    def hangs(*_: object) -> None:
        raise ToolError("localhost: no mail within 60 s")

    monkeypatch.setattr(mail, "send", hangs)
    assert not service.run()
    assert service.warned == ["mail: localhost: no mail within 60 s; the next round tries again"]
    monkeypatch.setattr(mail, "send", lambda message, _: sent.append(message) or {})
    assert service.run(later(0.1))
    assert service.run(later(0.2))
    assert len(sent) == 1
    message = sent[0]
    assert (message["To"], message["From"]) == ("it@example.org", "pacs@example.org")
    assert "2026-W11" in message["Subject"]
    parts = [part.get_content_type() for part in message.walk()]
    assert parts == ["multipart/mixed", "text/plain", "text/html"]


def test_a_mail_that_some_have_is_not_sent_again(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[EmailMessage] = []
    service.set("mail", to=("it@example.org", "no@example.org"), sender="pacs@example.org")

    def refuses_one(message: EmailMessage, _: object) -> dict[str, str]:
        sent.append(message)
        return {"no@example.org": "550 no such user"}

    monkeypatch.setattr(mail, "send", refuses_one)
    assert service.run()
    assert service.warned == ["mail: not to all of them: no@example.org: 550 no such user"]
    assert service.said[-1] == "2026-W11: sent to 1 of 2"
    assert service.run(later(0.2))
    assert len(sent) == 1


def test_findings_are_told_as_a_siem_takes_them(service: Service) -> None:
    service.run()
    told = events(service)[0]
    assert told["ecs"] == {"version": "8.17.0"}
    rule, event = told["rule"], told["event"]
    assert isinstance(rule, dict)
    assert isinstance(event, dict)
    assert rule["id"] == event["code"]
    assert event["kind"] == "alert"
    outside = next(e for e in events(service) if "200.1.2.3" in json.dumps(e))
    assert "200.1.2.3" in outside["related"]["ip"]  # type: ignore[index]


def test_findings_as_ocsf(service: Service) -> None:
    service.set("events", form="ocsf", least="info")
    service.run()
    for told in events(service):
        assert (told["class_uid"], told["type_uid"]) == (2004, 200401)
        assert told["severity_id"] in {1, 2, 3, 4, 5}
        assert isinstance(told["time"], int)


def test_moments_are_those_of_the_sites_clock() -> None:
    assert latest(MONDAY, time(6), ZONE, "monday") == datetime(2026, 3, 16, 9, tzinfo=UTC)
    before = MONDAY - timedelta(minutes=31)
    assert latest(before, time(6), ZONE, "monday") == datetime(2026, 3, 9, 9, tzinfo=UTC)
    assert latest(MONDAY, time(3), ZONE) == datetime(2026, 3, 16, 6, tzinfo=UTC)
    lisbon = ZoneInfo("Europe/Lisbon")  # at one o'clock the clock goes to two
    night = datetime(2026, 3, 29, 12, tzinfo=UTC)
    assert latest(night, time(1, 30), lisbon) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


def test_a_clock_that_was_wrong_stops_nothing() -> None:
    moment = MONDAY - timedelta(hours=1)
    assert is_due(None, moment, MONDAY)
    assert not is_due(MONDAY, moment, MONDAY + timedelta(minutes=1))
    assert is_due(datetime(2036, 1, 1, tzinfo=UTC), moment, MONDAY)


def test_without_a_ledger_it_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--once"]) == 2
    assert "[ledger] folder: the service needs one" in capsys.readouterr().err


def test_the_metrics_are_for_the_exporter_to_read(service: Service) -> None:
    before = os.umask(0o077)
    try:
        service.run()
    finally:
        os.umask(before)
    path = service.settings.metrics.textfile
    assert path
    assert path.stat().st_mode & 0o777 == 0o644
    types = [line.split()[2] for line in path.read_text().splitlines() if "# TYPE" in line]
    assert len(types) == len({*types})
    assert Path(path).read_text().endswith("\n")
