"""Holds what worse captures tell of endpoints against what the whole ones tell of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pacsflow.programs.cross_check import Row

CATEGORIES = ("pacs", "worklist", "printer", "workstation", "modality", "unknown")
"""What a host is inferred to be, the first that its traffic shows: less traffic, a later one."""
FIELDS = ("endpoint", "ae_title", "role", "services", "modalities", "impl_uid", "impl_version",
          "tls", "local", "category")  # fmt: skip
UNSET = "-"
Fact = tuple[str, ...]
"""Field, host, port, AE title where it is of one, value."""


def facts(rows: Iterable[Row], *, titled: bool = True) -> set[Fact]:
    """Return what the rows tell; where not `titled`, of a host and port whatever its AE title."""
    told: set[Fact] = set()
    for row in rows:
        end = (row["host"], row["port_num"])
        told.add(("endpoint", *end))
        told |= {(field, *end, row[field]) for field in ("tls", "local")}
        if row["category"] != "unknown":
            told.add(("category", row["host"], row["category"]))
        if row["ae_title"] != UNSET:
            told.add(("ae_title", *end, row["ae_title"]))
        title = row["ae_title"] if titled else UNSET
        for field in ("role", "services", "modalities", "impl_uid", "impl_version"):
            if row[field] != UNSET:
                sets = field in {"services", "modalities"}
                values = row[field].split(",") if sets else [row[field]]
                told |= {(field, *end, title, value) for value in values}
    return told


def invented(told: set[Fact], whole: set[Fact], untitled: set[Fact]) -> Iterator[str]:
    """Yield what is told and was not so.

    A category is inferred from what was seen: it is invented where it says more than all of the
    traffic does, and not where it says less. Of who takes images and sends them, the sending alone
    makes a modality.
    """
    is_a = dict.fromkeys(_takers(whole), "modality")
    is_a |= {fact[1]: fact[2] for fact in whole if fact[0] == "category"}
    for fact in sorted(told - whole - untitled):
        if fact[0] == "category":
            best = is_a.get(fact[1], "unknown")
            if CATEGORIES.index(fact[2]) >= CATEGORIES.index(best):
                continue
        yield f"known_dicom: {' '.join(fact)}"


def _takers(whole: set[Fact]) -> set[str]:
    """Return the hosts that accepted images."""
    stores = {fact[1:4] for fact in whole if fact[0] == "services" and fact[4] == "storage"}
    accepts = {fact[1:4] for fact in whole if fact[0] == "role" and fact[4] in {"scp", "both"}}
    return {host for host, *_ in stores & accepts}


def score(rows: list[Row], whole: list[Row]) -> tuple[dict[str, list[int]], list[str]]:
    """Return by field how much there was to tell, was told, and rightly; and what was invented."""
    told, there = facts(rows), facts(whole)
    untitled = facts(whole, titled=False)
    scores = {
        f"known_dicom.{field}": [
            sum(f[0] == field for f in there),
            # Of an AE title that was not seen nothing is told.
            sum(f[0] == field and (f in there or f not in untitled) for f in told),
            sum(f[0] == field for f in told & there),
        ]
        for field in FIELDS
    }
    # Of the category, too, what is told on each basis.
    categories = {f for f in there if f[0] == "category"}
    for basis in ("association", "traffic"):
        told_so = {f for f in facts(r for r in rows if r["basis"] == basis) if f[0] == "category"}
        scores[f"known_dicom.category, by {basis}"] = [
            len(categories), len(told_so), len(told_so & categories)
        ]  # fmt: skip
    return scores, list(invented(told, there, untitled))
