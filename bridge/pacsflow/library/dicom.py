"""Associations and endpoints as tables: what tag logs say, and traffic suggests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pacsflow.ledger.selection import Selection
from pacsflow.ledger.series import IMAGING
from pacsflow.sampling import estimated

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from pacsflow.library.questions import Question


@dataclass(frozen=True, slots=True)
class Table:
    """Columns and their rows; times are UTC, bytes octets."""

    columns: tuple[str, ...]
    rows: list[list[Any]]

    def to_pandas(self) -> pd.DataFrame:
        """Return it as a frame; columns whose name ends in ``_utc`` are times."""
        import pandas as pd  # noqa: PLC0415 - a command that prints a table needs none

        frame = pd.DataFrame(self.rows, columns=list(self.columns))
        for name in (name for name in self.columns if name.endswith("_utc")):
            frame[name] = pd.to_datetime(frame[name], utc=True)
        return frame

    def to_arrow(self) -> pa.Table:
        """Return it as an Arrow table, with the types of the frame."""
        import pyarrow as pa  # noqa: PLC0415 - only where somebody works with Arrow

        return pa.Table.from_pandas(self.to_pandas(), preserve_index=False)


ASSOCIATIONS = (
    "time_utc", "orig", "calling_ae", "resp", "called_ae", "result", "end", "seconds", "services",
    "modalities", "store", "find", "move", "get", "echo", "failures", "data_bytes_orig",
    "data_bytes_resp", "flags", "uid",
)  # fmt: skip
ENDPOINTS = (
    "host", "name", "role", "basis", "evidence", "modality", "ae_titles", "local", "bytes_in",
    "bytes_out", "peers", "first_utc", "last_utc",
)  # fmt: skip
BOUNDS = ("lower_bytes_in", "upper_bytes_in", "lower_bytes_out", "upper_bytes_out")
_NOTHING = (0, 0, 0, None, None, None, None, None, None)


def has_associations(question: Question) -> bool:
    """Say whether the ledger has a dicom.log at all, whatever was chosen of it."""
    return bool(question.connection.execute("SELECT 1 FROM main.associations LIMIT 1").fetchall())


def associations(question: Question, result: str = "", most: int | None = None) -> Table:
    """Return DICOM associations, the latest first, of one `result` or of all."""
    found = question.connection.execute(
        f"""SELECT epoch_us(ts), "id.orig_h", calling_ae, "id.resp_h", called_ae, result,
                   "end", duration, services, modalities, store_rq, find_rq, move_rq, get_rq,
                   echo_rq, rsp_failure, data_bytes_orig, data_bytes_resp, flags, uid
            FROM associations WHERE result = $result OR $result = ''
            ORDER BY ts DESC{"" if most is None else f" LIMIT {most:d}"}""",
        {"result": result},
    ).fetchall()
    return Table(ASSOCIATIONS, [[_time(row[0]), *row[1:]] for row in found])


def endpoints(question: Question, role: str = "") -> Table:
    """Return hosts of imaging traffic, PACS first; of samples, bytes have their 95 % interval."""
    sums = _sums(question)
    parties = [p for p in question.hosts.imaging() if not role or p.role == role]
    if question.selection != Selection():
        there = _seen(question)
        parties = [p for p in parties if p.address in there]
    sampled = any(samples for row in sums.values() for samples in (row[6], row[8]))
    rows: list[list[Any]] = []
    for party in parties:
        received, sent, peers, first, last, *errors = sums.get(party.address, _NOTHING)
        role_known = None if party.role == "unknown" else party.role
        cells: list[Any] = [party.address, party.name, role_known, party.basis, party.evidence]
        cells.append(party.modality)
        cells += [list(party.ae_titles), party.local, received, sent, peers]
        ends = [*_interval(received, *errors[:2]), *_interval(sent, *errors[2:])]
        rows.append([*cells, _time(first), _time(last), *(ends if sampled else ())])
    rows.sort(key=lambda row: (row[2] != "pacs", -(row[8] + row[9]), row[0]))
    return Table((*ENDPOINTS, *(BOUNDS if sampled else ())), rows)


def _sums(question: Question) -> dict[str, tuple[Any, ...]]:
    """Return by host bytes in and out, peers, first and last hour, and errors of estimates."""
    found = question.connection.execute(
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
    return {row[0]: row[1:] for row in found}


def _seen(question: Question) -> set[str]:
    """Return the hosts that the chosen rows name."""
    rows = question.connection.execute(
        f"""SELECT source FROM traffic WHERE {IMAGING} UNION
            SELECT destination FROM traffic WHERE {IMAGING} UNION
            SELECT host FROM endpoints"""
    ).fetchall()
    return {row[0] for row in rows}


def _interval(octets: int, squares: float | None, samples: int | None) -> tuple[int | None, ...]:
    """Return the 95 % interval of bytes that were estimated from samples, else two times None."""
    total = estimated(octets, squares, samples)
    return (round(total.lower), round(total.upper)) if total else (None, None)


def _time(micro: int | None) -> str | None:
    if micro is None:
        return None
    moment = datetime.fromtimestamp(micro // 1_000_000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
