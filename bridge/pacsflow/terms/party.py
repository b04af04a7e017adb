"""One host of the network, as everything that is told names it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Party:
    """One host, as tables and the map name it; `basis` says where role and name come from."""

    address: str
    name: str = ""
    role: str = "unknown"
    """pacs, modality, workstation, worklist, printer, gateway, other or unknown."""
    modality: str = ""
    site: str = ""
    ae_titles: tuple[str, ...] = ()
    basis: str = ""
    """inventory, association, traffic, or empty where nothing is known."""
    local: bool = True
    evidence: str = ""
    """What shows an inferred role: answers-queries, sends-images and others."""
