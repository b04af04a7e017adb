"""A short, seeded run of what `make torture` does at length."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from torture.disk import steps_of
from torture.scenes import Known, cut_once, full_once, known
from torture.watched import hours

if TYPE_CHECKING:
    from pathlib import Path


POINTS = 2
"""So many steps of each are failed at here; at length it is hundreds."""


def points(scene: Known, seed: str) -> list[int]:
    place = scene.folder.parent / f"counted {seed}"
    steps = steps_of(scene.fresh(place), lambda: scene.scene.work(place))
    assert steps > 1, "the shim sees what is done"
    return random.Random(seed).sample(range(steps), POINTS)


@pytest.mark.few(1)
@pytest.mark.parametrize("name", ["ingest", "compact", "merge", "migrate", "prune"])
def test_a_power_cut_leaves_it_before_or_after(tmp_path: Path, name: str) -> None:
    scene = known(name, tmp_path)
    for number, at in enumerate(points(scene, name)):
        assert not cut_once(scene, tmp_path / str(number), at, number), f"cut at step {at}"


@pytest.mark.few(1)
@pytest.mark.parametrize("name", ["ingest", "compact", "export", "first ingest"])
def test_a_full_disk_is_one_line_and_leaves_it_before_or_after(tmp_path: Path, name: str) -> None:
    scene = known(name, tmp_path)
    for number, at in enumerate(points(scene, name)):
        assert not full_once(scene, tmp_path / str(number), at, number), f"full from step {at} on"


@pytest.mark.thorough
def test_hours_of_rotation_under_a_watch_that_is_ended_again_and_again(tmp_path: Path) -> None:
    assert not [wrong for wrong in hours(12, random.Random(1), tmp_path) if wrong]


def test_the_shim_drops_what_was_not_synced(tmp_path: Path) -> None:
    """A store that syncs no folder loses rows, or the cuts prove nothing."""
    from pacsflow.ledger import store

    scene = known("ingest", tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "sync_folder", lambda _: None)
        assert cut_once(scene, tmp_path / "cut", 10**6, 1)
