"""The wheel works without the checkout, on the packages that it asks for and no others."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest

from conftest import json_log

ROOT = Path(__file__).parents[2]
PINNED = re.compile(r"^([\w.-]+)==", re.MULTILINE)
T0 = 1772438400


def build(folder: Path) -> Path:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's files, and links to the packages of requirements.lock alone."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder)
    for name in {*PINNED.findall((ROOT / "requirements.lock").read_text())}:
        try:
            there = distribution(name)
        except ModuleNotFoundError:  # of another system or Python
            continue
        for part in {file.parts[0] for file in there.files or ()} - {"..", "__pycache__"}:
            target = folder / part
            if not part.endswith(".pth") and not target.exists():
                target.symlink_to(Path(str(there.locate_file(part))))
    return folder


def run(installed: Path, *arguments: object, code: int = 0) -> str:
    """Run the command of the wheel, outside the checkout and its environment."""
    base = getattr(sys, "_base_executable", sys.executable)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL"))}
    ran = subprocess.run(
        [base, "-c", "from pacsflow.cli import entry; entry()", *map(str, arguments)],
        cwd=installed.parent, env={**kept, "PYTHONPATH": str(installed)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == code, ran.stderr
    return ran.stdout


def test_it_makes_a_report(installed: Path, tmp_path: Path) -> None:
    rows = [{"uid": f"C{h}", "ts": T0 + h * 3600.0} for h in range(30)]
    (tmp_path / "conn.log").write_text(json_log(rows))
    page = tmp_path / "week.html"
    told = run(installed, "report", tmp_path / "conn.log", "-o", page, "--lang", "pt-BR")
    assert told.strip() == str(page)
    assert "2026-W10" in page.read_text("utf-8")
    rows = json.loads(run(installed, "top", tmp_path / "conn.log", "-f", "json"))
    assert rows[0]["source"]


def test_it_brings_the_taggers(installed: Path, tmp_path: Path) -> None:
    run(installed, "install", "wireshark", "--to", tmp_path / "plugins", "--profile")
    assert (tmp_path / "plugins" / "pacsflow.lua").is_file()
    run(installed, "install", "zeek", "--to", tmp_path / "zeek", "--no-build")
    assert (tmp_path / "zeek" / "pacsflow" / "__load__.zeek").is_file()


def test_it_has_no_file_of_another_kind(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
        about = packed.read(next(n for n in names if n.endswith("METADATA"))).decode()
    heads = {name.split("/")[0] for name in names}
    about_it = {head for head in heads if head.endswith((".dist-info", ".data"))}
    assert heads == {"pacsflow", "pacsflow_reports", *about_it}
    shared = [name.partition(".data/")[2] for name in names if ".data/" in name]
    assert shared == ["data/share/man/man1/pacsflow.1"]
    assert not [n for n in names if "__pycache__" in n or n.endswith((".orig", ".part"))]
    assert "License-Expression: BSD-3-Clause" in about


def test_it_is_the_same_whenever_it_is_built(wheel: Path, tmp_path: Path) -> None:
    again = build(tmp_path)
    first, second = (hashlib.sha256(p.read_bytes()).hexdigest() for p in (wheel, again))
    assert first == second


def test_the_manual_has_every_command() -> None:
    from pacsflow.cli.commands import COMMANDS
    from pacsflow.cli.manual import manual

    text = "".join(manual())
    written = (ROOT / "docs" / "pacsflow.1").read_text("utf-8")
    assert written == text, "python -m pacsflow.cli.manual > docs/pacsflow.1"
    for name in COMMANDS:
        assert f".SS pacsflow {name.replace('-', chr(92) + '-')}" in text
    assert "\\-\\-site\\-tz" in text
    assert not re.search(r"(?m)^\.(?!TH|SH|SS|TP|PP|B|BR|I)\w*", text)
