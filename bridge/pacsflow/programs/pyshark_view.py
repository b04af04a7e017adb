"""Looks into one association of a capture, or at an interface, frame by frame.

tshark is run as for everything else; pyshark makes packets of what it prints. Its own captures ask
for an event loop, know a tshark by its folder alone, and start it as whoever this is.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pacsflow.errors import InputError, ToolError
from pacsflow.programs import tools
from pacsflow.programs.dissection import as_root, dissecting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pacsflow.programs.dissection import Dissection

LAYER = "pacsflow"
EK = ("-l", "-T", "ek")
CUT_SHORT = "cut short in the middle of a packet"
PRIVILEGES = (
    "capturing takes privileges (root, or on Debian the group wireshark after "
    "dpkg-reconfigure wireshark-common)"
)
COLUMNS = (
    "number", "ts", "length", "source", "destination", "association", "calling_ae", "called_ae",
    "state", "operation", "sop_class", "modality", "status", "confidence",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FrameView:
    """One tagged frame.

    Attributes
    ----------
    number
        Frame number in the capture, from 1.
    ts
        Seconds since 1970-01-01 UTC.
    length
        Bytes on the wire.
    source, destination
        Address and TCP port.
    tags
        The plugin's fields by name without the leading ``pacsflow.``; a frame of sFlow, which
        holds several samples, gives the first of each.
    """

    number: int
    ts: float
    length: int
    source: str
    destination: str
    tags: dict[str, str]

    def row(self) -> list[str | int | float]:
        """Return the values of `COLUMNS`; a tag that the frame does not have is empty."""
        names = (
            "assoc.id", "calling_ae", "called_ae", "assoc.state", "operation", "sop_class.name",
            "modality", "status.name", "confidence",
        )  # fmt: skip
        tags = [self.tags.get(name, "") for name in names]
        return [self.number, self.ts, self.length, self.source, self.destination, *tags]


def association_frames(
    capture: str | Path,
    association: int,
    *,
    tshark: str | None = None,
    keylog: Path | None = None,
    warn: Callable[[str], object] | None = None,
) -> Iterator[FrameView]:
    """Yield the frames of one association of a capture, in its order.

    Parameters
    ----------
    capture
        Anything tshark opens.
    association
        Its number, `pacsflow.assoc.id` (the column Id of the table of associations).
    tshark
        Path of tshark; by default PACSFLOW_TSHARK, then ``tshark``.
    keylog
        TLS key log (NSS format).
    warn
        Called with what tshark says of a capture that it could read only in part, and where it
        runs as root.

    Raises
    ------
    InputError
        There is no such capture, or tshark cannot read it.
    ToolError
        tshark is missing, or loads no plugin for whoever this is.
    """
    arguments = [*EK, "-Y", f"{LAYER}.assoc.id == {association:d}"]
    capture, tool = Path(capture), tools.tshark(tshark)
    warn = warn or (lambda _: None)
    if told := as_root(tool):
        warn(told)
    with (
        tempfile.TemporaryFile() as errors,
        dissecting(tool, capture, arguments, keylog=keylog, stderr=errors) as running,
    ):
        yield from _views(running)
        code = running.process.wait()
        said = _last_line(running, errors)
    if CUT_SHORT in said:
        warn(f"{capture}: ends in the middle of a packet; what stands before it is shown")
    elif code:
        raise InputError(capture, "tshark cannot read it", hint=said[:200])


def live_frames(
    interface: str,
    *,
    tshark: str | None = None,
    count: int | None = None,
    warn: Callable[[str], object] | None = None,
    begun: Callable[[], object] | None = None,
) -> Iterator[FrameView]:
    """Yield tagged frames of an interface as they come; for ever, or `count` of them.

    What captures keeps the rights that it needs; what dissects has none.

    Parameters
    ----------
    interface
        As ``tshark -D`` names it; a named pipe, or ``-`` for standard input, that gives a capture.
    tshark
        Path of tshark; by default PACSFLOW_TSHARK, then ``tshark``.
    count
        End after so many frames.
    warn
        Called where tshark runs as root.
    begun
        Called once the interface is open.

    Raises
    ------
    ToolError
        tshark or dumpcap is missing or may not capture there.
    """
    tool = tools.tshark(tshark)
    if warn is not None and (told := as_root(tool)):
        warn(told)
    with ExitStack() as stack:
        errors = stack.enter_context(tempfile.TemporaryFile())
        capturing = stack.enter_context(_capturing(tool, interface, errors))
        running = stack.enter_context(
            dissecting(
                tool,
                _descriptor(capturing),
                [*EK, "-Y", LAYER],
            )
        )
        if begun is not None and _is_open(capturing, errors):
            begun()
        for seen, frame in enumerate(_views(running), 1):
            yield frame
            if count is not None and seen >= count:
                return
        if capturing.wait():
            raise _refused(tool, interface, _reason(running, errors))


def _dumpcap(tool: tools.Tool) -> str:
    found = tools.beside(tool, "dumpcap")
    if found is None:
        raise ToolError("dumpcap, which captures for tshark, is not there: apt-get install tshark")
    return str(found)


@contextmanager
def _capturing(
    tool: tools.Tool, interface: str, errors: IO[bytes]
) -> Iterator[subprocess.Popen[bytes]]:
    """Start what captures: it writes pcapng to a pipe and reads nothing of it."""
    try:
        process = subprocess.Popen(
            [_dumpcap(tool), "-q", "-i", interface, "-w", "-"],
            stdin=None if interface == "-" else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
    except OSError as error:
        raise ToolError(f"dumpcap does not start: {error.strerror}; {PRIVILEGES}") from error
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _is_open(capturing: subprocess.Popen[bytes], errors: IO[bytes]) -> bool:
    """Wait until dumpcap has opened its interface, or has ended; say whether it captures.

    It names the file that it writes to once it captures. One that names none captures, too.
    """
    end = time.monotonic() + OPENS_WITHIN
    while capturing.poll() is None and time.monotonic() < end:
        if sys.platform != "win32" and b"File: " in os.pread(errors.fileno(), 65536, 0):
            return True  # read where dumpcap's own place in the file stays what it is
        time.sleep(0.02)
    return capturing.poll() is None


def _descriptor(process: subprocess.Popen[bytes]) -> int:
    if process.stdout is None:  # pragma: no cover - it is a pipe
        raise ToolError("dumpcap has no output")
    return process.stdout.fileno()


def _refused(tool: tools.Tool, interface: str, said: str) -> ToolError:
    """Return the error that says why nothing can be captured on an interface."""
    listed = subprocess.run(
        [_dumpcap(tool), "-D"], stdin=subprocess.DEVNULL, capture_output=True, check=False
    ).stdout.decode("utf-8", "replace")
    known = [_printable(name) for name in re.findall(r"(?m)^\d+\. (\S+)", listed)]
    if interface not in {*known, "-"} and "/" not in interface:
        return ToolError(
            f"no interface {interface}, or no permission to see it; there are: {', '.join(known)}"
        )
    way_out = f"; {PRIVILEGES}" if "permi" in said else ""
    return ToolError(f"cannot capture on {interface}: {said[:200] or 'dumpcap ended'}{way_out}")


def _lines(running: Dissection, errors: IO[bytes]) -> list[str]:
    errors.seek(0)
    return [line for raw in errors.read(65536).splitlines() if (line := running.said(raw))]


def _last_line(running: Dissection, errors: IO[bytes]) -> str:
    """Return the last thing that tshark says; what it points at may stand in lines below."""
    lines = _lines(running, errors) or [""]
    own = [line for line in lines if line.startswith("tshark: ")]
    return (own or lines)[-1].removeprefix("tshark: ")


def _reason(running: Dissection, errors: IO[bytes]) -> str:
    """Return the sentence that dumpcap's many lines of advice begin with, without its full stop."""
    said = " ".join(_lines(running, errors)).partition("dumpcap: ")[2]
    return re.split(r"\.(?:\s|$)", said, maxsplit=1)[0]


OPENS_WITHIN = 1.0 if sys.platform == "win32" else 10.0
"""Seconds after which an interface is taken for open, whatever dumpcap says."""
NEWS = ("assoc.state", "operation", "message_id", "status")


def news(frames: Iterable[FrameView]) -> Iterator[FrameView]:
    """Yield the frames after which an association stands otherwise than before.

    That is its first frame and each that brings another state, operation, message or status;
    acknowledgments and the inside of data sets are left out. Remembers one entry an association.
    """
    last: dict[str, tuple[str | None, ...]] = {}
    for frame in frames:
        association = frame.tags.get("assoc.id", "")
        now = tuple(frame.tags.get(name) for name in NEWS)
        if last.get(association) != now:
            last[association] = now
            yield frame


def _views(running: Dissection) -> Iterator[FrameView]:
    """Yield the frames that tshark prints (its EK form: one JSON object a line)."""
    from pyshark.tshark.output_parser.tshark_ek import (  # noqa: PLC0415 - takes half a second
        packet_from_ek_packet,
    )

    for line in running.process.stdout or ():
        if not line.startswith(b'{"timestamp"'):
            continue
        try:
            yield _view(packet_from_ek_packet(line))
        except (ValueError, KeyError, TypeError) as error:
            raise ToolError(f"tshark printed a frame in no form that is known: {error}") from error


def _view(packet: Any) -> FrameView:  # noqa: ANN401 - pyshark has no types
    tags = {}
    for name, value in _values(packet, LAYER).items():
        tags[_dotted(name)] = _printable(value)
    if tags.get("status", "").isdecimal():
        # Hexadecimal in the fields of every tshark, and in EK up to 4.4.
        tags["status"] = f"0x{int(tags['status']):04x}"
    source, destination = _ends(packet)
    return FrameView(
        int(packet.number),
        _seconds(packet.sniff_timestamp),
        int(packet.length),
        source,
        destination,
        tags,
    )


def _seconds(time: str) -> float:
    """Return seconds since 1970: tshark prints them so, from 4.4 on as ISO 8601 in UTC."""
    if "T" not in time:
        return float(time)
    whole, _, fraction = time.removesuffix("Z").partition(".")
    return float(f"{datetime.fromisoformat(whole + '+00:00').timestamp():.0f}.{fraction or 0}")


def _values(packet: Any, layer: str) -> dict[str, object]:  # noqa: ANN401 - pyshark has no types
    """Return a layer's values by the end of their names, the first where there are several."""
    if layer not in packet:
        return {}
    # pyshark types fields by a list that tshark prints without the plugin: its own access knows
    # none of ours, and of addresses it makes objects. The values as they came do.
    prefix = f"{layer}_{layer}_"
    return {
        name.removeprefix(prefix): value[0] if isinstance(value, list) else value
        for name, value in packet[layer]._fields_dict.items()  # noqa: SLF001
        if name.startswith(prefix)
    }


def _dotted(name: str) -> str:
    """Return a field's name as Wireshark has it: EK turned its dots into underscores."""
    for group in ("assoc", "sop_class", "operation", "status", "src", "dst", "sample", "impl"):
        if name.startswith(f"{group}_"):
            return f"{group}.{name[len(group) + 1 :]}"
    return name


def _printable(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "".join(c if c.isprintable() else "�" for c in str(value))


def _ends(packet: Any) -> tuple[str, str]:  # noqa: ANN401 - pyshark has no types
    network = _values(packet, "ip") or _values(packet, "ipv6")
    ports = _values(packet, "tcp") or _values(packet, "udp")
    return (
        f"{network.get('src', '')} {ports.get('srcport', '')}".strip(),
        f"{network.get('dst', '')} {ports.get('dstport', '')}".strip(),
    )
