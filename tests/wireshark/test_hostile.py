"""Input that was written by an attacker: no Lua error, no hang, no growth."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.conftest import CAPTURES
from tests.wireshark import mutants, mutate, tagging
from tests.wireshark.test_plugin import show

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent
SOURCES = HERE.parents[1] / "wireshark_plugin" / "src"
# Every prefix of the larger captures and of whole files too; takes most of an hour.
EVERY = bool(os.environ.get("PACSFLOW_EVERY_PREFIX"))
NAMES = (
    "echo_ok", "qr_find", "qr_move_3party", "rejected_wrong_ae", "abort_scu", "store_ct_smallpdu",
    "midstream_104", "store_snap128",
)  # fmt: skip
ALL = ("pacsflow.assoc.id", "pacsflow.src.tag", "pacsflow.operation", "_ws.expert.message")


SMALLEST = ("abort_scu", "echo_ok", "qr_find", "rejected_wrong_ae")


def read(name: str) -> list[mutate.Frame]:
    return mutate.read_frames(CAPTURES / f"{name}.pcapng")


def sources() -> list[list[mutate.Frame]]:
    return [read(name) for name in NAMES]


@pytest.mark.few(1)
@pytest.mark.parametrize("many", [150, 400])
def test_mutations(run: Callable[..., str], tmp_path: Path, many: int) -> None:
    capture = tmp_path / "mutated.pcap"
    number = mutate.write(capture, mutate.mutations(sources(), many))
    # Lua errors come as expert messages; `run` fails on them.
    shown = run(capture, *show(*ALL))
    assert len(shown.splitlines()) == number
    logs = tmp_path / "logs"
    logs.mkdir()
    run(capture, export=logs)
    rows = (logs / "frames.log").read_bytes().splitlines()
    frames = [row for row in rows if not row.startswith(b"#")]
    told = [row.split(b"\t") for row in (logs / "capture.log").read_bytes().splitlines()]
    copies = sum(int(row[3]) for row in told if row[2:] and row[2].startswith(b"copy"))
    assert 0 < copies < number / 10
    assert len(frames) + copies == number
    widths = {row.count(b"\t") for row in frames}
    assert len(widths) == 1
    for log in logs.glob("*.log"):
        assert all(0x20 <= byte < 0x7F or byte in b"\t\n" for byte in log.read_bytes())


@pytest.mark.few(1)
@pytest.mark.parametrize("some", [range(100), range(100, 300)])
def test_mutants_of_tunnels(tshark: str, tmp_path: Path, some: range) -> None:
    """Encapsulated, cut and reordered; `python -m tests.wireshark.mutants 10000` makes many."""
    number, wrong = mutants.check(tmp_path, tshark, some)
    assert (number > 300, wrong) == (True, "")


def test_every_prefix(run: Callable[..., str], tmp_path: Path) -> None:
    """After every frame of each capture, and after every byte of one; in plain Lua of more."""
    capture = tmp_path / "prefixes.pcap"
    number = mutate.write(capture, mutate.prefixes(sources()))
    assert len(run(capture, *show(*ALL)).splitlines()) == number
    for name in NAMES if EVERY else SMALLEST[:1]:
        number = mutate.write(capture, mutate.byte_prefixes([read(name)]))
        assert len(run(capture, *show(*ALL)).splitlines()) == number


@pytest.mark.thorough
@pytest.mark.parametrize("lua", ["lua5.2", "lua5.4"])
def test_every_prefix_in_plain_lua(lua: str, tmp_path: Path) -> None:
    if not shutil.which(lua):
        pytest.skip(f"{lua} is not installed")
    paths = []
    for name in NAMES if EVERY else SMALLEST:
        paths.append(tmp_path / f"{name}.pcap")
        mutate.write(paths[-1], read(name))
    if EVERY:
        paths += sorted((CAPTURES / "lab").glob("*.pcap"))
    done = subprocess.run(
        [lua, str(HERE / "prefix_test.lua"), str(SOURCES), *map(str, paths)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    bytes_and_frames = sum(
        len(data) + 1 for path in paths for _, data, _ in mutate.read_frames(path)
    )
    assert done.stdout == f"{bytes_and_frames} prefixes\n"


@pytest.mark.few(1)
@pytest.mark.parametrize("name", ["rejected_wrong_ae.pcapng", "lab/commitment.pcap"])
def test_files_that_were_cut(tshark: str, tmp_path: Path, name: str) -> None:
    """A file that ends anywhere: what tshark reads of it is read, with nothing said of Lua."""
    whole = (CAPTURES / name).read_bytes()
    some = random.Random(3).sample(range(len(whole)), 2)
    cut = tmp_path / "cut"
    for size in range(len(whole)) if EVERY else [0, 25, *some]:
        cut.write_bytes(whole[:size])
        told = []
        for plugin in (False, True):
            always = ["-X", "lua_script1:always=1"] if plugin else []
            fields = ["-T", "fields", "-e", "frame.number"]
            done = tagging.run(tshark, cut, *fields, *always, plugin=plugin)
            assert "Lua" not in done.stderr, (size, done.stderr)
            told.append((done.stdout, done.returncode))
        assert told[0] == told[1], size


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
    run(capture, export=logs)
    row = (logs / "dicom.log").read_text().splitlines()[-2]
    assert "\\x1b[31m\\x09\\x0a\\\\x\\xe9\"'" in row
    shown = run(capture, *show("pacsflow.calling_ae"))
    assert set(shown.split()) <= {"\\\\x1b[31m\\\\x09\\\\x0a\\\\\\\\x\\\\xe9\"'",
                                  "\\x1b[31m\\x09\\x0a\\\\x\\xe9\"'"}  # fmt: skip
