"""`doctor`: what is installed, which versions, what is missing and how to get it."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pacsflow import __version__
from pacsflow.cli import USABLE, app
from pacsflow.cli.options import FormatOption, speaking
from pacsflow.cli.tables import OutputFormat, emit
from pacsflow.errors import ToolError
from pacsflow.programs import places, tools
from pacsflow.programs.dissection import without_plugin
from pacsflow.programs.install_wireshark import Done, install_wireshark
from pacsflow.programs.install_zeek import is_changed
from pacsflow.programs.unprivileged import NAME

INSTALL = "pacsflow install wireshark"
LIBRARIES = ("zat", "pyshark", "pandas", "pyarrow", "duckdb", "statsmodels", "jinja2")


@app.command()
@speaking
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
    how = places.how_to_get("tshark", places.here())
    try:
        found = tools.tshark()
    except ToolError as error:
        there = "too old" if "later" in str(error) else "missing"
        return ["tshark", there, "-", "captures, sFlow", how]
    if without_plugin(found):
        there, how = "no plugin", f"pacsflow run by another than root; {NAME} cannot start it here"
    else:
        there, how = "ok", ""
    return ["tshark", there, found.version_text, "captures, sFlow", how]


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
        changed = is_changed()
        return [row[0], "changed" if changed else "ok", *row[2:4], row[4] if changed else ""]
    return row


def _plugin() -> list[Any]:
    row = ["Wireshark plugin", "missing", "-", "tags in Wireshark's windows"]
    try:
        installed = install_wireshark(dry=True)[0]
    except ToolError:  # no plugin in this package, or a file that cannot be read
        return [row[0], "unreadable", *row[2:], INSTALL]
    if installed.done is Done.NEW:
        return [*row, INSTALL]
    row[2] = installed.before or "-"
    if installed.done is Done.SAME:
        return [row[0], "ok", *row[2:], ""]
    state = "changed" if installed.before == __version__ else "other version"
    return [row[0], state, *row[2:], INSTALL]


def _chromium() -> list[Any]:
    from pacsflow_reports.pdf import find_chromium

    row = ["chromium", "ok" if find_chromium() else "missing", "-", "reports as PDF"]
    return [*row, "" if row[1] == "ok" else places.how_to_get("chromium", places.here())]


def _graphviz() -> list[Any]:
    row = ["graphviz", "ok" if shutil.which("dot") else "missing", "-"]
    how = "" if row[1] == "ok" else places.how_to_get("graphviz", places.here())
    return [*row, "drawing `pacsflow map -f dot`", how]
