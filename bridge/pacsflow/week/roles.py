"""Infers what a host is from what it was seen to do, and names the evidence; without any, nothing.

One C-ECHO, a rejected association or a few packets make nobody a modality or an archive.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import duckdb

RANK = ("pacs", "worklist", "printer", "gateway", "workstation", "modality")
"""Of several roles that rows tell of a host the first counts."""
WHY = {
    "pacs": "answers-queries", "worklist": "answers-worklists", "printer": "takes-prints",
    "gateway": "", "workstation": "asks", "modality": "sends-images",
}  # fmt: skip
"""What shows a role that a tagger told."""
SENDING = {"modality", "unknown"}
"""What a tagger makes of hosts that only send images, or of which it knows nothing."""
LEAST_BYTES = 1_000_000
"""Fewer bytes of imaging traffic than one image has show no role."""
LEAST_EACH = 50_000
"""Fewer bytes a connection than a small image has are questions and echoes, however many."""
SEVERAL = 3
"""Hosts that an archive takes images from, or gives them to, at least."""
ONE_WAY = 3
"""So many times as much in one direction as in the other shows who sends."""


@dataclass(frozen=True, slots=True)
class Role:
    """A role, how it is known (inventory, association, traffic), and what shows it."""

    role: str = "unknown"
    basis: str = ""
    why: str = ""
    """A code of `pacsflow.words.codes`, or empty."""


@dataclass(slots=True)
class Told:
    """What known_dicom.log says of a host, all rows together."""

    category: str = "unknown"
    basis: str = ""
    ae_titles: set[str] = field(default_factory=set)
    modalities: set[str] = field(default_factory=set)


_TOLD = """
    SELECT host, coalesce(ae_title, ''), coalesce(category, 'unknown'), coalesce(basis, ''),
           coalesce(modalities, []), epoch_us(min(ts)), epoch_us(max(ts))
    FROM endpoints GROUP BY ALL ORDER BY 7, 1, 2, 3, 4, 5
"""


def told_endpoints(connection: duckdb.DuckDBPyConnection) -> dict[str, Told]:
    """Return what the rows of known_dicom.log say of each host.

    Of categories counts the last that the inventory gave, or one that was seen since and says more.
    """
    hosts: dict[str, Told] = {}
    seen: dict[str, list[tuple[Any, ...]]] = {}
    for row in connection.sql(_TOLD).fetchall():
        told = hosts.setdefault(row[0], Told())
        told.ae_titles |= {row[1]} - {""}
        told.modalities.update(row[4])
        seen.setdefault(row[0], []).append(row)
    for host, rows in seen.items():
        hosts[host].category, hosts[host].basis = _category(rows)
    return hosts


def _category(rows: Sequence[tuple[Any, ...]]) -> tuple[str, str]:
    """Return the category of a host and its basis, from the distinct rows in the order of time."""
    written = [row for row in rows if row[3] == "inventory"]
    found = (written[-1][2], "inventory") if written else ("unknown", "")
    since = [row for row in rows if not written or row[6] > written[-1][6]]
    best = min(since, key=lambda row: (_rank(row[2]), row[5]), default=None)
    if best is not None and _rank(best[2]) < _rank(found[0]):
        return best[2], best[3]
    return found


def _rank(category: str) -> int:
    return RANK.index(category) if category in RANK else len(RANK)


def from_associations(
    connection: duckdb.DuckDBPyConnection,
    told: dict[str, Told],
    written: Callable[[str], str] = lambda _host: "",
) -> dict[str, Role]:
    """Return the roles that associations show, by host; hosts of which they show none are left out.

    Who accepts images and never asks for any may be a workstation, an archive or on the way to one,
    whatever a tagger made of it before it knew. It is an archive where a modality sends to it and
    it sends nothing on; else nothing is known.

    Parameters
    ----------
    written
        The role of a host that is written down, or empty.
    """
    asking, feeding = _asking(connection), _feeding(connection)
    senders = {sender for hosts in feeding.values() for sender in hosts}
    takers = {
        host
        for host, seen in told.items()
        if (seen.category == "workstation" or (host in feeding and seen.category in SENDING))
        and seen.basis != "inventory"
        and host not in asking
    }
    kinds = {
        host: written(host) or ("" if host in takers else seen.category)
        for host, seen in told.items()
    }
    found: dict[str, Role] = {}
    for host, seen in told.items():
        role = Role(seen.category, seen.basis or "association", WHY.get(seen.category, ""))
        if host in takers:
            fed = any(kinds.get(sender) == "modality" for sender in feeding.get(host, ()))
            ends = fed and host not in senders
            role = Role("pacs", role.basis, "takes-from-modality") if ends else Role()
        elif seen.category == "unknown" and host in feeding and host in asking:
            role = Role("workstation", role.basis, WHY["workstation"])
        if role.role != "unknown":
            found[host] = role
    return found


def _asking(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """Return the hosts that asked for images or studies."""
    rows = connection.sql(
        """SELECT host FROM endpoints WHERE coalesce(role, 'scu') IN ('scu', 'both')
               AND list_has_any(coalesce(services, []), ['query', 'retrieve'])
           UNION SELECT "id.orig_h" FROM associations
           WHERE coalesce(get_rq, 0) + coalesce(move_rq, 0) > 0
              OR list_contains(coalesce(services, []), 'query')"""
    ).fetchall()
    return {row[0] for row in rows}


def _feeding(connection: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """Return who sent images to each host of its own accord."""
    rows = connection.sql(
        """SELECT "id.resp_h", list(DISTINCT "id.orig_h") FROM associations
           WHERE store_rq > 0 AND coalesce(get_rq, 0) = 0 AND result = 'accepted' GROUP BY 1"""
    ).fetchall()
    return dict(rows)


def from_traffic(connection: duckdb.DuckDBPyConnection) -> dict[str, Role | None]:
    """Return the roles that connections show, of each host with imaging traffic; None for none.

    A host that others connect to, without it connecting to them, and that moves images with them is
    a PACS, and so is one that takes images and gives images with several. Of the rest, one that
    sends far more than it receives is a modality, one that receives far more a workstation. Two
    hosts whose connections are too small for images show nothing: a monitor's echoes add up. (Of
    samples, and of tables without ports, connections are not known.)
    """
    rows = connection.sql(
        f"""
        WITH told AS (
            SELECT source, destination, sum(bytes) AS bytes, sum(packets) AS packets,
                   sum(CASE WHEN samples > 0 THEN 0 ELSE communications END) AS began
            FROM traffic WHERE service IN ('dicom', 'dicom?') GROUP BY ALL
        ), pairs AS (
            SELECT * EXCLUDE (packets), sum(began) OVER two AS opened
            FROM told
            WINDOW two AS (PARTITION BY least(source, destination), greatest(source, destination))
            QUALIFY opened = 0 OR opened >= sum(packets) OVER two
                    OR sum(bytes) OVER two >= {LEAST_EACH} * opened
        ), served AS (
            SELECT a.destination AS host, sum(a.bytes + coalesce(b.bytes, 0)) AS moved
            FROM pairs a LEFT JOIN pairs b
                 ON a.source = b.destination AND a.destination = b.source
            WHERE a.began > 0 AND coalesce(b.began, 0) = 0 GROUP BY 1
        ), volume AS (
            SELECT host, sum(sent) AS sent, sum(received) AS received,
                   count(DISTINCT peer) AS peers
            FROM (SELECT source AS host, destination AS peer, bytes AS sent, 0 AS received
                  FROM pairs UNION ALL SELECT destination, source, 0, bytes FROM pairs) GROUP BY 1
        )
        SELECT host, coalesce(moved, 0), coalesce(sent, 0), coalesce(received, 0),
               coalesce(peers, 0)
        FROM (SELECT source AS host FROM told UNION SELECT destination FROM told)
             LEFT JOIN volume USING (host) LEFT JOIN served USING (host)
        """
    ).fetchall()
    return {host: _shown(*shown) for host, *shown in rows}


def _shown(served: float, sent: float, received: float, peers: int) -> Role | None:
    """Return the role that bytes show: those of connections from others alone, and all of them."""
    if served >= LEAST_BYTES:
        return Role("pacs", "traffic", "others-connect")
    if peers >= SEVERAL and min(sent, received) >= LEAST_BYTES:
        return Role("pacs", "traffic", "takes-and-gives")
    if sent + received < LEAST_BYTES:
        return None
    if sent >= ONE_WAY * received:
        return Role("modality", "traffic", "sends-most")
    if received >= ONE_WAY * sent:
        return Role("workstation", "traffic", "receives-most")
    return None
