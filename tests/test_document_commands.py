"""Every command that the documents show is run, on logs, captures and tables of ours."""

from __future__ import annotations

import re
import shlex
import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from conftest import CAPTURES, once, write_joined_logs
from pacsflow.cli import main
from pacsflow.programs import install_zeekctl
from pacsflow.series import HourlySeries
from pacsflow.simulator import hospital
from pacsflow.simulator.study import COLUMNS, PACS
from sampling.sflow_encoder import datagram, flow_sample, raw_header, tcp, udp, write_pcap
from test_documents import DOCUMENTS, commands
from zeek.zeek_package import find_zeek

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

START, MINUTE = datetime(2026, 3, 2, tzinfo=UTC), timedelta(0, 60)
STATE = "/var/lib/pacsflow"
CONFIGURED = f'[ledger]\nfolder = "{STATE}/ledger"\n[archive]\nfolder = "{STATE}/pages"\n'
ELSEWHERE = {
    "demo": "tests/simulator, and `make report`",
    "watch": "tests/cli/test_watch.py: it ends when it is told to",
    "live": "tests/wireshark/test_pyshark_view.py: it needs an interface",
    "explore": "tests/explore: it opens a shell",
    "run": "tests/service/test_rounds.py: it ends when it is told to",
    "cross-check": "tests/cross: it needs Zeek",
    "doctor": "tests/programs: it ends with 1 where something is missing",
    "inventory": "tests/inventory",
}
"""Commands that other tests run, and why not here."""
ON_SPARK = "--engine"
"""What reads on a cluster: tests/spark."""
MENTIONS = re.compile(r"pacsflow [a-z-]+( [a-z]+)?( --[a-z-]+( \S+)?)*$")
"""A command's name in a sentence, with no source: nothing to be run."""
ALONE = ("config", "install")
"""Commands that need no source."""
PLACES = {
    "/opt/zeek/logs": "logs", "LOGS": "logs", "logs/": "logs", "/srv/pacsflow": "ledger",
    "DIR": "ledger", "/srv/www/pacsflow": "pages", "PAGES": "pages", "demo/ledger": "ledger",
    "CAPTURE": "sflow.pcap", "monday.pcap": "study.csv", "OTHER": "other", "NEW": "new",
    "/srv/group": "ledger", "/mnt/north/pacsflow": "other", "/mnt/south/pacsflow": "other",
    "/mnt/stick/pacsflow": "stick", "/etc/pacsflow/pacsflow.toml": "pacsflow.toml",
    "UID": "10.20.0.10", "10.1.1.5": "10.20.0.10", "study.xlsx": "study.csv",
}  # fmt: skip
"""What stands in the documents, and what is there to be read in its place."""


def to_run() -> list[str]:
    """Return the commands of all documents but the reference, each once, as they are run here."""
    found: dict[str, None] = {}
    for document in DOCUMENTS:
        for line in commands(document.read_text("utf-8")):
            words = shlex.split(line.replace("...", "").replace("[LOGS]", "LOGS"))[1:]
            if words[0] in ELSEWHERE or "," in line or "|" in words[0] or ON_SPARK in words:
                continue
            if (
                MENTIONS.match(line)
                and (words[0] not in ALONE or len(words) == 1)
                and "--ledger" not in words
            ):
                continue
            if words[0] == "install":
                words.append("--dry-run")
            found[shlex.join(PLACES.get(word, word) for word in words)] = None
    return list(found)


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that the documents name."""
    return once(tmp_path_factory, "documents", _fill)


def _fill(place: Path) -> None:
    (place / "logs").mkdir()
    write_joined_logs(hospital(5, scale=0.01), place / "logs", weeks=1)
    shutil.copyfile(place / "logs" / "inventory.tsv", place / "inventory.tsv")
    shutil.copyfile(CAPTURES / "store_ct_mr.pcapng", place / "capture.pcapng")
    sflow(place / "sflow.pcap")
    ledger = ["--ledger", str(place / "ledger"), "--sensor", "north"]
    assert main(["ingest", str(place / "logs"), str(place / "sflow.pcap"), *ledger]) == 0
    shutil.copytree(place / "ledger", place / "other")
    rows = [
        f"{START + n * MINUTE:%Y-%m-%d %H:%M:%S},DICOM,10.65.143.{20 + n % 5},{PACS},"
        f"00:00:5e:00:53:01,00:00:5e:00:53:02,10,{100 + n % 900},P-DATA"
        for n in range(2000)
    ]
    (place / "study.csv").write_text("\n".join([",".join(COLUMNS), *rows]))
    hours = np.arange(24 * 28)
    traffic = HourlySeries("all", "bytes", START, 5e6 + 4e6 * np.sin(hours / 12 * np.pi))
    for name in ("traffic", "ward", "communications"):
        traffic.to_pandas().to_csv(place / f"{name}.csv")
    (place / "pacsflow.toml").write_text(CONFIGURED)
    (place / "site.key").write_text("0123456789abcdef" * 4)
    (place / "site.key").chmod(0o600)


def sflow(path: Path) -> None:
    """Write a datagram a second: an agent that samples one frame in 512 of a PACS's port."""
    frame = tcp("10.20.0.10", 104, "10.20.64.10", 40000, length=1500)
    sample = flow_sample(1, 3, 512, 512, [raw_header(frame, 1518)])
    frames = [(float(n), udp(datagram("10.9.0.250", n, 1000 * n, [sample]))) for n in range(60)]
    write_pcap(path, frames)


@pytest.fixture
def here(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(place, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PACSFLOW_CONFIG", "")
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    return tmp_path


@pytest.mark.few(5)
@pytest.mark.parametrize("line", to_run())
def test_a_command_of_the_documents_runs(
    here: Path, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pacsflow.week.curves.forecast_many_kept", _no_forecasts)
    if line.startswith(("config", "install systemd")):
        monkeypatch.setenv("PACSFLOW_CONFIG", str(here / "pacsflow.toml"))
    if line.startswith("config init"):
        (here / "pacsflow.toml").unlink()
    if line.startswith("install zeekctl"):
        (here / install_zeekctl.PLACE).mkdir(parents=True)
        line += " --zeek ."
    assert main(shlex.split(line)) == _code(line)


def _code(line: str) -> int:
    if line.startswith("install zeek ") and find_zeek() is None:
        return 2
    return 1 if "--fail-on" in line else 0


def _no_forecasts(_folder: object, series: Sequence[HourlySeries], **_: object) -> list[None]:
    """Forecasts have tests of their own; a page without them takes a second."""
    return [None] * len(series)
