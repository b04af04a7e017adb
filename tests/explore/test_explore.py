"""The menu on a table of frames: counted with collections.Counter, driven by real key presses."""

from __future__ import annotations

import csv
import math
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from pacsflow.errors import UsageError
from pacsflow.explore import COLUMNS, Condition, Frames, rank_stream
from pacsflow.explore.session import Session
from pacsflow.explore.view import View, answer
from pacsflow.pseudonyms import Pseudonyms
from pacsflow.readers import CaptureOptions, find

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAMES = ["Time", "Protocol", "Source", "Destination", "Hardware Source", "Hardware Destination",
         "VLAN", "Length", "Info"]  # fmt: skip


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[list[str]]]:
    rng = random.Random(7)
    rows = []
    for i in range(2000):
        source, destination = rng.sample(range(12), 2)
        rows.append([
            f"2026-03-02 {8 + i // 500:02d}:{i % 60:02d}:00.000000",
            rng.choice(["DICOM", "TCP", "TCP", "DNS"]), f"10.0.0.{source}", f"10.0.0.{destination}",
            f"00:00:00:00:00:{source:02x}", f"00:00:00:00:00:{destination:02x}",
            rng.choice(["143", "150", ""]), str(rng.choice([68, 1522])), f"info {i % 7}",
        ])  # fmt: skip
    path = tmp_path_factory.mktemp("t") / "frames.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([NAMES, *rows])
    return path, rows


@pytest.fixture
def frames(table: tuple[Path, list[list[str]]], tmp_path: Path) -> Iterator[Frames]:
    with Frames(tmp_path) as found:
        assert found.load(find([table[0]]).sources) == 2000
        yield found


def place(by: str) -> int:
    return list(COLUMNS).index(by)


@pytest.mark.parametrize("by", [name for name in COLUMNS if name != "time"])
@pytest.mark.parametrize("dicom", [False, True])
def test_ranks_are_those_of_a_counter(
    table: tuple[Path, list[list[str]]], frames: Frames, by: str, dicom: bool
) -> None:
    rows = [row for row in table[1] if not dicom or row[1] == "DICOM"]
    count = Counter(row[place(by)] or None for row in rows)
    octets: Counter[str | None] = Counter()
    for row in rows:
        octets[row[place(by)] or None] += int(row[7])
    for ranked in (
        rank_stream(find([table[0]]).sources, by, 5, dicom=dicom),
        frames.rank(by, 5, dicom=dicom),
    ):
        assert ranked.total == len(rows)
        assert [frames_ for _, frames_, *_ in ranked.rows] == [n for _, n in count.most_common(5)]
        for value, n, percent, length, _ in ranked.rows:
            assert n == count[value]
            assert percent == pytest.approx(100 * n / len(rows))
            assert length == octets[value]


def test_time_is_ranked_by_the_hour(frames: Frames) -> None:
    ranked = frames.rank("time", 9)
    assert [(row[0], row[1]) for row in ranked.rows] == [
        (f"2026-03-02T{hour:02d}:00Z", 500) for hour in (8, 9, 10, 11)
    ]


def test_frames_of_one_address_in_order(
    table: tuple[Path, list[list[str]]], frames: Frames
) -> None:
    mine = [row for row in table[1] if "10.0.0.3" in row[2:4] and row[1] == "DICOM"]
    shown = frames.show(10_000, [Condition("address", "10.0.0.3")], dicom=True)
    assert len(shown) == len(mine)
    assert sorted(str(row[8]) for row in shown) == sorted(row[8] for row in mine)
    assert [row[0] for row in shown] == sorted(row[0] for row in shown)


def test_an_unknown_column_is_named(table: tuple[Path, list[list[str]]]) -> None:
    with pytest.raises(UsageError, match="no column 'colour'"):
        rank_stream(find([table[0]]).sources, "colour", 5)


def test_values_are_values_and_no_sql(frames: Frames) -> None:
    for value in ("'", "x' OR 1=1 --", '"'):
        assert frames.count([Condition("source", value)]) == 0
        assert frames.count([Condition("info contains", value)]) == 0


def test_drilling_down_ends_at_the_frames() -> None:
    view = View()
    for _ in COLUMNS:
        view = view.into("x")
    assert view.listing
    assert len(view.conditions) == len(COLUMNS)


def play(frames: Frames, keys: str, written: list[Any] | None = None) -> Session:
    def export(*given: Any) -> None:
        if written is not None:
            written.append(given)

    session = Session(frames, export)
    with create_pipe_input() as pipe:
        pipe.send_text(keys + "q")
        session.application(pipe, DummyOutput()).run()
    return session


def test_keys_pick_column_number_and_address(
    table: tuple[Path, list[list[str]]], frames: Frames
) -> None:
    session = play(frames, "4n3\ra10.0.0.7\rd")
    assert session.view == View(
        by="destination", number=3, conditions=(Condition("address", "10.0.0.7"),), dicom=True
    )
    rows = [r for r in table[1] if "10.0.0.7" in r[2:4] and r[1] == "DICOM"]
    count = Counter(row[3] for row in rows)
    assert session.screen.frames == len(rows)
    assert [row[1] for row in session.screen.rows] == [n for _, n in count.most_common(3)]


def test_enter_drills_down_and_back_comes_back(frames: Frames) -> None:
    session = play(frames, "3j\r")  # the second sender
    first = frames.rank("source", 5)
    assert session.view.conditions == (Condition("source", first.rows[1][0]),)
    assert session.view.by == "destination"
    assert session.screen.frames == first.rows[1][1]
    assert play(frames, "3j\rbb").view == View()


def test_frames_are_listed_in_pages(frames: Frames) -> None:
    session = play(frames, "n4\rf>>")
    assert session.view.skip == 8
    assert session.screen.rows == tuple(frames.show(4, skip=8))
    assert "frames" in session.view.title


def test_what_is_on_the_screen_is_exported(frames: Frames, tmp_path: Path) -> None:
    written: list[Any] = []
    session = play(frames, f"2x{tmp_path}/out.csv\r", written)
    ((path, header, rows),) = written
    assert path == tmp_path / "out.csv"
    assert header[:2] == ("protocol", "frames")
    assert rows == answer(frames, View(by="protocol")).rows
    assert "rows written" in session.said


def test_a_wrong_number_is_said_and_escape_leaves_the_question(frames: Frames) -> None:
    assert "number from 1" in play(frames, "nmany\r").said
    assert play(frames, "an\x07").view == View()  # n is text here, not the key


def test_no_control_character_reaches_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([NAMES, ["2026-03-02 08:00:00", "X\x1b[2J", "10.0.0.1",
                                            "10.0.0.2", "", "", "", "60", "a\u202eb"]])  # fmt: skip
    with Frames(tmp_path) as frames:
        frames.load(find([path]).sources)
        session = Session(frames, lambda *_: None)
        session.go(View(listing=True))
        text = "".join(part[1] for part in session.table())
    assert text.replace("\n", "").isprintable()


def test_with_a_key_no_frame_names_anybody(
    table: tuple[Path, list[list[str]]], frames: Frames, tmp_path: Path
) -> None:
    key = Pseudonyms(b"a key of at least sixteen bytes")
    (tmp_path / "hidden").mkdir()
    with Frames(tmp_path / "hidden") as hidden:
        assert hidden.load(find([table[0]]).sources, None, key) == 2000
        plain, made = (f.rank("source", 5).rows for f in (frames, hidden))
        assert [row[1:] for row in made] == [row[1:] for row in plain]
        assert [row[0] for row in made] == [key.address(row[0]) for row in plain]
        text = str(hidden.show(2000))
    real = {row[i] for row in table[1] for i in (2, 3, 4, 5, 8)}
    assert not {name for name in real if f"'{name}'" in text} - {key.address(n) for n in real}


def test_tables_of_one_time_are_said_to_be(
    table: tuple[Path, list[list[str]]], tmp_path: Path
) -> None:
    path, rows = table
    late = [[row[0].replace("2026-03-02", "2026-03-03"), *row[1:]] for row in rows]
    for name, others in (("same.csv", rows[1:]), ("late.csv", late)):
        with (tmp_path / name).open("w", newline="") as file:
            csv.writer(file).writerows([NAMES, *others])
    sources = find([path, tmp_path / "late.csv", tmp_path / "same.csv"]).sources
    notes: list[str] = []
    for by in ("source", "time", "protocol"):
        rank_stream(sources, by, 3, told=lambda _, quality: notes.extend(quality.notes))
    said = [note for note in notes if "zone" not in note]
    assert (
        said
        == ["it was taken at the time of frames.csv: a frame that stands in both counts twice"] * 3
    )


def test_estimates_from_samples_stand_with_their_interval(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("w", newline="") as file:
        rows = [
            [f"2026-03-02 08:00:{i:02d}", "UDP", "10.0.0.1", "10.0.0.2", "", "", "", "100", ""]
            for i in range(50)
        ]
        csv.writer(file).writerows([NAMES, *rows])
    capture = CaptureOptions(10)
    with Frames(tmp_path) as frames:
        frames.load(find([path], capture).sources)
        screen = answer(frames, View(by="source"))
    assert screen.header[-3:] == ("estimated_bytes", "lower_95", "upper_95")
    estimated, lower, upper = screen.rows[0][-3:]
    assert estimated == 50_000
    reach = math.exp(1.96 / math.sqrt(50))
    assert (lower, upper) == pytest.approx((50_000 / reach, 50_000 * reach), rel=1e-3)
