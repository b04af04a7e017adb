"""The hospital study's table 1 and figures 4 and 5, from its published counts, by our commands."""

from __future__ import annotations

import filecmp
import json
import math
import re
import subprocess
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from pacsflow.cli import main
from pacsflow.simulator.study import (
    COLUMNS,
    COMMUNICATIONS,
    RECEIVERS,
    SENDERS,
    sample,
    write_study,
)
from pacsflow.simulator.study import main as write_main

DOCS = Path(__file__).resolve().parents[2] / "docs" / "study.md"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("study") / "study.csv"
    assert write_study(path) == COMMUNICATIONS
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert main([*arguments, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    rows = found["frames"] if isinstance(found, dict) else found  # `show` names its tables
    assert isinstance(rows, list)
    return [row for row in rows if "remarks" not in row]


def test_the_sample_has_the_published_counts_by_awk(study: Path) -> None:
    for field, counts in ((3, SENDERS), (4, RECEIVERS)):
        program = f"NR>1 {{n[${field}]++}} END {{for (k in n) print n[k]}}"
        out = subprocess.run(
            ["awk", "-F", '","', program, str(study)], capture_output=True, text=True, check=True
        ).stdout.split()
        found = sorted(map(int, out), reverse=True)
        assert tuple(found[:5]) == counts
        assert sum(found) == COMMUNICATIONS


def test_the_total_is_the_only_one_that_the_percentages_allow() -> None:
    counts = (*SENDERS, *RECEIVERS)
    printed = [round(100 * count / COMMUNICATIONS, 6) for count in counts]
    least = max(math.ceil(100 * c / (p + 5e-7)) for c, p in zip(counts, printed, strict=True))
    most = min(math.floor(100 * c / (p - 5e-7)) for c, p in zip(counts, printed, strict=True))
    assert (least, most) == (COMMUNICATIONS, COMMUNICATIONS)


@pytest.mark.few(1)
@pytest.mark.parametrize(("by", "counts"), [("source", SENDERS), ("destination", RECEIVERS)])
def test_table_1(
    study: Path, capsys: pytest.CaptureFixture[str], by: str, counts: tuple[int, ...]
) -> None:
    rows = run(capsys, "top", str(study), "--by", by, "-n", "5")
    assert [row["frames"] for row in rows] == list(counts)
    for row, count in zip(rows, counts, strict=True):
        exact = Fraction(100 * count, COMMUNICATIONS)
        assert f"{row['percent']:.6f}" == f"{float(exact):.6f}"
    told = DOCS.read_text(encoding="utf-8")
    for row in rows:  # and the page shows the same rows
        line = rf"{row['rank']}\s+{re.escape(row[by])}\s+{row['frames']:,}\s+{row['percent']:.6f}\s"
        assert re.search(line, told), line


@pytest.mark.thorough
def test_figure_4_counts_every_communication_once(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = run(capsys, "series", str(study), "--column", "communications")
    assert len(rows) == 168
    assert sum(row["communications"] for row in rows) == COMMUNICATIONS
    out = subprocess.run(
        ["awk", "-F", '"', "NR>1 {n[substr($2, 1, 13)]++} END {for (h in n) print h, n[h]}", study],
        capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    by_hand = {line[:13].replace(" ", "T"): int(line[13:]) for line in out}
    assert {row["hour_utc"][:13]: int(row["communications"]) for row in rows} == by_hand


def test_figure_5_lists_the_frames_of_the_pacs(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = run(capsys, "show", "10.65.143.6", str(study), "--dicom", "-n", "20")
    assert len(rows) == 20
    for row in rows:
        assert row["protocol"] == "DICOM"
        assert "10.65.143.6" in (row["id.orig_h"], row["id.resp_h"])
    assert [row["ts"] for row in rows] == sorted(row["ts"] for row in rows)


def test_nobody_talks_to_himself() -> None:
    made = sample()
    assert not (made.source == made.destination).any()
    assert Counter(made.source.tolist()).most_common(5)[0][1] == SENDERS[0]


@pytest.mark.thorough
def test_the_generator_is_a_command_and_deterministic(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert write_main([str(tmp_path / "study.ods")]) == 2
    assert "expected a name that ends with .xlsx or .csv" in capsys.readouterr().err
    assert write_main([str(tmp_path / "study.csv")]) == 0
    assert "568,691 communications" in capsys.readouterr().out
    assert filecmp.cmp(study, tmp_path / "study.csv", shallow=False)
    with study.open(encoding="utf-8") as file:
        assert file.readline() == ",".join(f'"{name}"' for name in COLUMNS) + "\n"
