"""`associations`, `endpoints`: what dicom.log and known_dicom.log say, and traffic suggests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from pacsflow.cli import app
from pacsflow.cli.common import (
    Format,
    FormatOption,
    Inputs,
    InventoryOption,
    LedgerOption,
    NumberOption,
    OriginOption,
    PseudonymOption,
    asked,
    emit,
    key_of,
)
from pacsflow.errors import UsageError
from pacsflow.ledger.series import IMAGING
from pacsflow.sampling import estimated

NO_DICOM_LOG = (
    "no dicom.log in it: the associations come from the Zeek package, or from captures through "
    "the Wireshark plugin (pacsflow install zeek, pacsflow install wireshark)"
)


@app.command(rich_help_panel="Look")
def associations(
    inputs: Inputs = None,
    host: Annotated[str, typer.Option(help="Only with this host on either side.")] = "",
    ae: Annotated[str, typer.Option(help="Only with this AE title on either side.")] = "",
    result: Annotated[str, typer.Option(help="accepted, rejected, no_reply or unknown.")] = "",
    number: NumberOption = 50,
    ledger: LedgerOption = None,
    inventory: InventoryOption = None,
    pseudonymise: PseudonymOption = None,
    how: FormatOption = Format.TABLE,
) -> None:
    """List DICOM associations, the latest first: who called whom, what was done, how it ended.

    Example: `pacsflow associations logs/ --result rejected`
    """
    where, values = ["TRUE"], []
    key = key_of(pseudonymise)
    for condition, given in (
        ('(? IN ("id.orig_h", "id.resp_h"))', key.address(host) if key and host else host),
        ("(? IN (calling_ae, called_ae))", key.title(ae) if key else ae),
        ("result = ?", result),
    ):
        if given:
            where.append(condition)
            values.append(given)
    with asked(inputs, ledger, inventory, "", pseudonyms=key) as question:
        if not question.connection.execute("SELECT 1 FROM associations LIMIT 1").fetchall():
            raise UsageError(NO_DICOM_LOG)
        found = question.connection.execute(
            f"""SELECT epoch_us(ts), "id.orig_h", calling_ae, "id.resp_h", called_ae, result,
                       "end", duration, services, modalities, store_rq, find_rq, move_rq, get_rq,
                       echo_rq, rsp_failure, data_bytes_orig, data_bytes_resp, flags, uid
                FROM associations WHERE {" AND ".join(where)} ORDER BY ts DESC LIMIT ?""",
            [*values, number],
        ).fetchall()
    columns = ["time_utc", "orig", "calling_ae", "resp", "called_ae", "result", "end", "seconds"]
    columns += ["services", "modalities", "store", "find", "move", "get", "echo", "failures"]
    columns += ["data_bytes_orig", "data_bytes_resp", "flags", "uid"]
    rows = [[_time(row[0]), *row[1:]] for row in found]
    if how is Format.TABLE:
        keep = [c for c in columns if c not in {"uid", "get", "echo", "modalities"}]
        rows = [[row[columns.index(c)] for c in keep] for row in rows]
        columns = keep
    emit("Associations", columns, rows, how)


@app.command(rich_help_panel="Look")
def endpoints(
    inputs: Inputs = None,
    role: Annotated[str, typer.Option(help="Only pacs, modality, workstation, ...")] = "",
    ledger: LedgerOption = None,
    inventory: InventoryOption = None,
    origin: OriginOption = "",
    pseudonymise: PseudonymOption = None,
    how: FormatOption = Format.TABLE,
) -> None:
    """List PACS, modalities, workstations and the rest, with where each role is known from.

    The basis is `inventory` (somebody wrote it down), `association` (it was seen to do it) or
    `traffic` (it looks like it).

    Example: `pacsflow endpoints logs/ --role pacs`
    """
    with asked(inputs, ledger, inventory, origin, pseudonyms=key_of(pseudonymise)) as question:
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
        parties = [p for p in question.hosts.imaging() if not role or p.role == role]
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


_NOTHING = (0, 0, 0, None, None, None, None, None, None)


def _interval(octets: int, squares: float | None, samples: int | None) -> tuple[int | None, ...]:
    """Return the 95 % interval of bytes that were estimated from samples, else two times None."""
    total = estimated(octets, squares, samples)
    return (round(total.lower), round(total.upper)) if total else (None, None)


def _time(micro: int | None) -> str | None:
    if micro is None:
        return None
    moment = datetime.fromtimestamp(micro // 1_000_000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
