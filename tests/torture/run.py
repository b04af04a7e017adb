"""`make torture`: kills, power cuts, full disks and rotations, seeded and counted.

ARGS="--kills 500 --cuts 200 --full 100 --rotations 100 --hours 168 --seed 1"
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pacsflow.ledger import Ledger
from pacsflow.ledger.upkeep import verify
from pacsflow.readers import find
from torture.disk import steps_of
from torture.scenes import SCENES, Known, cut_once, full_once, known, log, sums
from torture.watched import hours

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.process import BaseProcess

STARTS = multiprocessing.get_context("forkserver")
ONE = 1820


def child(work: Callable[..., object], *args: object) -> BaseProcess:
    """Start some work in a process of its own that knows nothing of this one's threads."""
    process = STARTS.Process(target=work, args=args)
    process.start()
    return process


def do(name: str, folder: str, begun: Any) -> None:
    """Do a scene, and say when it begins."""
    begun.set()
    SCENES[name].work(Path(folder))


def end(process: BaseProcess, after: float) -> bool:
    """Kill a process after some seconds; False where it was done before."""
    process.join(after)
    if process.exitcode is None and process.pid:
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        return True
    return False


def kills(scenes: list[Known], count: int, chance: random.Random) -> Iterator[list[str]]:
    lasts: dict[str, float] = {}
    hit = 0
    for number in range(count):
        scene = scenes[number % len(scenes)]
        name = scene.scene.name
        live = scene.fresh(scene.folder.parent / f"kill{number}" / "live")
        begun = STARTS.Event()
        process = child(do, name, str(live), begun)
        begun.wait()
        began = time.monotonic()
        killed = end(process, chance.uniform(0, lasts[name]) if name in lasts else 600)
        hit += killed
        if not killed:
            lasts[name] = min(lasts.get(name, 600), time.monotonic() - began)
        wrong = scene.look(live) or scene.again(live)
        shutil.rmtree(live.parent)
        yield wrong
    sys.stdout.write(f"kills: {hit} of {count} met it at work\n")


def at_steps(
    scenes: list[Known], count: int, chance: random.Random,
    once: Callable[[Known, Path, int, int], list[str]],
) -> Iterator[list[str]]:  # fmt: skip
    """Fail at random steps of every scene in turn."""
    steps = {}
    for scene in scenes:
        place = scene.folder.parent / "counted"
        steps[scene.scene.name] = steps_of(
            scene.fresh(place), lambda s=scene, p=place: s.scene.work(p)
        )
        shutil.rmtree(place)
    for number in range(count):
        scene = scenes[number % len(scenes)]
        at = chance.randrange(steps[scene.scene.name] + 1)
        wrong = once(scene, scene.folder.parent / f"at{number}", at, chance.randrange(10**6))
        yield [f"{scene.scene.name}, step {at}: {text}" for text in wrong]


def ingest(folder: str, ledger: str) -> None:
    Ledger(ledger, create=True).add(find([folder]).sources, workers=1)


def rotations(count: int, chance: random.Random, place: Path) -> Iterator[list[str]]:
    """Rotate a log in each way while it is taken in; add again, and count."""
    lasts = 0.0
    for number in range(count):
        folder, ledger = place / f"rotated{number}", place / f"rotated{number}" / "ledger"
        for day in range(3):
            log(folder, f"other{day}", day, 9)
        current = log(folder, "now", 5, 40 + chance.randrange(400), close=False)
        rows = sum(len(p.read_text().splitlines()) - 8 for p in folder.rglob("conn.log")) - 3
        began = time.monotonic()
        process = child(ingest, str(folder / "logs"), str(ledger))
        if not lasts:
            process.join()
            lasts = time.monotonic() - began
        time.sleep(chance.uniform(0, lasts))
        old = current.with_name("conn.2026-03-07.log")
        if chance.random() < 0.5:
            current.rename(old)
            log(folder, "now", 6, 20, close=False)
        else:
            shutil.copy(current, old)
            with current.open("r+") as file:
                file.truncate(0)
                file.write(log(folder, "later", 6, 20, close=False).read_text())
            shutil.rmtree(folder / "logs" / "later")
        process.join()
        ingest(str(folder / "logs"), str(ledger))
        found = sums(Ledger(ledger))[:2]
        whole = (ONE * (rows + 20), rows + 20)
        wrong = [] if found == whole else [f"rotation {number}: {found} is not {whole}"]
        wrong += [f"{fault.name} {fault.problem}" for fault in verify(Ledger(ledger))]
        shutil.rmtree(folder)
        yield wrong


def main() -> int:
    """Run what is asked for, and print what went wrong and how often."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    usually = {"kills": 500, "cuts": 200, "full": 100, "rotations": 100, "hours": 168}
    for name, usual in usually.items():
        asked.add_argument(f"--{name}", type=int, default=usual, metavar="N")
    asked.add_argument("--seed", type=int, default=1)
    args = asked.parse_args()
    STARTS.set_forkserver_preload(["torture.scenes"])
    bad = 0
    with tempfile.TemporaryDirectory(prefix="pacsflow-torture-") as folder:
        place = Path(folder)
        scenes = [known(name, place / name) for name in SCENES]
        chance = random.Random(args.seed)
        runs = {
            "power cuts": at_steps(scenes, args.cuts, chance, cut_once),
            "full disks": at_steps(scenes, args.full, chance, full_once),
            "rotations": rotations(args.rotations, chance, place),
            "hours watched": hours(args.hours, chance, place),
            "kills": kills(scenes, args.kills, chance),
        }
        for name, run in runs.items():
            began, count, failed = time.monotonic(), 0, 0
            for wrong in run:
                count += 1
                failed += bool(wrong)
                for text in wrong:
                    sys.stdout.write(f"{name} {count}: {text}\n")
                    sys.stdout.flush()
            bad += failed
            passed = time.monotonic() - began
            sys.stdout.write(
                f"{name}: {count}, {failed} lost or doubled anything, {passed:.0f} s\n"
            )
            sys.stdout.flush()
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
