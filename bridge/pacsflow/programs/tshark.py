"""Runs tshark with the Wireshark plugin over one capture: tag logs in Zeek's format come out."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from pacsflow.errors import InputError, ToolError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PACKAGED = Path(__file__).resolve().parents[1] / "_data" / "wireshark"
CHECKOUT = Path(__file__).resolve().parents[3] / "wireshark_plugin"
BUNDLE = "pacsflow.lua"

PROGRESS_EVERY = 10_000
WRITTEN = re.compile(r"pacsflow: wrote (\d+) dicom, (\d+) known_dicom, (\d+) frames")
PROGRESS = re.compile(r"pacsflow: frame (\d+)")
# The two columns that the plugin copies; any others would only cost time.
COLUMNS = 'gui.column.format:"Protocol","%p","Info","%i"'
# The plugin reads sampled headers itself.
NO_SAMPLES = "sflow.enable_dissection:FALSE"
MAX_WARNINGS = 100


@dataclass(frozen=True, slots=True)
class ExportedLogs:
    """The logs that one capture gave.

    Attributes
    ----------
    dicom, known_dicom, frames
        Paths of the three logs (Zeek TSV).
    dicom_rows, known_dicom_rows, frame_rows
        Rows in each.
    warnings
        What tshark and the plugin had to say, one line each: a capture that was cut short, an
        inventory line that could not be used.
    sflow
        What the sFlow agents of the capture say of their sampling; None where there are none.
    """

    dicom: Path
    known_dicom: Path
    frames: Path
    dicom_rows: int
    known_dicom_rows: int
    frame_rows: int
    warnings: tuple[str, ...]
    sflow: Path | None = None


def plugin_folder() -> Path:
    """Return the folder with the plugin, from the wheel or from a checkout.

    Raises
    ------
    ToolError
        Neither is there.
    """
    for folder in (PACKAGED, CHECKOUT):
        if (folder / BUNDLE).is_file():
            return folder
    raise ToolError(f"the Wireshark plugin {BUNDLE} is missing from this installation of pacsflow")


def find_tshark(tshark: str | None = None) -> str:
    """Return the path of tshark.

    Parameters
    ----------
    tshark
        A path or name; by default the environment variable PACSFLOW_TSHARK, then ``tshark``.

    Raises
    ------
    ToolError
        It is not installed.
    """
    wanted = tshark or os.environ.get("PACSFLOW_TSHARK") or "tshark"
    found = shutil.which(wanted)
    if found is None:
        raise ToolError(
            f"{wanted} was not found: install Wireshark's tshark 4.0 or later "
            "(Debian: apt install tshark), or name its path"
        )
    return found


def export_logs(
    capture: Path,
    out_dir: Path,
    *,
    tshark: str | None = None,
    inventory: Path | None = None,
    sampling_rate: int | None = None,
    keylog: Path | None = None,
    brief: bool = False,
    progress: Callable[[int], None] | None = None,
) -> ExportedLogs:
    """Write dicom.log, known_dicom.log and frames.log of a capture.

    Parameters
    ----------
    capture
        Anything tshark opens: pcap, pcapng, compressed or not.
    out_dir
        Folder for the logs; made where it does not exist. Logs in it are replaced.
    tshark
        Path of tshark (see `find_tshark`).
    inventory
        The hospital's inventory (a Zeek log with match, name, role, modality, site).
    sampling_rate
        The capture holds one in so many frames (``sflowtool -t``); None: all of them.
    keylog
        TLS key log (NSS format), to read associations inside TLS.
    brief
        Leave hardware addresses, Info and tags out of frames.log: a ledger asks for none of them.
    progress
        Called now and then with the number of frames read so far.

    Raises
    ------
    InputError
        tshark cannot read the capture.
    ToolError
        tshark is missing, or does not run the plugin.
    """
    program = find_tshark(tshark)
    bundle = plugin_folder() / BUNDLE
    capture = capture.absolute()
    if not capture.is_file():
        raise InputError(capture, "no such file", hint="expected a capture, pcap or pcapng")
    out_dir.mkdir(parents=True, exist_ok=True)
    sflow = out_dir / "sflow.log"
    sflow.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="pacsflow-tshark-") as home:
        command = [program, "-n", "-r", str(capture), "-X", f"lua_script:{bundle}", "-o", COLUMNS]
        command += ["-o", NO_SAMPLES]
        if keylog is not None:
            command += ["-o", f"tls.keylog_file:{keylog.absolute()}"]
        environment = _environment(Path(home), out_dir.absolute(), inventory, sampling_rate)
        if brief:
            environment["PACSFLOW_BRIEF"] = "1"
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        try:
            counts, warnings = _listen(process, progress)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
    if counts is None:
        _explain(capture, process.returncode, warnings)
    return ExportedLogs(
        out_dir / "dicom.log",
        out_dir / "known_dicom.log",
        out_dir / "frames.log",
        dicom_rows=counts[0],
        known_dicom_rows=counts[1],
        frame_rows=counts[2],
        warnings=tuple(warnings),
        sflow=sflow if sflow.is_file() else None,
    )


def _environment(
    home: Path, out_dir: Path, inventory: Path | None, sampling_rate: int | None
) -> dict[str, str]:
    # A home of its own: neither the user's preferences nor another copy of the plugin take part.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PACSFLOW_")}
    kept.update(
        HOME=str(home),
        WIRESHARK_CONFIG_DIR=str(home),
        XDG_CONFIG_HOME=str(home),
        PACSFLOW_EXPORT=str(out_dir),
        PACSFLOW_PROGRESS=str(PROGRESS_EVERY),
    )
    if inventory is not None:
        kept["PACSFLOW_INVENTORY"] = str(inventory.absolute())
    if sampling_rate is not None and sampling_rate > 1:
        kept["PACSFLOW_SAMPLING_RATE"] = str(sampling_rate)
    return kept


def _listen(
    process: subprocess.Popen[bytes], progress: Callable[[int], None] | None
) -> tuple[tuple[int, int, int] | None, list[str]]:
    """Follow tshark's standard error to its end."""
    counts: tuple[int, int, int] | None = None
    warnings: list[str] = []
    for line in _lines(process):
        if written := WRITTEN.match(line):
            counts = (int(written[1]), int(written[2]), int(written[3]))
        elif (at := PROGRESS.match(line)) is not None:
            if progress is not None:
                progress(int(at[1]))
        elif line and not line.startswith("Running as user") and len(warnings) < MAX_WARNINGS:
            warnings.append(line)
    process.wait()
    return counts, warnings


def _lines(process: subprocess.Popen[bytes]) -> Iterator[str]:
    if process.stderr is None:  # pragma: no cover - it is a pipe
        return
    for raw in process.stderr:
        text = raw.decode("utf-8", "replace")
        yield "".join(c if c.isprintable() else " " for c in text).strip()


def _explain(capture: Path, code: int, warnings: list[str]) -> NoReturn:
    """Raise the error that says why there are no logs."""
    said = warnings[-1].removeprefix("tshark: ") if warnings else ""
    for line in warnings:
        if "lua" in line.lower() or "cannot write" in line:
            raise ToolError(f"tshark could not run the plugin: {line}")
    if code < 0:
        raise ToolError(f"tshark ended by signal {-code} while reading {capture}")
    if said:
        raise InputError(capture, said, hint="expected a capture, pcap or pcapng")
    raise ToolError(
        "tshark did not load the plugin: version 4.4 and later refuse Lua scripts when started "
        "as root; run pacsflow as another user"
    )
