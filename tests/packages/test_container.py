"""The container's steps: what they copy is built, who runs is nobody, nothing is fetched unlocked.

The steps themselves are played in a new Debian by `tests/packages/container.py ROOT`.
"""

from __future__ import annotations

import re
from pathlib import Path

from packages.container import steps

ROOT = Path(__file__).parents[2]
STEPS = steps((ROOT / "Containerfile").read_text("utf-8"))


def of(kind: str) -> list[str]:
    return [rest for step, rest in STEPS if step == kind]


def test_what_is_copied_is_what_a_release_has() -> None:
    copied = of("COPY")[0].split()[:-1]
    assert copied == ["requirements.lock", "dist/*.whl"]
    assert (ROOT / "requirements.lock").exists()
    assert "hatchling build -d dist" in (ROOT / "Makefile").read_text("utf-8")


def test_packages_come_by_their_hashes_alone() -> None:
    installs = [one for run in of("RUN") for one in re.findall(r"pip install ([^&]*)", run)]
    assert len(installs) == 2
    assert all("--require-hashes" in one or "--no-deps" in one for one in installs)


def test_who_runs_is_a_number_and_not_root() -> None:
    user = of("USER")[-1]
    assert user.isdecimal()
    assert int(user) >= 1000
    assert [run for run in of("RUN") if f"--uid {user}" in run]
    order = [step for step, _ in STEPS]
    assert order.index("USER") > max(i for i, step in enumerate(order) if step in {"RUN", "COPY"})


def test_the_entry_point_hands_signals_on() -> None:
    assert of("ENTRYPOINT") == ['["tini", "--", "pacsflow"]']
    assert "tini" in of("RUN")[0]


def test_who_runs_it_is_told_to_bring_the_configuration() -> None:
    example = (ROOT / "Containerfile").read_text("utf-8").split("FROM")[0]
    guide = (ROOT / "docs" / "service.md").read_text("utf-8")
    for text in (example, guide):
        assert "-v /etc/pacsflow:/etc/pacsflow:ro" in text
        assert f"-v pacsflow:{of('VOLUME')[0]} pacsflow run" in text
