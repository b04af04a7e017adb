"""The DICOM half of the report: associations, AE titles, equipment and software."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pacsflow.week.facts import AePair, AssociationRow, Associations, Count, Equipment, Software
from pacsflow.week.traffic import last_seen, percent

if TYPE_CHECKING:
    from pacsflow.week.hosts import Hosts
    from pacsflow.week.sensors import Sensors
    from pacsflow.week.traffic import Scope

OPERATIONS = {
    "C-ECHO": "echo_rq",
    "C-STORE": "store_rq",
    "C-FIND": "find_rq",
    "C-GET": "get_rq",
    "C-MOVE": "move_rq",
    "C-CANCEL": "cancel_rq",
    "N-": "n_rq",
}
RESPONSES = ("success", "warning", "failure", "pending", "cancel")
NOTABLE, PAIRS, KINDS = 20, 25, 15
"""Rows of the lists; how many there are besides is told beside them."""
SLOW_SECONDS = 600.0


def _week(
    scope: Scope, query: str, values: tuple[object, ...] = (), *, weeks: int = 0
) -> list[Any]:
    week = scope.week.shifted(weeks)
    head = "WITH rows AS (SELECT * FROM associations WHERE ts >= ? AND ts < ?) "
    return scope.connection.execute(head + query, [week.start, week.end, *values]).fetchall()


def associations(scope: Scope, hosts: Hosts) -> Associations | None:
    """Return what dicom.log says of the week; None where the ledger has no dicom.log at all."""
    if not scope.connection.execute("SELECT 1 FROM associations LIMIT 1").fetchall():
        return None
    sums = f"count(*), {', '.join(f'sum({c})' for c in OPERATIONS.values())}"
    total, *operations = _week(scope, f"SELECT {sums} FROM rows")[0]
    before, *operations_before = _week(scope, f"SELECT {sums} FROM rows", weeks=-1)[0]
    *responses, median, high = _week(
        scope,
        f"""SELECT {", ".join(f"sum(rsp_{r})" for r in RESPONSES)},
                  median(duration) FILTER (result = 'accepted'),
                  quantile_cont(duration, 0.95) FILTER (result = 'accepted') FROM rows""",
    )[0]
    codes = _unnested(scope, "failure_codes", total)
    syntaxes = _unnested(scope, "transfer_syntaxes", total)
    pairs, all_pairs = _pairs(scope, hosts)
    notable, all_notable = _notable(scope, hosts)
    return Associations(
        total=total,
        results=_counts(scope, "coalesce(result, 'unknown')"),
        ends=_counts(scope, """coalesce("end", 'incomplete')"""),
        operations=_listed(
            [name if name != "N-" else "DIMSE-N" for name in OPERATIONS],
            operations,
            operations_before if before else None,
        ),
        responses=_listed(list(RESPONSES), responses, None),
        failure_codes=codes[:KINDS],
        services=_unnested(scope, "services", total),
        transfer_syntaxes=syntaxes[:KINDS],
        flags=_unnested(scope, "flags", total),
        pairs=pairs,
        notable=notable,
        seconds_median=median,
        seconds_p95=high,
        objects=int(operations[1] or 0),
        previous_total=before or None,
        other_pairs=all_pairs - len(pairs),
        other_notable=all_notable - len(notable),
        other_failure_codes=len(codes[KINDS:]),
        other_transfer_syntaxes=len(syntaxes[KINDS:]),
    )


def _counts(scope: Scope, expression: str) -> tuple[Count, ...]:
    query = f"SELECT {expression}, count(*) FROM rows GROUP BY 1 ORDER BY 2 DESC, 1"
    rows = _week(scope, query)
    before = dict(_week(scope, query, weeks=-1))
    whole = sum(row[1] for row in rows)
    return tuple(
        Count(str(n), c, percent(c, whole), before.get(n, 0) if before else None) for n, c in rows
    )


def _unnested(scope: Scope, column: str, whole: int) -> tuple[Count, ...]:
    """Count associations by each element of a set; shares are of all associations, `whole`."""
    query = f"SELECT v, count(*) FROM (SELECT unnest({column}) v FROM rows) GROUP BY 1"
    rows = _week(scope, query + " ORDER BY 2 DESC, 1")
    before = dict(_week(scope, query, weeks=-1))
    return tuple(
        Count(str(n), c, percent(c, whole), before.get(n, 0) if before else None) for n, c in rows
    )


def _listed(names: list[str], values: Any, before: Any) -> tuple[Count, ...]:  # noqa: ANN401
    now = [int(v or 0) for v in values]
    old = [int(v or 0) for v in before] if before else [None] * len(now)
    whole = sum(now)
    return tuple(
        Count(n, v, percent(v, whole), o) for n, v, o in zip(names, now, old, strict=True) if v or o
    )


def _pairs(scope: Scope, hosts: Hosts) -> tuple[tuple[AePair, ...], int]:
    """Return those with most bytes, and how many there are."""
    rows = _week(
        scope,
        """SELECT coalesce(calling_ae, ''), coalesce(called_ae, ''), mode("id.orig_h"),
                  mode("id.resp_h"), count(*), count(*) FILTER (result = 'rejected'),
                  count(*) FILTER ("end" = 'aborted'), coalesce(sum(store_rq), 0)::DOUBLE,
                  coalesce(sum(rsp_failure), 0)::DOUBLE,
                  coalesce(sum(data_bytes_orig) + sum(data_bytes_resp), 0)::DOUBLE,
                  median(duration) FILTER (result = 'accepted'), count(*) OVER ()
           FROM rows GROUP BY 1, 2 ORDER BY 10 DESC, 5 DESC, 1, 2 LIMIT ?""",
        (PAIRS,),
    )
    return tuple(
        AePair(
            calling_ae=r[0],
            called_ae=r[1],
            orig=hosts.party(r[2]),
            resp=hosts.party(r[3]),
            associations=r[4],
            rejected=r[5],
            aborted=r[6],
            objects=int(r[7]),
            failures=int(r[8]),
            bytes=r[9],
            median_seconds=r[10],
        )
        for r in rows
    ), rows[0][11] if rows else 0


def _notable(scope: Scope, hosts: Hosts) -> tuple[tuple[AssociationRow, ...], int]:
    """Return the associations worth a look, the worst and latest first, and how many there are."""
    rows = _week(
        scope,
        """SELECT epoch_us(ts), coalesce(uid, ''), "id.orig_h", "id.resp_h",
                  coalesce(calling_ae, ''), coalesce(called_ae, ''), coalesce(result, 'unknown'),
                  coalesce("end", 'incomplete'), duration,
                  (coalesce(data_bytes_orig, 0) + coalesce(data_bytes_resp, 0))::DOUBLE,
                  coalesce(rsp_failure, 0),
                  CASE WHEN result = 'rejected' THEN 'rejected'
                       WHEN "end" = 'aborted' THEN 'aborted'
                       WHEN rsp_failure > 0 THEN 'failures'
                       WHEN result = 'no_reply' THEN 'no_reply'
                       WHEN list_contains(flags, 'malformed') THEN 'malformed'
                       ELSE 'slow' END AS why, count(*) OVER ()
           FROM rows
           WHERE result IN ('rejected', 'no_reply') OR "end" = 'aborted' OR rsp_failure > 0
                 OR list_contains(flags, 'malformed') OR duration > ?
           ORDER BY rsp_failure DESC, why, ts DESC LIMIT ?""",
        (SLOW_SECONDS, NOTABLE),
    )
    return tuple(
        AssociationRow(
            ts=datetime.fromtimestamp(r[0] / 1e6, UTC),
            uid=r[1],
            orig=hosts.party(r[2]),
            resp=hosts.party(r[3]),
            calling_ae=r[4],
            called_ae=r[5],
            result=r[6],
            end=r[7],
            why=r[11],
            seconds=r[8],
            bytes=r[9],
            failures=r[10],
            source="dicom.log",
        )
        for r in rows
    ), rows[0][12] if rows else 0


def equipment(
    scope: Scope,
    hosts: Hosts,
    history_start: datetime | None,
    *,
    silent_days: float,
    learning_days: float,
    sensors: Sensors | None = None,
    most_seen: bool = True,
) -> tuple[Equipment, ...]:
    """Return every known endpoint with its state: active, new, silent or unseen this week.

    `new` needs `learning_days` of history before the week; `silent` a device that was seen on at
    least `silent_days` days of the four weeks before. Without `most_seen` less than half of the
    week was seen by any sensor, and nobody fell silent.
    """
    seen = last_seen(scope)
    week = scope.week
    sums = {
        row[0]: row[1:]
        for row in scope.ask(
            """SELECT h, sum(i), sum(o), sum(c)::BIGINT, count(DISTINCT p) FROM (
                   SELECT source h, 0 i, bytes o, communications c, destination p FROM rows
                   UNION ALL SELECT destination, bytes, 0, communications, source FROM rows)
               GROUP BY h""",
            table="pair_weeks",
        )
    }
    days = dict(
        scope.connection.execute(
            """SELECT host, count(DISTINCT hour::DATE) FROM host_hours
               WHERE hour >= ? AND hour < ? GROUP BY host""",
            [week.shifted(-4).start, week.start],
        ).fetchall()
    )
    known = {
        row[0]: row[1:]
        for row in scope.connection.execute(
            """SELECT host, epoch_us(min(ts)) // 3600000000 * 3600,
                      list_distinct(flatten(list(coalesce(services, [])))),
                      list_distinct(flatten(list(coalesce(modalities, []))))
               FROM endpoints GROUP BY host"""
        ).fetchall()
    }
    learned = timedelta(days=min(learning_days, 1e5))
    long_enough = history_start is not None and week.start - history_start >= learned
    result = []
    for party in hosts.imaging():
        first, last = seen.get(party.address, (None, None))
        known_first, services, modalities = known.get(party.address, (None, (), ()))
        if known_first is not None:
            known_at = datetime.fromtimestamp(known_first, UTC)
            first = min(first or known_at, known_at)
        octets_in, octets_out, connections, peers = sums.get(party.address, (0.0, 0.0, 0, 0))
        if first is not None and first >= week.end:
            continue
        state = "active"
        if party.address not in sums:
            state = "silent" if days.get(party.address, 0) >= max(1, silent_days) else ""
            unseen = sensors and sensors.is_unseen(party.address, week.start, week.end)
            if state and (unseen or not most_seen):
                state = "unseen"
        elif long_enough and first is not None and first >= week.start:
            state = "new"
        if state:
            result.append(
                Equipment(
                    party=party,
                    state=state,
                    last_seen=last,
                    first_seen=first,
                    services=tuple(sorted(services)),
                    modalities=tuple(sorted(modalities)),
                    bytes_in=octets_in,
                    bytes_out=octets_out,
                    connections=connections,
                    peers=peers,
                )
            )
    order = {"new": 0, "silent": 1, "unseen": 2, "active": 3}
    result.sort(key=lambda e: (order[e.state], -(e.bytes_in + e.bytes_out), e.party.address))
    return tuple(result)


def software(scope: Scope, hosts: Hosts) -> tuple[Software, ...]:
    """Return the implementation fingerprints of the week and who runs them."""
    rows = scope.connection.execute(
        """
        WITH sides AS (
            SELECT ts, "id.orig_h" AS h, orig_impl_uid AS impl_uid,
                   coalesce(orig_impl_version, '') AS impl_version FROM associations
            UNION ALL
            SELECT ts, "id.resp_h", resp_impl_uid, coalesce(resp_impl_version, '')
            FROM associations
        ), runs AS (
            SELECT impl_uid, impl_version, h, min(ts) AS first, max(ts) AS last
            FROM sides WHERE impl_uid IS NOT NULL AND ts < $end GROUP BY 1, 2, 3
        )
        SELECT impl_uid, impl_version, list(h ORDER BY h) FILTER (last >= $start),
               min(first) >= $start AND $start > (SELECT min(ts) FROM associations)
        FROM runs GROUP BY 1, 2 HAVING max(last) >= $start ORDER BY count(*) DESC, 1, 2
        """,
        {"start": scope.week.start, "end": scope.week.end},
    ).fetchall()
    return tuple(
        Software(uid, version, tuple(hosts.party(h) for h in who), bool(new))
        for uid, version, who, new in rows
    )
