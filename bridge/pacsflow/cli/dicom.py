"""`associations`, `endpoints`: what dicom.log and known_dicom.log say, and traffic suggests."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pacsflow.cli import app
from pacsflow.cli.options import (
    FILTERS,
    PERIOD,
    SOURCES,
    FormatOption,
    NumberOption,
    Request,
    reading,
)
from pacsflow.cli.tables import OutputFormat, emit
from pacsflow.errors import UsageError

if TYPE_CHECKING:
    from pacsflow.cli.inputs import Question

NO_DICOM_LOG = (
    "no dicom.log in it: the associations come from the Zeek package, or from captures through "
    "the Wireshark plugin (pacsflow install zeek, pacsflow install wireshark)"
)


class Outcome(StrEnum):
    """What became of a request for an association."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    NO_REPLY = "no_reply"
    UNKNOWN = "unknown"


class Role(StrEnum):
    """What a host does with images."""

    PACS = "pacs"
    MODALITY = "modality"
    WORKSTATION = "workstation"
    WORKLIST = "worklist"
    PRINTER = "printer"
    GATEWAY = "gateway"
    OTHER = "other"
    UNKNOWN = "unknown"


@app.command()
@reading((*SOURCES, *PERIOD, "sensor", "host", "ae", "service"))
def associations(
    request: Request,
    result: Annotated[Outcome | None, typer.Option(help="How the request was answered.")] = None,
    number: NumberOption = 50,
    how: FormatOption = OutputFormat.TABLE,
) -> None:
    """List DICOM associations, the latest first: who called whom, what was done, how it ended.

    Example: `pacsflow associations logs/ --result rejected`
    """
    from pacsflow.cli.inputs import asked

    with asked(request) as question:
        if not question.connection.execute("SELECT 1 FROM main.associations LIMIT 1").fetchall():
            raise UsageError(NO_DICOM_LOG)
        found = question.connection.execute(
            """SELECT epoch_us(ts), "id.orig_h", calling_ae, "id.resp_h", called_ae, result,
                       "end", duration, services, modalities, store_rq, find_rq, move_rq, get_rq,
                       echo_rq, rsp_failure, data_bytes_orig, data_bytes_resp, flags, uid
                FROM associations WHERE result = $result OR $result = ''
                ORDER BY ts DESC LIMIT $number""",
            {"result": result.value if result else "", "number": number},
        ).fetchall()
    columns = ["time_utc", "orig", "calling_ae", "resp", "called_ae", "result", "end", "seconds"]
    columns += ["services", "modalities", "store", "find", "move", "get", "echo", "failures"]
    columns += ["data_bytes_orig", "data_bytes_resp", "flags", "uid"]
    rows = [[_time(row[0]), *row[1:]] for row in found]
    emit("Associations", columns, rows, how, spare={"uid", "get", "echo", "modalities", "flags"})


@app.command()
@reading((*SOURCES, *PERIOD, *FILTERS))
def endpoints(
    request: Request,
    role: Annotated[Role | None, typer.Option(help="Only of this role.")] = None,
    how: FormatOption = OutputFormat.TABLE,
) -> None:
    """List PACS, modalities, workstations and the rest, with where each role is known from.

    The basis is `inventory` (somebody wrote it down), `association` (it was seen to do it) or
    `traffic` (it looks like it).

    Example: `pacsflow endpoints logs/ --role pacs`
    """
    from pacsflow.cli.inputs import asked
    from pacsflow.ledger.selection import Selection
    from pacsflow.ledger.series import IMAGING

    with asked(request) as question:
        sums = {
            row[0]: row[1:]
            for row in question.connection.execute(
                f"""SELECT h, sum(i)::BIGINT, sum(o)::BIGINT, count(DISTINCT p),
                           epoch_us(min(hour)), epoch_us(max(hour)),
                           sum(w) FILTER (i > 0), sum(n) FILTER (i > 0)::BIGINT,
                           sum(w) FILTER (o > 0), sum(n) FILTER (o > 0)::BIGINT FROM (
                        SELECT source h, 0 i, bytes o, destination p, hour, weight_squares w,
                               samples n FROM traffic
                        WHERE origin = $origin AND {IMAGING}
                        UNION ALL
                        SELECT destination, bytes, 0, source, hour, weight_squares, samples
                        FROM traffic
                        WHERE origin = $origin AND {IMAGING}) GROUP BY h""",
                {"origin": question.origin},
            ).fetchall()
        }
        parties = [p for p in question.hosts.imaging() if role is None or p.role == role.value]
        if question.selection != Selection():
            there = _seen(question)
            parties = [p for p in parties if p.address in there]
    columns = ["host", "name", "role", "basis", "modality", "ae_titles", "local", "bytes_in"]
    columns += ["bytes_out", "peers", "first_utc", "last_utc"]
    sampled = any(samples for row in sums.values() for samples in (row[6], row[8]))
    columns += ["lower_bytes_in", "upper_bytes_in", "lower_bytes_out", "upper_bytes_out"] * sampled
    rows: list[list[Any]] = []
    for party in parties:
        received, sent, peers, first, last, *errors = sums.get(party.address, _NOTHING)
        cells: list[Any] = [party.address, party.name, party.role, party.basis, party.modality]
        cells += [list(party.ae_titles), party.local, received, sent, peers]
        ends = [*_interval(received, *errors[:2]), *_interval(sent, *errors[2:])]
        rows.append([*cells, _time(first), _time(last), *(ends if sampled else ())])
    rows.sort(key=lambda row: (row[2] != "pacs", -(row[7] + row[8]), row[0]))
    emit("Endpoints", columns, rows, how)


def _seen(question: Question) -> set[str]:
    """Return the hosts that the chosen rows name."""
    from pacsflow.ledger.series import IMAGING

    rows = question.connection.execute(
        f"""SELECT source FROM traffic WHERE {IMAGING} UNION
            SELECT destination FROM traffic WHERE {IMAGING} UNION
            SELECT host FROM endpoints"""
    ).fetchall()
    return {row[0] for row in rows}


_NOTHING = (0, 0, 0, None, None, None, None, None, None)


def _interval(octets: int, squares: float | None, samples: int | None) -> tuple[int | None, ...]:
    """Return the 95 % interval of bytes that were estimated from samples, else two times None."""
    from pacsflow.sampling import estimated

    total = estimated(octets, squares, samples)
    return (round(total.lower), round(total.upper)) if total else (None, None)


def _time(micro: int | None) -> str | None:
    if micro is None:
        return None
    moment = datetime.fromtimestamp(micro // 1_000_000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
