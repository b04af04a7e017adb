"""The Zeek package under test: where Zeek is, building the package, the hash of its files."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
from pathlib import Path

from pacsflow.programs.install_zeek import GRAMMARS, MODULE
from pacsflow.programs.tools import ZEEK_FOLDERS, locate

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "zeek_scripts"
RECORD = Path(__file__).parent / "record.json"
PARTS = (
    "analyzer",
    "scripts",
    "testing/Scripts",
    "testing/Files",
    "testing/tests",
    "testing/Baseline",
)


def find_zeek() -> Path | None:
    """Return the zeek that the tests use, or None."""
    return locate("zeek", ZEEK_FOLDERS)


def package_files() -> list[Path]:
    """Return the files that make up the package and its tests, in a fixed order."""
    found = [path for part in PARTS for path in (PACKAGE / part).rglob("*")]
    found += [PACKAGE / "testing" / "btest.cfg", ROOT / "zkg.meta"]
    return sorted(p for p in found if p.is_file() and "__pycache__" not in p.parts)


def package_hash(files: list[Path] | None = None) -> str:
    """Return the SHA-256 of the names and contents of the package's files."""
    digest = hashlib.sha256()
    for path in files if files is not None else package_files():
        content = path.read_bytes()
        digest.update(f"{path.relative_to(ROOT).as_posix()}\n{len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def build_package() -> Path:
    """Compile the analyzers into `zeek_scripts/build`, if they or Zeek changed; return it."""
    folder = PACKAGE / "build"
    folder.mkdir(exist_ok=True)
    sources = [PACKAGE / "analyzer" / name for name in GRAMMARS]
    headers = sorted((PACKAGE / "analyzer").glob("*.h"))
    spicyz = locate("spicyz", ZEEK_FOLDERS)
    assert spicyz is not None or find_zeek() is None, "zeek is there, and spicyz is not"
    made = spicyz.resolve() if spicyz else None
    wanted = f"{package_hash([*sources, *headers])} {made} {made.stat().st_mtime if made else ''}"
    stamp = folder / "sources.sha256"
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ((folder / MODULE).is_file() and stamp.is_file() and stamp.read_text() == wanted):
            assert spicyz is not None, "there is no spicyz to compile the analyzers with"
            subprocess.run([spicyz, "-o", folder / MODULE, *sources], check=True)
            stamp.write_text(wanted)
    return folder


def environment_path() -> str:
    """Return a PATH with Zeek and btest in it."""
    import os
    import sys

    zeek = find_zeek()
    assert zeek is not None
    btest = shutil.which("btest") or str(Path(sys.executable).parent / "btest")
    return os.pathsep.join([str(zeek.parent), str(Path(btest).parent), os.environ["PATH"]])
