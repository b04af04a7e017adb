"""Runs tshark with the Wireshark plugin over one capture: tag logs in Zeek's format come out."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from pacsflow.errors import InputError, ToolError
from pacsflow.programs import tools
from pacsflow.programs.dissection import Dissection, as_root, dissecting
from pacsflow.programs.unprivileged import take

if TYPE_CHECKING:
    from collections.abc import Callable

    from pacsflow.programs.tools import Tool

LOGS = ("dicom", "known_dicom", "dicom_times", "frames", "capture")
PROGRESS_EVERY = 10_000
WRITTEN = re.compile(r"pacsflow: wrote \d+ dicom, \d+ known_dicom, \d+ frames")
PROGRESS = re.compile(r"pacsflow: frame (\d+)")
# The two columns that the plugin copies; any others would only cost time.
COLUMNS = 'gui.column.format:"Protocol","%p","Info","%i"'
# The plugin reads sampled headers itself.
NO_SAMPLES = "sflow.enable_dissection:FALSE"
OF_ITSELF = re.compile(r"Running as user|(?:tshark: )?Couldn't load plugin '")
"""What tshark says of how it is installed, and not of a capture."""
MAX_WARNINGS = 100
UNRESOLVED = b"\tunresolved\t"


@dataclass(frozen=True, slots=True)
class ExportedLogs:
    """The logs that one capture gave.

    Attributes
    ----------
    dicom, known_dicom, frames
        Paths of the three logs (Zeek TSV).
    warnings
        What tshark and the plugin had to say, one line each: a capture that was cut short, an
        inventory line that could not be used.
    capture
        What became of the frames of the capture, and what its clock did (capture.log).
    dicom_times
        How fast the operations of each association were.
    sflow
        What the sFlow agents of the capture say of their sampling; None where there are none.
    """

    dicom: Path
    known_dicom: Path
    frames: Path
    warnings: tuple[str, ...]
    capture: Path
    dicom_times: Path
    sflow: Path | None = None


def export_logs(
    capture: str | Path,
    out_dir: str | Path,
    *,
    tshark: str | None = None,
    inventory: Path | None = None,
    sampling_rate: int | None = None,
    keylog: Path | None = None,
    brief: bool = False,
    with_info: bool = False,
    progress: Callable[[int], None] | None = None,
) -> ExportedLogs:
    """Write dicom.log, known_dicom.log, dicom_times.log and frames.log of a capture.

    Parameters
    ----------
    capture
        Anything tshark opens: pcap, pcapng, compressed or not.
    out_dir
        Folder for the logs; made where it does not exist. Logs in it are replaced.
    tshark
        Path of tshark; by default PACSFLOW_TSHARK, then ``tshark``.
    inventory
        The hospital's inventory (a Zeek log with match, name, role, modality, site).
    sampling_rate
        The capture holds one in so many frames (``sflowtool -t``); None: all of them.
    keylog
        TLS key log (NSS format), to read associations inside TLS.
    brief
        Leave hardware addresses, Info and tags out of frames.log: a ledger asks for none of them.
    with_info
        Give Wireshark's Info of frames as it is, whatever it tells of what they carried.
    progress
        Called now and then with the number of frames read so far.

    Raises
    ------
    InputError
        tshark cannot read the capture.
    ToolError
        tshark is missing, or does not run the plugin.
    """
    capture, out_dir, tool = Path(capture), Path(out_dir), tools.tshark(tshark)
    settings = {"PACSFLOW_PROGRESS": str(PROGRESS_EVERY)}
    if brief:
        settings["PACSFLOW_BRIEF"] = "1"
    if with_info:
        settings["PACSFLOW_WITH_INFO"] = "1"
    if sampling_rate is not None and sampling_rate > 1:
        settings["PACSFLOW_SAMPLING_RATE"] = str(sampling_rate)
    warnings, logs = _run(
        tool, capture, out_dir, settings, progress, inventory=inventory, keylog=keylog
    )
    if UNRESOLVED in logs["capture"].read_bytes():
        # Its beginning did not show that Wireshark's own dissectors are needed.
        settings["PACSFLOW_DEEP"] = "1"
        warnings, logs = _run(
            tool, capture, out_dir, settings, progress, inventory=inventory, keylog=keylog
        )
    if told := as_root(tool):
        warnings.append(told)
    return ExportedLogs(
        logs["dicom"],
        logs["known_dicom"],
        logs["frames"],
        warnings=tuple(warnings),
        capture=logs["capture"],
        dicom_times=logs["dicom_times"],
        sflow=logs.get("sflow"),
    )


def _run(
    tool: Tool,
    capture: Path,
    out_dir: Path,
    settings: dict[str, str],
    progress: Callable[[int], None] | None,
    *,
    inventory: Path | None,
    keylog: Path | None,
) -> tuple[list[str], dict[str, Path]]:
    """Return what tshark said, and the logs by name."""
    with dissecting(
        tool,
        capture,
        ["-o", COLUMNS, "-o", NO_SAMPLES],
        inventory=inventory,
        keylog=keylog,
        settings=settings | {"PACSFLOW_EXPORT": "."},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as running:
        written, warnings = _listen(running, progress)
        if not written:
            _explain(capture, running.process.returncode, warnings)
        return warnings, _taken(running, out_dir)


def _taken(running: Dissection, out_dir: Path) -> dict[str, Path]:
    """Move the logs to where they were asked for, and return them by name."""
    out_dir.mkdir(parents=True, exist_ok=True)
    taken = {}
    for name in (*LOGS, "sflow"):
        target = out_dir / f"{name}.log"
        target.unlink(missing_ok=True)
        if take(running.folder / target.name, target, running.account):
            taken[name] = target
        elif name in LOGS:
            raise ToolError(f"tshark wrote no {target.name}")
    return taken


def _listen(running: Dissection, progress: Callable[[int], None] | None) -> tuple[bool, list[str]]:
    """Follow tshark's standard error to its end; also return whether the plugin wrote its logs."""
    written = False
    warnings: list[str] = []
    for line in map(running.said, running.process.stderr or ()):
        if WRITTEN.match(line):
            written = True
        elif (at := PROGRESS.match(line)) is not None:
            if progress is not None:
                progress(int(at[1]))
        elif line and not OF_ITSELF.match(line) and len(warnings) < MAX_WARNINGS:
            warnings.append(line)
    running.process.wait()
    return written, warnings


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
    raise ToolError(f"tshark did not load the plugin, and ended with code {code}")
