"""What is done to a ledger while the power goes, the disk is full, or somebody kills it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from conftest import tsv
from pacsflow.errors import PacsflowError
from pacsflow.ledger import Ledger
from pacsflow.ledger.merging import merge
from pacsflow.ledger.rollup import roll_up
from pacsflow.ledger.upkeep import export, prune, verify
from pacsflow.readers import find
from torture.disk import cut, full

if TYPE_CHECKING:
    from collections.abc import Callable

T0, DAY = 1772438400, 86400
FORMAT_1 = Path(__file__).parents[1] / "ledger" / "format_1"
Sums = tuple[int, int, int]
"""Bytes, communications, sources."""


@dataclass(frozen=True)
class Scene:
    """One thing that is done.

    Parameters
    ----------
    prepare
        Lays out what is there before: in the folder's ``ledger``, and beside it.
    work
        What is done with the folder.
    """

    name: str
    prepare: Callable[[Path], None]
    work: Callable[[Path], object]

    def sums(self, folder: Path) -> Sums:
        """Return what the folder's ledger counts; nothing where there is none yet."""
        return sums(Ledger(folder / "ledger", create=True))


def sums(ledger: Ledger) -> Sums:
    with ledger.connect() as connection:
        rows = connection.sql(
            "SELECT coalesce(sum(bytes), 0)::BIGINT, coalesce(sum(communications), 0)::BIGINT"
            " FROM traffic"
        ).fetchall()
    return (*rows[0], len(ledger.entries()))


def log(folder: Path, name: str, day: int, count: int, *, close: bool = True) -> Path:
    rows = [
        {"uid": f"C{name}_{n}", "ts": f"{T0 + day * DAY + n}.000001", "id.orig_p": 40000 + n,
         "duration": "4000"}
        for n in range(count)
    ]  # fmt: skip
    path = folder / "logs" / name / "conn.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(tsv(rows, close=close))
    return path


def _ledger(folder: Path, days: range, *, name: str = "ledger") -> Ledger:
    """Return a ledger of a log a day, as `ingest` leaves it after two runs, nothing compacted."""
    ledger = Ledger(folder / name, create=True)
    ledger.lasts = False
    logs = [log(folder, f"{name}{day}", day, 2) for day in days]
    for part in (logs[: len(logs) // 2], logs[len(logs) // 2 :]):
        ledger.add(find(part).sources, workers=1)
    return ledger


def _before_ingest(folder: Path) -> None:
    ledger = _ledger(folder, range(3))
    grows = log(folder, "grows", 1, 2, close=False)
    ledger.add(find([grows]).sources, workers=1)
    log(folder, "grows", 1, 5)
    for day in range(3, 6):
        log(folder, f"new{day}", day, 3)


def _ingest(folder: Path) -> None:
    ledger = Ledger(folder / "ledger", create=True)
    problems = ledger.add(find([folder / "logs"]).sources, workers=1).problems
    for problem in problems:
        raise problem


def _first(folder: Path) -> None:
    for day in range(3):
        log(folder, f"new{day}", day, 3)


def _old(folder: Path) -> None:
    shutil.copytree(FORMAT_1, folder / "ledger")


def _before_merge(folder: Path) -> None:
    _ledger(folder, range(4))
    theirs = _ledger(folder, range(10, 14), name="theirs")
    both = [folder / "logs" / f"ledger{day}" / "conn.log" for day in (0, 1)]
    theirs.add(find(both).sources, workers=1)


SCENES = {
    scene.name: scene
    for scene in (
        Scene("ingest", _before_ingest, _ingest),
        Scene("first ingest", _first, _ingest),
        Scene(
            "compact",
            lambda folder: _ledger(folder, range(0, 100, 12)) and None,
            lambda folder: Ledger(folder / "ledger").compact(),
        ),
        Scene(
            "prune",
            lambda folder: _ledger(folder, range(0, 100, 12)).compact() and None,
            lambda folder: prune(Ledger(folder / "ledger"), date(2026, 3, 19)),
        ),
        Scene(
            "roll up",
            lambda folder: _ledger(folder, range(0, 100, 12)) and None,
            lambda folder: roll_up(Ledger(folder / "ledger"), date(2026, 6, 1), lambda _: False),
        ),
        Scene("migrate", _old, lambda folder: Ledger(folder / "ledger").compact()),
        Scene(
            "merge",
            _before_merge,
            lambda folder: merge(Ledger(folder / "ledger"), Ledger(folder / "theirs")),
        ),
        Scene(
            "export",
            lambda folder: _ledger(folder, range(3)) and None,
            lambda folder: export(Ledger(folder / "ledger"), folder / "copy"),
        ),
    )
}


@dataclass(frozen=True)
class Known:
    """A scene's folder as it is before, and what is counted before and after."""

    scene: Scene
    folder: Path
    before: Sums
    after: Sums

    def fresh(self, place: Path) -> Path:
        """Return a copy of the folder as it is before."""
        shutil.copytree(self.folder, place)
        return place

    def look(self, folder: Path) -> list[str]:
        """Return what is wrong with a folder in which the scene was broken off; mends nothing."""
        wrong = []
        found = self.scene.sums(folder)
        if found not in {self.before, self.after}:
            wrong.append(f"{found} is neither {self.before} nor {self.after}")
        wrong += [f"{f.name} {f.problem}" for f in verify(Ledger(folder / "ledger"))]
        copy = folder / "copy"
        if copy.exists() and (sums(Ledger(copy)) != self.before or verify(Ledger(copy))):
            wrong.append("the copy is not whole")
        return wrong

    def again(self, folder: Path) -> list[str]:
        """Do the scene once more in such a folder; returns what is wrong then."""
        shutil.rmtree(folder / "copy", ignore_errors=True)
        self.scene.work(folder)
        wrong = self.look(folder)
        if self.scene.sums(folder) != self.after:
            wrong.append(f"{self.scene.sums(folder)} is not {self.after}")
        if list((folder / "ledger").glob(".staging/*")) or list(folder.glob(".copy*")):
            wrong.append("something is left over")
        return wrong


def known(name: str, place: Path) -> Known:
    """Lay a scene out, and find what it comes to where nothing goes wrong."""
    scene, folder, done = SCENES[name], place / "before", place / "after"
    folder.mkdir(parents=True)
    scene.prepare(folder)
    shutil.copytree(folder, done)
    before = (0, 0, 0)
    if (folder / "ledger" / "pacsflow-ledger").exists():
        shutil.copytree(folder, place / "looked at")
        before = scene.sums(place / "looked at")
    scene.work(done)
    return Known(scene, folder, before, scene.sums(done))


def cut_once(scene: Known, place: Path, at: int, seed: int) -> list[str]:
    """Cut the power at a step of a scene; returns what is wrong with what is found then."""
    live, found = scene.fresh(place / "live"), place / "found"
    cut(live, lambda: scene.scene.work(live), at, found, seed)
    return _looked(scene, found)


def full_once(scene: Known, place: Path, at: int, seed: int) -> list[str]:
    """Have no room from a step on, for one or some steps or for good; returns what is wrong."""
    live = scene.fresh(place / "live")
    until = at + (1, 3, 10**9)[seed % 3]
    error = full(live, lambda: scene.scene.work(live), at, until)
    wrong = []
    if error is not None:
        told = str(error)
        if not isinstance(error, PacsflowError) or "\n" in told or str(live) not in told:
            wrong.append(f"told as {error!r}")
        reading = full(live, lambda: scene.scene.sums(live), 0, 10**9)
        if reading is not None and (live / "ledger" / "journal.sqlite").exists():
            wrong.append(f"who reads is told {reading!r}")
    return wrong + _looked(scene, live)


def _looked(scene: Known, found: Path) -> list[str]:
    try:
        return scene.look(found) or scene.again(found)
    except PacsflowError as error:
        return [f"{type(error).__name__}: {error}"]
    finally:
        shutil.rmtree(found.parent, ignore_errors=True)
