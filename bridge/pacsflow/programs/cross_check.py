"""Compares what the Wireshark plugin and the Zeek package say of one capture, field by field."""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pacsflow.errors import InputError
from pacsflow.programs.reasons import UNSET, Row, is_cut, is_lossy, reason_of, several
from pacsflow.programs.tshark import export_logs
from pacsflow.programs.zeek import export_zeek_logs
from pacsflow.terms.dicom_times import ENCRYPTED
from pacsflow.terms.ports import DICOM_PORTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

Both = tuple[Row | None, Row | None]
"""The plugin's row and Zeek's; None where one lacks it."""

LOGS = ("dicom", "known_dicom", "dicom_times")
"""Those that are compared."""
TOLERANCE = 0.001
"""Seconds that times may differ by."""
FINE = 0.000002
"""Seconds that what dicom_times.log measured may differ by."""
TIMES = {"time", "interval"}
WITHOUT_LENGTH = {
    "ip_hdr_len_zero": False,
    "truncated_header": True,
    "invalid_IP_header_size": True,
}
"""What Zeek calls packets with a length of 0, and whether those are of IPv6."""
BUNDLED = "invalid_802_11_amsdu_inner_packet"
"""What Zeek calls frames of 802.11 with several packets of which it does not find the next."""
AFTER_RESET, CROSSED = "data_after_reset", "SYN_seq_jump"
"""What Zeek calls data that follow a reset, and a SYN of either side."""
MISORDERED = "TCP_seq_underflow_or_misorder"
"""What Zeek calls sequence numbers that fit no others of a connection."""
ROUTED = "unknown_routing_type"
"""What Zeek calls routes of IPv6 that it does not follow."""
HUGE = 1 << 28
"""Bytes that no PDU has."""
NOT_COMPARED = {"uid", "evidence_uid"}
"""Each tool makes connection identifiers of its own."""
ZEEK_PORTS = {str(port) for port in DICOM_PORTS}
"""Ports that Zeek's analyzer is registered for, from the first byte on."""


@dataclass(frozen=True, slots=True)
class Log:
    """A Zeek TSV log: Zeek types by field, and rows."""

    types: Mapping[str, str]
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Difference:
    """One field on which the two tools differ; `field` is ``row`` where one lacks the row.

    `reason` names one of `REASONS`, or is empty: then one of the two is wrong.
    """

    capture: str
    log: str
    where: str
    field: str
    plugin: str
    zeek: str
    reason: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """How much was compared, and what differed."""

    capture: str
    associations: int
    endpoints: int
    fields: int
    differences: tuple[Difference, ...]

    @property
    def unexplained(self) -> tuple[Difference, ...]:
        """Return the differences without a reason."""
        return tuple(d for d in self.differences if not d.reason)


def cross_check(
    capture: Path,
    *,
    inventory: Path | None = None,
    tshark: str | None = None,
    modules: Path | None = None,
) -> Comparison:
    """Read a capture with both tools and compare their rows.

    Parameters
    ----------
    capture
        A capture that both open: pcap or pcapng.
    inventory
        The hospital's inventory, given to both.
    tshark
        Path of tshark (see `pacsflow.programs.tshark.find_tshark`).
    modules
        Folder with Zeek's compiled analyzers (see `pacsflow.programs.zeek.compiled_package`).

    Raises
    ------
    InputError
        One of the tools cannot read the capture.
    ToolError
        One of them is missing.
    """
    with tempfile.TemporaryDirectory(prefix="pacsflow-cross-check-") as folder:
        ours, theirs = Path(folder, "plugin"), Path(folder, "zeek")
        export_zeek_logs(capture, theirs, inventory=inventory, modules=modules)
        # Zeek writes no log of connections where it saw none.
        (theirs / "conn.log").touch()
        export_logs(capture, ours, tshark=tshark, inventory=inventory)
        return compare(capture.name, ours, theirs)


def compare(capture: str, plugin: Path, zeek: Path) -> Comparison:
    """Compare the logs in two folders.

    dicom.log row by row, known_dicom.log by endpoint, dicom_times.log by association, operation
    and requestor.
    """
    found: list[Difference] = []
    fields = 0
    logs, others = ({n: read_log(f / f"{n}.log") for n in LOGS} for f in (plugin, zeek))
    associations = join(last_rows(logs["dicom"]), others["dicom"])
    endpoints, known = _by_endpoint(logs["known_dicom"]), _by_endpoint(others["known_dicom"])
    keys = sorted(endpoints.keys() | known.keys())
    marked = _marker(associations, endpoints.values(), Connections.of(plugin, zeek, associations))
    pairs = [("dicom", _who(*both), *both, marked(*both)) for both in associations]
    pairs += [
        ("known_dicom", " ".join(k), *both, marked(*both))
        for k, both in ((k, (endpoints.get(k), known.get(k))) for k in keys)
    ]
    pairs += _timed((logs["dicom_times"], others["dicom_times"]), associations, marked)
    for log, where, ours, theirs, row in pairs:
        if ours is None or theirs is None:
            there = ("-", "row") if ours is None else ("row", "-")
            reason = reason_of(log, "row" if ours else "no row", row)
            found.append(Difference(capture, log, where, "row", *there, reason))
            continue
        fields += len(logs[log].types) - 1
        for field, kind in logs[log].types.items():
            one, other = ours.get(field, ""), theirs.get(field, "")
            if field not in NOT_COMPARED and not same(kind, one, other, _tolerance(log, field)):
                reason = reason_of(log, field, row)
                found.append(Difference(capture, log, where, field, one, other, reason))
    return Comparison(capture, len(associations), len(keys), fields, tuple(found))


def _timed(
    logs: tuple[Log, Log],
    associations: Sequence[Both],
    marked: Callable[[Row | None, Row | None], Row],
) -> Iterator[tuple[str, str, Row | None, Row | None, Row]]:
    """Yield what the two dicom_times.log have: of associations, then of encrypted connections."""
    times = _by_operation(logs[0]), _by_operation(logs[1])
    for association in associations:
        for what, both in _operations(times, *association).items():
            yield "dicom_times", f"{_who(*both)} {what}", *both, marked(*association)
    for side in ("orig", "resp"):
        for both in join(_encrypted(logs[0], side), _encrypted(logs[1], side)):
            yield "dicom_times", f"{_who(*both)} tls {side}", *both, _plain(marked, *both)


def _marker(
    associations: Sequence[Both], endpoints: Iterable[Row], connections: Connections
) -> Callable[[Row | None, Row | None], Row]:
    """Return what adds to a row of either log the circumstances that reasons ask for."""
    around = _Circumstances.of(associations, endpoints)
    known = frozenset(_connection(ours) for ours, _ in associations if ours)

    def mark(ours: Row | None, theirs: Row | None) -> Row:
        marks = connections.marks(ours, theirs, known)
        return {**(ours or theirs or {}), **around.marks(ours or {}, theirs or {}), **marks}

    return mark


@dataclass(frozen=True, slots=True)
class _Circumstances:
    """What is known of endpoints (see `_ends`) and of hosts: the union over associations.

    What holds for one association of an endpoint holds for the endpoint.
    """

    cut: frozenset[str]
    lossy: frozenset[str]
    midstream: frozenset[str]
    one_sided: frozenset[str]
    unsure: frozenset[tuple[str, ...]]
    unwatched: frozenset[tuple[str, ...]]
    uids_of_unwatched: frozenset[str]
    inside_tls: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, associations: Sequence[Both], endpoints: Iterable[Row]) -> _Circumstances:
        """Gather them from the associations of both logs and from known_dicom.log."""
        both = [(ours or {}, theirs or {}) for ours, theirs in associations]
        losses = [pair for pair in both if any(map(is_lossy, pair))]
        told_twice = [pair for pair in losses if all(pair) and _unsure(*pair)]
        unwatched = [ours for ours, theirs in both if ours and not theirs and _unwatched(ours)]
        return cls(
            cut=_hosts(ours for ours, _ in both if ours and is_cut(ours)),
            lossy=_hosts(row for pair in losses for row in pair),
            midstream=_flagged("midstream", both),
            one_sided=_flagged("one_sided", both),
            unsure=_all_ends(row for pair in told_twice for row in pair),
            unwatched=_all_ends(unwatched),
            uids_of_unwatched=frozenset(row["uid"] for row in unwatched),
            inside_tls=frozenset(
                (r["host"], r["port_num"]) for r in endpoints if r.get("tls") == "T"
            ),
        )

    def marks(self, ours: Row, theirs: Row) -> Row:
        """Return the marks of a row, which either log or both have."""
        row = ours or theirs
        end, host = _end(row), row.get("host")
        marks = {
            name: "T"
            for name, holds in (
                ("lost", any(map(is_lossy, (ours, theirs))) or host in self.lossy),
                ("unsure", end in self.unsure),
                ("unwatched", row.get("uid") in self.uids_of_unwatched or end in self.unwatched),
                ("of_unwatched", host in {end[0] for end in self.unwatched}),
                ("of_midstream", host in self.midstream),
                ("of_one_sided", host in self.one_sided),
                ("tls", (row.get("id.resp_h"), row.get("id.resp_p")) in self.inside_tls),
            )
            if holds
        }
        return marks | ({"flags": "truncated"} if host in self.cut else {})


Connection = frozenset[tuple[str, str]]
"""Address and port of both ends."""
NO_CONNECTIONS: frozenset[Connection] = frozenset()
NETWORKS = "alike, in another network"
"""What the plugin calls an association that another one is like, in another VLAN or tunnel."""


@dataclass(frozen=True, slots=True)
class Connections:
    """What the tools say of connections, and of copies, beside the logs that are compared.

    `seen` are those of Zeek's conn.log, None where there is none. `unread`, `told_again` and `odd`
    are connections by the mark that they give (see `reasons.REASONS`): to rows that Zeek lacks, to
    rows that the plugin lacks, to any. `copied` is whether packets stand in the capture again.
    """

    seen: frozenset[Connection] | None
    unread: Mapping[str, frozenset[Connection]]
    told_again: Mapping[str, frozenset[Connection]]
    odd: Mapping[str, frozenset[Connection]]
    copied: bool

    @classmethod
    def of(cls, plugin: Path, zeek: Path, associations: Sequence[Both]) -> Connections:
        """Read them from the two folders, and take them from the associations of both."""
        conn = zeek / "conn.log"
        connections = read_log(conn).rows if conn.exists() else None
        weird: dict[str, set[Connection]] = defaultdict(set)
        for row in read_log(zeek / "weird.log").rows:
            weird[row["name"]].add(_connection(row))
        lossy = frozenset(_connection(row) for row in connections or () if is_lossy(row))
        fates = read_log(plugin / "capture.log").rows
        told = {row["what"] for row in fates}
        copied = any(what.startswith("copy, ") for what in told)
        known = [ours for ours, _ in associations if ours]
        told_by_zeek = [theirs for _, theirs in associations if theirs]
        misordered = frozenset(weird[MISORDERED])
        repeated = _repeated(known) if NETWORKS in told else NO_CONNECTIONS
        return cls(
            seen=None if connections is None else frozenset(map(_connection, connections)),
            unread={
                "unmeasured": _without_length(lossy, weird),
                "bundled": lossy if BUNDLED in weird else NO_CONNECTIONS,
                "mislengthed": lossy if "length impossible" in told else NO_CONNECTIONS,
            },
            told_again={"translated": frozenset(_translated(fates))},
            odd={
                "reset": frozenset(weird[AFTER_RESET]),
                "crossed": frozenset(weird[CROSSED]),
                "endless": _flagged_connections("unfinished", known)
                if any(row["what"] == "unfinished" and int(row["bytes"]) >= HUGE for row in fates)
                else NO_CONNECTIONS,
                "clock": frozenset(_under_way(known, fates)),
                "networks": misordered & repeated,
                "renumbered": misordered if copied else NO_CONNECTIONS,
                "proxied": _not_followed(connections or ())
                if "behind a proxy" in told
                else NO_CONNECTIONS,
                "routed": _flagged_connections("one_sided", told_by_zeek)
                if ROUTED in weird
                else NO_CONNECTIONS,
            },
            copied=copied,
        )

    def marks(self, ours: Row | None, theirs: Row | None, known: frozenset[Connection]) -> Row:
        """Return the marks of a row of either log or both; `known`: the plugin's associations."""
        row = ours or theirs or {}
        connection, host = _connection(row), row.get("host")
        marks = {
            "copied": self.copied,
            "twice": not ours and connection in known,
            "nested": ours is not None and theirs is not None and _is_told_less(ours, theirs),
            "unseen": not theirs and self._is_unseen(connection, host, known),
        }
        told = dict(self.odd)
        told |= {} if theirs else self.unread
        told |= {} if ours else self.told_again
        marks |= {name: _has(those, connection, host) for name, those in told.items()}
        return {name: "T" for name, holds in marks.items() if holds}

    def _is_unseen(
        self, connection: Connection, host: str | None, known: frozenset[Connection]
    ) -> bool:
        """Return whether Zeek has not seen a connection, or where a host is given, none of its own.

        Of a host those count that are associations: Zeek may know of others.
        """
        if self.seen is None or host is None:
            return self.seen is not None and connection not in self.seen
        mine = frozenset(c for c in known if _has(frozenset({c}), connection, host))
        return mine.isdisjoint(self.seen) if mine else not _has(self.seen, connection, host)


def _connection(row: Row) -> Connection:
    return frozenset(
        (row.get(f"id.{side}_h", ""), row.get(f"id.{side}_p", "")) for side in ("orig", "resp")
    )


def _has(connections: frozenset[Connection], connection: Connection, host: str | None) -> bool:
    """Return whether a connection is among others, or where a host is given, one of its own."""
    if host is None:
        return connection in connections
    return any(address == host for ends in connections for address, _ in ends)


def _repeated(associations: Iterable[Row]) -> frozenset[Connection]:
    """Return the connections that have several associations."""
    found = Counter(map(_connection, associations))
    return frozenset(connection for connection, number in found.items() if number > 1)


def _without_length(
    lossy: frozenset[Connection], weird: Mapping[str, object]
) -> frozenset[Connection]:
    """Return those of the connections that may be of packets without a length."""
    versions = {is_6 for name, is_6 in WITHOUT_LENGTH.items() if name in weird}
    return frozenset(c for c in lossy if any(":" in host for host, _ in c) in versions)


def _translated(fates: Iterable[Row]) -> Iterator[Connection]:
    """Yield the connections that the plugin takes for others, behind an address translation."""
    for row in fates:
        if row["what"] == "translated":
            _, a, p, b, q, *_ = row["detail"].split()
            yield frozenset({(a, p), (b, q)})


def _under_way(associations: Iterable[Row], fates: Iterable[Row]) -> Iterator[Connection]:
    """Yield the connections of associations during which the capture's clock was set."""
    steps = {"clock backward": 1, "clock forward": -1}
    moments = [
        float(row["ts"]) + steps[row["what"]] * float(row["detail"])
        for row in fates
        if row["what"] in steps
    ]
    moments += [float(row["last"]) for row in fates if row["what"] == "clock not set"]
    for row in associations:
        begin, duration = float(row["ts"]), row.get("duration", UNSET)
        end = begin + (0 if duration == UNSET else float(duration))
        if any(begin - TOLERANCE <= moment <= end + TOLERANCE for moment in moments):
            yield _connection(row)


def _not_followed(connections: Iterable[Row]) -> frozenset[Connection]:
    """Return the connections in which Zeek found no DICOM, or the protocol of a proxy as well."""
    services = ((row, set(row["service"].split(","))) for row in connections)
    return frozenset(
        _connection(row)
        for row, found in services
        if "dicom" not in found or found & {"http", "socks"}
    )


def _flagged_connections(flag: str, associations: Iterable[Row]) -> frozenset[Connection]:
    return frozenset(_connection(row) for row in associations if flag in several(row["flags"]))


def _is_told_less(ours: Row, theirs: Row) -> bool:
    """Return whether the plugin names IP in IP, and whatever else Zeek names as well."""
    one, other = (several(row.get("tunnel", "")) for row in (ours, theirs))
    return bool(other) and one - other == {"ip"} and other < one


def _flagged(flag: str, both: Iterable[tuple[Row, Row]]) -> frozenset[str]:
    """Return the hosts of associations to which the plugin gave a flag."""
    return _hosts(ours for ours, _ in both if flag in several(ours.get("flags", "")))


def _all_ends(rows: Iterable[Row]) -> frozenset[tuple[str, ...]]:
    return frozenset(end for row in rows if row for end in _ends(row))


def _hosts(rows: Iterable[Row]) -> frozenset[str]:
    return frozenset(end[0] for end in _all_ends(rows))


def read_log(path: Path) -> Log:
    """Return a Zeek TSV log with its cells as they are written; no file is a log without rows.

    The cells are not unescaped: that both tools escape alike is part of what is compared.
    """
    if not path.exists():
        return Log({}, ())
    names: list[str] = []
    types: list[str] = []
    rows = []
    for number, line in enumerate(path.read_text("utf-8", "replace").split("\n"), 1):
        cells = line.split("\t")
        if cells[0] == "#fields":
            names = cells[1:]
        elif cells[0] == "#types":
            types = cells[1:]
        elif line and not line.startswith("#"):
            if len(cells) != len(names):
                raise InputError(path, f"{len(cells)} cells, {len(names)} expected", line=number)
            rows.append(dict(zip(names, cells, strict=True)))
    return Log(dict(zip(names, types, strict=True)), rows)


def last_rows(log: Log) -> Log:
    """Drop rows that a later row of the same association replaces."""
    last = {(row["uid"], row["ts"]): row for row in log.rows}
    return Log(log.types, tuple(last.values()))


def join(plugin: Log, zeek: Log) -> list[Both]:
    """Pair the rows of two dicom.log by connection and start; None where one lacks the row.

    The connection is told by what a Community ID is made of, so that the IDs themselves can be
    compared. Rows of one connection that start within a millisecond are one; of those left over,
    the first goes with the first.
    """
    ours, theirs = _by_connection(plugin), _by_connection(last_rows(zeek))
    pairs: list[Both] = []
    for connection in ours.keys() | theirs.keys():
        left, right = ours.get(connection, []), theirs.get(connection, [])
        rest = []
        for row in left:
            match = next((r for r in right if same("time", row["ts"], r["ts"])), None)
            if match is None:
                rest.append(row)
            else:
                right.remove(match)
                pairs.append((row, match))
        pairs += zip(rest, right, strict=False)
        pairs += [(row, None) for row in rest[len(right) :]]
        pairs += [(None, row) for row in right[len(rest) :]]
    return sorted(pairs, key=lambda pair: float((pair[0] or pair[1] or {})["ts"]))


def same(kind: str, one: str, other: str, tolerance: float = TOLERANCE) -> bool:
    """Return whether two cells of a Zeek type say the same; times, to so many seconds."""
    if one == other:
        return True
    if UNSET in {one, other}:
        return False
    if kind in TIMES:
        return abs(float(one) - float(other)) <= tolerance + 1e-7
    return kind.startswith("set[") and several(one) == several(other)


def _tolerance(log: str, field: str) -> float:
    return FINE if log == "dicom_times" and field != "ts" else TOLERANCE


def _by_operation(log: Log) -> dict[tuple[str, str], dict[str, Row]]:
    """Return the rows of dicom_times.log by association, operation and requestor."""
    found: dict[tuple[str, str], dict[str, Row]] = defaultdict(dict)
    for row in log.rows:
        found[row["uid"], row["ts"]][f"{row['operation']} {row['requestor']}"] = row
    return found


def _plain(marked: Callable[[Row | None, Row | None], Row], *both: Row | None) -> Row:
    """Return marks of rows of encrypted connections, whose column `tls` is none."""
    ours, theirs = ({k: v for k, v in row.items() if k != "tls"} if row else None for row in both)
    return marked(ours, theirs)


def _encrypted(log: Log, side: str) -> Log:
    """Return the rows of dicom_times.log of encrypted connections that tell of one side."""
    wanted = (ENCRYPTED, side)
    return Log(
        log.types, [row for row in log.rows if (row["operation"], row["requestor"]) == wanted]
    )


def _operations(
    logs: tuple[Mapping[tuple[str, str], dict[str, Row]], ...], *rows: Row | None
) -> dict[str, Both]:
    """Pair what both logs have of an association; its rows of dicom.log are given."""
    ours, theirs = (
        log.get((row["uid"], row["ts"]), {}) if row else {}
        for log, row in zip(logs, rows, strict=True)
    )
    return {what: (ours.get(what), theirs.get(what)) for what in sorted(ours | theirs)}


def _by_connection(log: Log) -> dict[frozenset[tuple[str, str]], list[Row]]:
    found = defaultdict(list)
    for row in sorted(log.rows, key=lambda row: float(row["ts"])):
        ends = {(row[f"id.{side}_h"], row[f"id.{side}_p"]) for side in ("orig", "resp")}
        found[frozenset(ends)].append(row)
    return dict(found)


def _by_endpoint(log: Log) -> dict[tuple[str, str, str, str], Row]:
    """Return the last row of each endpoint, which holds all that is known of it."""
    return {(row["host"], row["port_num"], row["ae_title"], row["role"]): row for row in log.rows}


def _unwatched(row: Row) -> bool:
    """Return whether nothing of an association that the plugin tells of makes Zeek look."""
    of_request = ("ctx_offered", "orig_max_pdu", "orig_impl_uid", "orig_impl_version")
    return (
        all(row.get(field, UNSET) == UNSET for field in (*of_request, "user_identity"))
        and row.get("result") in {"accepted", "unknown"}
        and "malformed" not in several(row.get("flags", ""))
        and not {row["id.orig_p"], row["id.resp_p"]} & ZEEK_PORTS
    )


def _unsure(ours: Row, theirs: Row) -> bool:
    """Return whether two rows of an association give different rows of endpoints."""
    fields = ("result", "calling_ae", "called_ae", "orig_roles", "resp_roles", "ctx_accepted")
    return any(ours.get(field) != theirs.get(field) for field in fields)


def _end(row: Row) -> tuple[str, ...]:
    return tuple(row.get(field, "") for field in ("host", "port_num", "ae_title"))


def _ends(row: Row) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return host, port and AE title of the two endpoints of an association."""
    return (
        (row["id.orig_h"], UNSET, row.get("calling_ae", UNSET)),
        (row["id.resp_h"], row["id.resp_p"], row.get("called_ae", UNSET)),
    )


def _who(ours: Row | None, theirs: Row | None) -> str:
    row = ours or theirs or {}
    orig, resp = (f"{row[f'id.{side}_h']}:{row[f'id.{side}_p']}" for side in ("orig", "resp"))
    return f"{row['ts']} {orig} {resp}"
