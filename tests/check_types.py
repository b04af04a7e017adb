"""Checks types for each supported Python and system, against the packages that it would get.

The lock files name other versions of numpy and its stubs for other Pythons; those that this
environment does not have are fetched beside it, once. `python tests/check_types.py [VERSION...]`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import zlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packaging.markers import Marker

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements-dev.lock"
KEPT = ROOT / "build" / "types"
PLATFORMS = ("linux", "win32", "darwin")
SUPPORTED = ("3.11", "3.12", "3.13", "3.14")
PINNED = re.compile(r"^([\w.-]+)==([^\s;\\]+)(?: ; ([^\\]+?))? \\$")


def others(python: str) -> list[str]:
    """Return the locked requirements that `python` gets and this environment does not have."""
    wanted, kept = [], False
    for line in LOCK.read_text().splitlines():
        if pinned := PINNED.match(line):
            name, number, marker = pinned.groups()
            kept = marker is not None and _holds(marker, python) and _installed(name) != number
            line = f"{name}=={number} \\"  # noqa: PLW2901 - its marker is about another Python
        if kept:
            wanted.append(line)
    return wanted


def _holds(marker: str, python: str) -> bool:
    environment = {"python_version": python, "python_full_version": f"{python}.0"}
    return Marker(marker).evaluate(environment)


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def fetched(python: str, requirements: list[str]) -> Path:
    """Return a folder with these packages, as `python` gets them."""
    folder = KEPT / f"{python}-{zlib.crc32(repr(requirements).encode()):08x}"
    if folder.is_dir() or not requirements:
        return folder
    KEPT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=KEPT) as name:
        listed = Path(name) / "requirements.txt"
        listed.write_text("\n".join(requirements) + "\n")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        command += ["--disable-pip-version-check", "--python-version", python]
        command += [
            "--only-binary",
            ":all:",
            "--ignore-requires-python",
            "--require-hashes",
            "--target",
            f"{name}/packages",
        ]
        subprocess.run([*command, "-r", str(listed)], check=True)
        (Path(name) / "packages").rename(folder)
    return folder


def checked(python: str, platform: str, beside: Path) -> int:
    """Check for one Python on one system, against the packages `beside`; return mypy's code."""
    command = [sys.executable, "-m", "mypy", "--python-version", python, "--platform", platform]
    command += [f"--cache-dir={KEPT / f'cache-{python}-{platform}'}"]
    sys.stdout.write(f"Python {python}, {platform}: ")
    sys.stdout.flush()
    paths = os.pathsep.join(filter(None, [str(beside), os.environ.get("PYTHONPATH", "")]))
    environment = {**os.environ, "PYTHONPATH": paths}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def main() -> int:
    """Check for each Python and return 1 where one finds something."""
    failed = 0
    for python in sys.argv[1:] or SUPPORTED:
        beside = fetched(python, others(python))
        for platform in PLATFORMS if python == SUPPORTED[0] else PLATFORMS[:1]:
            failed |= checked(python, platform, beside)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
