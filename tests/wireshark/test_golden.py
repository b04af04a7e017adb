"""What the plugin tells of real captures, frame by frame and table by table, stays what it was."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from tests.wireshark import golden

CAPTURES = golden.captures()
RECORDED = {n: c for n, c in CAPTURES.items() if c.with_suffix(".json").is_file()}
COUNTERS = ("echo", "store", "find", "get", "move", "cancel", "n")


@pytest.mark.few(1)
@pytest.mark.parametrize("name", CAPTURES)
def test_nothing_is_told_otherwise(tshark: str, name: str) -> None:
    """After a change that is meant: `python tests/wireshark/golden.py --write`, and look."""
    expected = (golden.GOLDEN / f"{name}.tsv").read_text()
    assert golden.tell(CAPTURES[name], tshark).splitlines() == expected.splitlines()


def test_each_golden_file_has_its_capture() -> None:
    assert {path.stem for path in golden.GOLDEN.glob("*.tsv")} == set(CAPTURES)


@pytest.mark.parametrize("name", RECORDED)
def test_golden_tables_agree_with_what_the_lab_recorded(name: str) -> None:
    """Peers, titles, outcome and requests, as the programs that talked tell them themselves."""
    text = (golden.GOLDEN / f"{name}.tsv").read_text()
    table = text[text.index("\nAssociations\n") :].splitlines()[4:]
    told = [re.split(r"\s{2,}", line.strip())[2:8] for line in table]
    truth = json.loads(RECORDED[name].with_suffix(".json").read_text())
    assert len(told) == len(truth["associations"])
    for association in truth["associations"]:
        fitting = [cells for cells in told if agree(cells, association)]
        assert fitting, association
        told.remove(fitting[0])


def agree(cells: list[str], a: dict[str, Any]) -> bool:
    """Whether a line of the table says the same; a program does not record everything."""
    originator, responder, calling, called, outcome, work = cells
    done = dict(part.rsplit(" ", 1) for part in work.split(", ")) if work != "-" else {}
    said = {
        "id.orig_h": originator.split()[0], "id.orig_p": int(originator.split()[1]),
        "id.resp_h": responder.split()[0], "id.resp_p": int(responder.split()[1]),
        "calling_ae": calling, "called_ae": called,
        "result": outcome.split(", ")[0], "end": outcome.split(", ")[1],
        **{f"{n}_rq": int(done.get(n.upper(), 0)) for n in COUNTERS},
    }  # fmt: skip
    return all(said[key] == a[key] for key in said.keys() & a.keys())
