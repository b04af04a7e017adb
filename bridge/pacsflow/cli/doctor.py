"""`doctor`: what is installed, which versions, what is missing and how to get it."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pacsflow import __version__
from pacsflow.cli import USABLE, app
from pacsflow.cli.options import FormatOption
from pacsflow.cli.tables import OutputFormat, emit
from pacsflow.errors import ToolError
from pacsflow.programs import tools

LIBRARIES = ("zat", "pyshark", "pandas", "pyarrow", "duckdb", "statsmodels", "jinja2")
WIRESHARK_FOLDER = Path.home() / ".local/lib/wireshark/plugins"


@app.command()
def doctor(how: FormatOption = OutputFormat.TABLE) -> int:
    """Say what is installed, in which version, what is missing, what for, and how to get it."""
    rows = [["pacsflow", "ok", __version__, "", ""]]
    rows.append(["python", "ok", platform.python_version(), "", ""])
    rows += [_library(name) for name in LIBRARIES]
    rows += [_tshark(), _zeek(), _analyzer(), _plugin(), _chromium(), _graphviz()]
    columns = ["what", "state", "version", "used_for", "how_to_get_it"]
    emit("", columns, rows, how, spare={"used_for"})
    return USABLE if all(row[1] != "broken" for row in rows) else 2


def _library(name: str) -> list[Any]:
    try:
        return [name, "ok", version(name), "", ""]
    except PackageNotFoundError:
        return [name, "broken", "-", "pacsflow itself", f"{sys.executable} -m pip install pacsflow"]


def _tshark() -> list[Any]:
    try:
        found = tools.tshark()
    except ToolError as error:
        there = "too old" if "later" in str(error) else "missing"
        return ["tshark", there, "-", "captures, sFlow", "apt-get install tshark"]
    return ["tshark", "ok", found.version_text, "captures, sFlow", ""]


def _zeek() -> list[Any]:
    found = tools.zeek()
    hint = "https://docs.zeek.org/en/master/install.html, 8.0 or later"
    if found is None:
        return ["zeek", "missing", "-", "a sensor's own logs, cross-check", hint]
    state = "ok" if found.version >= tools.ZEEK_MINIMUM else "too old"
    return ["zeek", state, found.version_text, "a sensor's own logs, cross-check", ""]


def _analyzer() -> list[Any]:
    row = ["zeek DICOM analyzer", "missing", "-", "dicom.log on a sensor", "pacsflow install zeek"]
    found = tools.zeek()
    if found is None:
        return row
    ran = subprocess.run(
        [found.path, "-NN"], capture_output=True, text=True, timeout=60, check=False
    )
    if "spicy::DICOM" in ran.stdout or "ANALYZER_DICOM" in ran.stdout.upper():
        return [row[0], "ok", "-", row[3], ""]
    return row


def _plugin() -> list[Any]:
    there = (WIRESHARK_FOLDER / "pacsflow.lua").is_file()
    row = ["Wireshark plugin", "ok" if there else "missing", "-", "tags in Wireshark's windows"]
    return [*row, "" if there else "pacsflow install wireshark"]


def _chromium() -> list[Any]:
    path = next(
        (p for n in ("chromium", "google-chrome", "chrome") if (p := shutil.which(n))), None
    )
    row = ["chromium", "ok" if path else "missing", "-", "reports as PDF"]
    return [*row, "" if path else "apt-get install chromium"]


def _graphviz() -> list[Any]:
    path = shutil.which("dot")
    row = ["graphviz", "ok" if path else "missing", "-", "drawing `pacsflow map -f dot`"]
    return [*row, "" if path else "apt-get install graphviz"]
