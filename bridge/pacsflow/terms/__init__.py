"""The one table of SOP classes and transfer syntaxes (DICOM PS3.6, Annex A), as the taggers use it.

The rows come from pydicom's dictionary; `python -m pacsflow.terms` writes them anew, here and
as Lua and Zeek tables, and `python -m pacsflow.terms --check` says whether they are up to date.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

SERVICES = (
    "verification",
    "storage",
    "query",
    "retrieve",
    "worklist",
    "mpps",
    "commitment",
    "print",
    "other",
)
"""What a SOP class is for, in the words of `dicom.log`."""


@dataclass(frozen=True, slots=True)
class SopClass:
    """One SOP class of PS3.6; `modality` is empty except for storage of a modality's objects."""

    uid: str
    name: str
    service: str
    modality: str


@cache
def sop_classes() -> dict[str, SopClass]:
    """Return every SOP class by its UID."""
    with (files(__package__) / "sop_classes.tsv").open(encoding="ascii") as file:
        rows = csv.DictReader(file, delimiter="\t")
        return {row["uid"]: SopClass(**row) for row in rows}


@cache
def transfer_syntaxes() -> dict[str, str]:
    """Return every transfer syntax's name by its UID."""
    with (files(__package__) / "transfer_syntaxes.tsv").open(encoding="ascii") as file:
        return {row["uid"]: row["name"] for row in csv.DictReader(file, delimiter="\t")}
