"""Names the hosts behind hours that were not as had been forecast."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacsflow import forecasting
from pacsflow.ledger.series import IMAGING
from pacsflow.series import HOUR
from pacsflow.week.facts import Incident

if TYPE_CHECKING:
    from pacsflow.terms.party import Party
    from pacsflow.week.curves import Made
    from pacsflow.week.hosts import Hosts
    from pacsflow.week.traffic import Scope

NAMED = 3
LIMIT = 20
LEAST_SHARE = 0.005
"""An incident moves at least this share of the week's bytes: on less nobody would act."""


def incidents(scope: Scope, hosts: Hosts, imaging: Made) -> tuple[Incident, ...]:
    """Return the hours of imaging traffic that were not as forecast, the gravest first.

    Only a forecast made from what was known before the week counts.
    """
    if imaging.expected is None:
        return ()
    whole = sum(value for value in imaging.curve.observed.values if value is not None)
    found = [
        Incident(
            series=imaging.curve.title,
            start=incident.start,
            end=incident.end,
            direction=incident.direction,
            bytes_seen=incident.seen,
            bytes_expected=incident.expected,
            unlikely=incident.unlikely,
            parties=_movers(scope, hosts, incident),
            probability=incident.probability,
            silent=incident.silent,
        )
        for incident in forecasting.incidents(imaging.series, imaging.expected)
        if abs(incident.seen - incident.expected) >= LEAST_SHARE * whole
        and incident.start < scope.week.end
    ]
    return tuple(found[:LIMIT])


def _movers(scope: Scope, hosts: Hosts, incident: forecasting.Incident) -> tuple[Party, ...]:
    """Return the senders whose bytes differ most from the same hours of the week before."""
    week = 7 * 24 * HOUR
    sign = "DESC" if incident.direction == "more" else "ASC"
    rows = scope.connection.execute(
        f"""SELECT source, sum(CASE WHEN hour >= $start THEN bytes ELSE -bytes END) AS change
            FROM traffic WHERE origin = $origin AND {IMAGING}
                 AND (hour >= $start AND hour < $end OR hour >= $before AND hour < $until)
            GROUP BY 1 ORDER BY change {sign} LIMIT {NAMED}""",
        {
            "origin": scope.origin,
            "start": incident.start,
            "end": incident.end,
            "before": incident.start - week,
            "until": incident.end - week,
        },
    ).fetchall()
    kept = [row for row in rows if (row[1] > 0) == (incident.direction == "more")]
    return tuple(hosts.party(row[0]) for row in kept)
