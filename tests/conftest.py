"""What the tests share: where real input lies, and how to write a Zeek log."""

from __future__ import annotations

import gc
import gzip
import json
import os
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from filelock import FileLock

import one_thread  # noqa: F401 - before NumPy is
from pacsflow.errors import ToolError
from pacsflow.programs import tools
from pacsflow.simulator import Hospital, hospital, write_logs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

gc.set_threshold(200_000, 50, 100)  # what tests keep is walked again and again otherwise
os.environ["TZ"] = "UTC"  # what a machine says of itself is asked where no zone is given
ROOT = Path(__file__).parents[1]
CAPTURES = Path(__file__).parent / "captures"
CONN_FIELDS = {
    "ts": "time", "uid": "string", "id.orig_h": "addr", "id.orig_p": "port", "id.resp_h": "addr",
    "id.resp_p": "port", "proto": "enum", "service": "string", "duration": "interval",
    "orig_bytes": "count", "resp_bytes": "count", "conn_state": "string", "missed_bytes": "count",
    "history": "string", "orig_pkts": "count", "orig_ip_bytes": "count", "resp_pkts": "count",
    "resp_ip_bytes": "count",
}  # fmt: skip
CONN_ROW = {
    "ts": "1772438400.000001", "uid": "C1", "id.orig_h": "10.0.0.1", "id.orig_p": "40000",
    "id.resp_h": "10.0.0.2", "id.resp_p": "104", "proto": "tcp", "service": "dicom",
    "duration": "1.5", "orig_bytes": "1000", "resp_bytes": "100", "conn_state": "SF",
    "missed_bytes": "0", "history": "ShADadFf", "orig_pkts": "10", "orig_ip_bytes": "1400",
    "resp_pkts": "8", "resp_ip_bytes": "420",
}  # fmt: skip
"""One association of 2026-03-02 08:00 UTC, a Monday."""


FIRST = {"test_gui.py", "test_hostile.py", "test_networks.py", "test_torture.py"}
"""Files with tests of half a minute and more: what begins last of them would run alone."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name not in FIRST)
    seen: Counter[str] = Counter()
    for item in items:
        few = item.get_closest_marker("few")
        test = item.nodeid.partition("[")[0]
        seen[test] += 1
        if few and seen[test] > few.args[0]:
            item.add_marker("thorough")


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what this machine has set for good out of every test."""
    monkeypatch.setenv("PACSFLOW_CONFIG", "")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real input that is not the project's own: beside the checkout, where there is any."""
    path = ROOT.parent / "shared" / "data"
    if not path.is_dir():
        pytest.skip("no ../shared/data beside the checkout")
    return path


def once(factory: pytest.TempPathFactory, name: str, fill: Callable[[Path], None]) -> Path:
    """Return a folder that `fill` fills: once, however many processes run the tests."""
    own = factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / name
    with FileLock(folder.with_suffix(".lock")):
        if not folder.is_dir():
            new = folder.with_suffix(".new")
            new.mkdir()
            fill(new)
            new.rename(folder)
    return folder


@pytest.fixture(scope="session")
def hospital_logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four weeks of the simulated hospital, a log a kind: read sooner than thousands of hours."""
    return once(tmp_path_factory, "hospital", _four_weeks)


def _four_weeks(new: Path) -> None:
    write_joined_logs(hospital(5, scale=0.2), new, weeks=4)


def write_joined_logs(place: Hospital, new: Path, weeks: int) -> None:
    """Write a simulated hospital's logs, a file a kind."""
    with tempfile.TemporaryDirectory() as folder:
        hourly = Path(folder)
        write_logs(place, hourly, weeks=weeks)
        for name in sorted({p.name.split(".")[0] for p in hourly.glob("2*/*.log.gz")}):
            _joined(sorted(hourly.glob(f"*/{name}.*.log.gz")), new / f"{name}.log")
        for name in ("inventory.tsv", "SIMULATED"):
            shutil.copyfile(hourly / name, new / name)


def _joined(parts: Sequence[Path], target: Path) -> None:
    with target.open("wb") as out:
        for i, path in enumerate(parts):
            for line in gzip.decompress(path.read_bytes()).splitlines(keepends=True):
                if not line.startswith(b"#") or (i == 0 and not line.startswith(b"#close")):
                    out.write(line)


@pytest.fixture(scope="session")
def tshark() -> str:
    try:
        return str(tools.tshark().path)
    except ToolError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def zeek_modules() -> Path:
    """The folder with Zeek's compiled analyzers."""
    if tools.zeek() is None:
        pytest.skip("no zeek on PATH, in /opt/zeek or /usr/local/zeek")
    from zeek.zeek_package import build_package

    return build_package()


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds, five minutes at most."""
    until = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def tsv(
    rows: Sequence[dict[str, Any] | str],
    *,
    path: str = "conn",
    fields: dict[str, str] | None = None,
    close: bool = True,
) -> str:
    """Return a Zeek TSV log. Rows are complete lines, or changes to `CONN_ROW`."""
    fields = fields or CONN_FIELDS
    lines = ["#separator \\x09", "#set_separator\t,", "#empty_field\t(empty)"]
    lines += ["#unset_field\t-", f"#path\t{path}", "#open\t2026-03-02-08-00-00"]
    lines += ["#fields\t" + "\t".join(fields), "#types\t" + "\t".join(fields.values())]
    for row in rows:
        if isinstance(row, str):
            lines.append(row)
        else:
            whole = {**CONN_ROW, **row} if path == "conn" else row
            lines.append("\t".join(str(whole.get(name, "-")) for name in fields))
    if close:
        lines.append("#close\t2026-03-02-09-00-00")
    return "\n".join(lines) + "\n"


def json_log(rows: Sequence[dict[str, Any]]) -> str:
    """Return a Zeek JSON conn.log; rows are changes to a complete one."""
    base: dict[str, Any] = {
        name: float(value) if name in {"ts", "duration"} else value
        for name, value in CONN_ROW.items()
    }
    for name, kind in CONN_FIELDS.items():
        if kind in {"count", "port"}:
            base[name] = int(base[name])
    return "".join(json.dumps({**base, **row}) + "\n" for row in rows)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    """Return a function that writes a file below a temporary folder."""

    def write_file(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_file
