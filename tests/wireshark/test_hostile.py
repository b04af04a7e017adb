"""Input that was written by an attacker: no Lua error, no hang, no growth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.conftest import CAPTURES
from tests.wireshark import mutate
from tests.wireshark.test_plugin import show

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAMES = (
    "echo_ok", "qr_find", "qr_move_3party", "rejected_wrong_ae", "abort_scu", "store_ct_smallpdu",
    "midstream_104", "store_snap128",
)  # fmt: skip
ALL = ("pacsflow.assoc.id", "pacsflow.src.tag", "pacsflow.operation", "_ws.expert.message")


def sources() -> list[list[mutate.Frame]]:
    return [mutate.read_frames(CAPTURES / f"{name}.pcapng") for name in NAMES]


def test_mutations(run: Callable[..., str], tmp_path: Path) -> None:
    capture = tmp_path / "mutated.pcap"
    number = mutate.write(capture, mutate.mutations(sources(), 400))
    # Lua errors come as expert messages; `run` fails on them.
    shown = run(capture, *show(*ALL))
    assert len(shown.splitlines()) == number
    logs = tmp_path / "logs"
    logs.mkdir()
    run(capture, export=str(logs))
    rows = (logs / "frames.log").read_bytes().splitlines()
    frames = [row for row in rows if not row.startswith(b"#")]
    assert len(frames) == number
    widths = {row.count(b"\t") for row in frames}
    assert len(widths) == 1
    for log in logs.glob("*.log"):
        assert all(0x20 <= byte < 0x7F or byte in b"\t\n" for byte in log.read_bytes())


def test_every_prefix(run: Callable[..., str], tmp_path: Path) -> None:
    capture = tmp_path / "prefixes.pcap"
    number = mutate.write(capture, mutate.prefixes(sources()))
    assert len(run(capture, *show(*ALL)).splitlines()) == number


def test_hostile_titles(run: Callable[..., str], tmp_path: Path) -> None:
    """An AE title may hold anything; what is shown and written is printable."""
    frames = mutate.read_frames(CAPTURES / "echo_ok.pcapng")
    title = b"\x1b[31m\t\n\\x\xe9\"'"
    titled = [
        (ts, data.replace(b"WS1             ", title.ljust(16)), wire) for ts, data, wire in frames
    ]
    assert titled != frames
    capture = tmp_path / "titles.pcap"
    mutate.write(capture, titled)
    logs = tmp_path / "logs"
    logs.mkdir()
    run(capture, export=str(logs))
    row = (logs / "dicom.log").read_text().splitlines()[-2]
    assert "\\x1b[31m\\x09\\x0a\\x5cx\\xe9\"'" in row
    shown = run(capture, *show("pacsflow.calling_ae"))
    assert set(shown.split()) <= {"\\\\x1b[31m\\\\x09\\\\x0a\\\\x5cx\\\\xe9\"'",
                                  "\\x1b[31m\\x09\\x0a\\x5cx\\xe9\"'"}  # fmt: skip
