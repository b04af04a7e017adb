"""Looks into one association of a capture, or at an interface, frame by frame, through pyshark."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pacsflow.errors import InputError, ToolError
from pacsflow.programs.tshark import BUNDLE, find_tshark, plugin_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

LAYER = "pacsflow"
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
    capture: Path, association: int, *, tshark: str | None = None, keylog: Path | None = None
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

    Raises
    ------
    InputError
        There is no such capture, or tshark cannot read it.
    ToolError
        tshark is missing, or this runs inside an event loop (a notebook), where pyshark cannot.
    """
    if not capture.is_file():
        raise InputError(capture, "no such file", hint="expected a capture, pcap or pcapng")
    arguments = _arguments()
    if keylog is not None:
        arguments += ["-o", f"tls.keylog_file:{keylog.absolute()}"]
    chosen = f"{LAYER}.assoc.id == {association:d}"
    with _opened("FileCapture", tshark, arguments, str(capture), chosen) as packets:
        try:
            for packet in packets:
                yield _view(packet)
        except Exception as error:
            if type(error).__name__ != "TSharkCrashException":
                raise
            raise InputError(capture, "tshark cannot read it", hint=str(error)[:200]) from error


def live_frames(
    interface: str, *, tshark: str | None = None, count: int | None = None
) -> Iterator[FrameView]:
    """Yield tagged frames of an interface as they come; for ever, or `count` of them.

    Raises
    ------
    ToolError
        tshark is missing or may not capture there, or this runs inside an event loop.
    """
    with _opened("LiveCapture", tshark, _arguments(), interface, LAYER) as packets:
        try:
            for seen, packet in enumerate(packets.sniff_continuously(), 1):
                yield _view(packet)
                if count is not None and seen >= count:
                    return
        except Exception as error:
            name = type(error).__name__
            if name == "UnknownInterfaceException":
                known = str(error).partition("Possible interfaces: ")[2].split()
                raise ToolError(
                    f"no interface {interface}, or no permission to see it; "
                    f"there are: {', '.join(known)}"
                ) from error
            if name != "TSharkCrashException":
                raise
            raise ToolError(
                f"cannot capture on {interface}: capturing takes privileges (root, or on Debian "
                "the group wireshark after dpkg-reconfigure wireshark-common)"
            ) from error


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


def _arguments() -> list[str]:
    return ["-n", "-X", f"lua_script:{plugin_folder() / BUNDLE}"]


@contextmanager
def _opened(
    kind: str, tshark: str | None, arguments: list[str], source: str, display_filter: str
) -> Iterator[Any]:
    """Open one of pyshark's captures, in EK mode: seven times faster than its default."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        raise ToolError("pyshark cannot run inside an event loop (a notebook): run it in a script")
    import pyshark  # noqa: PLC0415 - takes half a second, and few commands need it

    try:
        asyncio.get_event_loop_policy().get_event_loop()
    except RuntimeError:
        # pyshark asks for the thread's loop, which is gone once asyncio.run was called in it.
        asyncio.set_event_loop(asyncio.new_event_loop())
    capture = getattr(pyshark, kind)(
        source,
        use_ek=True,
        tshark_path=find_tshark(tshark),
        display_filter=display_filter,
        custom_parameters=arguments,
    )
    try:
        yield capture
    finally:
        # A reading that is broken off ends in an error that nobody waits for.
        capture.eventloop.set_exception_handler(lambda _loop, _context: None)
        capture.close()


def _view(packet: Any) -> FrameView:  # noqa: ANN401 - pyshark has no types
    tags = {}
    for name, value in _values(packet, LAYER).items():
        tags[_dotted(name)] = _printable(value)
    source, destination = _ends(packet)
    return FrameView(
        int(packet.number),
        float(packet.sniff_timestamp),
        int(packet.length),
        source,
        destination,
        tags,
    )


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
