"""Runs Zeek with the package over one capture: tag logs and conn.log come out."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import portalocker

from pacsflow.errors import InputError, ToolError
from pacsflow.programs import places
from pacsflow.programs.install_zeek import MODULE, compile_module, package_source
from pacsflow.programs.tools import ZEEK_FOLDERS, ZEEK_MINIMUM, locate, version_of


@dataclass(frozen=True, slots=True)
class ZeekLogs:
    """Paths of the logs that one capture gave; Zeek writes no log that has no rows."""

    dicom: Path
    known_dicom: Path
    dicom_times: Path
    conn: Path


def find_zeek() -> Path:
    """Return Zeek's path.

    Raises
    ------
    ToolError
        It is missing, or older than 8.0.
    """
    found = locate("zeek", ZEEK_FOLDERS)
    if found is None:
        raise ToolError(
            f"zeek was not found on PATH or in {' or '.join(ZEEK_FOLDERS)}: install Zeek 8.0 or "
            "later (zeek.org), or put it on PATH"
        )
    version = version_of(found)
    if version < ZEEK_MINIMUM:
        raise ToolError(f"{found} is Zeek {'.'.join(map(str, version))}; 8.0 is needed")
    return found


def compiled_package(zeek: Path) -> Path:
    """Return the folder with the package's compiled analyzers; compile them where they changed.

    They are kept in the user's cache (XDG_CACHE_HOME), by the grammars' content and Zeek's
    version. Compiling takes a minute or two.

    Raises
    ------
    ToolError
        ``spicyz`` is missing or fails, or the cache cannot be written.
    """
    analyzer = package_source() / "analyzer"
    digest = hashlib.sha256(".".join(map(str, version_of(zeek))).encode())
    for path in sorted(path for path in analyzer.iterdir() if path.is_file()):
        digest.update(path.read_bytes())
    folder = Path(places.cache(places.here())) / f"zeek-{digest.hexdigest()[:16]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with portalocker.Lock(folder / ".lock", "w"):
            if not (folder / MODULE).is_file():
                unfinished = folder / f"unfinished-{MODULE}"
                compile_module(analyzer, unfinished)
                unfinished.replace(folder / MODULE)
    except OSError as error:
        raise ToolError(f"{folder}: cannot be written: {error.strerror}") from None
    return folder


def export_zeek_logs(
    capture: Path, out_dir: Path, *, inventory: Path | None = None, modules: Path | None = None
) -> ZeekLogs:
    """Write Zeek's logs of a capture, dicom.log and known_dicom.log among them.

    Parameters
    ----------
    capture
        A capture that Zeek opens: pcap or pcapng. Checksums are not looked at.
    out_dir
        Folder for the logs; made where it does not exist. Tag logs in it are replaced.
    inventory
        The hospital's inventory (a Zeek log with match, name, role, modality, site).
    modules
        Folder with the compiled analyzers; by default those of `compiled_package`.

    Raises
    ------
    InputError
        Zeek cannot read the capture.
    ToolError
        Zeek is missing or too old, or its package cannot be compiled.
    """
    zeek = find_zeek()
    capture = capture.absolute()
    if not capture.is_file():
        raise InputError(capture, "no such file", hint="expected a capture, pcap or pcapng")
    modules = modules or compiled_package(zeek)
    out_dir.mkdir(parents=True, exist_ok=True)
    names = ("dicom", "known_dicom", "dicom_times", "conn")
    logs = ZeekLogs(*(out_dir / f"{name}.log" for name in names))
    for name in names:
        (out_dir / f"{name}.log").unlink(missing_ok=True)
    command: list[str | Path] = [zeek, "-C", "-r", capture, package_source() / "scripts"]
    command.append("policy/protocols/conn/community-id-logging")
    if inventory is not None:
        command.append(f"DICOM::inventory_file={inventory.absolute()}")
    with tempfile.TemporaryDirectory(prefix="pacsflow-zeek-") as home:
        # A home of its own: no local.zeek and no other copy of the package take part.
        environment = {k: v for k, v in os.environ.items() if not k.startswith("ZEEK")}
        environment |= {"ZEEK_PLUGIN_PATH": str(modules), "HOME": home, "TZ": "UTC"}
        ran = subprocess.run(
            command,
            cwd=out_dir,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    if ran.returncode:
        said = next(iter(reversed(ran.stderr.strip().splitlines())), f"exit {ran.returncode}")
        if "capture" in said or "dump file" in said or "problem with trace file" in ran.stderr:
            raise InputError(capture, said, hint="expected a capture, pcap or pcapng")
        raise ToolError(f"zeek failed on {capture}: {said}")
    return logs
