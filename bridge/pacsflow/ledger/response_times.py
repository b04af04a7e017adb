"""Asks a ledger for response times: sums and merged histograms of whatever is asked together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pacsflow.ledger.times import ELEMENTS, LEAST, MOST, SECONDS, SUMS
from pacsflow.terms.histogram import Percentile, percentile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb


@dataclass(frozen=True, slots=True)
class OperationTimes:
    """What some operations came to, all together.

    Parameters
    ----------
    counts
        By the names in `times.SUMS`.
    seconds
        By the names in `times.SECONDS`, `times.MOST`, `times.LEAST`; None where nothing is known.
    histogram
        Response times, see `terms.histogram`.
    slowest
        Uids of associations with the longest of them, a few.
    """

    counts: Mapping[str, int]
    seconds: Mapping[str, float | None]
    histogram: tuple[int, ...]
    slowest: tuple[str, ...] = ()

    def percentile(self, share: float) -> Percentile | None:
        """Return a percentile of the response times, seconds; None where none was timed."""
        least, most = self.seconds["response_min"], self.seconds["response_max"]
        if least is None or most is None:
            return None
        return percentile(self.histogram, share, least=least, most=most)

    def mean(self, seconds: str, count: str) -> float | None:
        """Return the mean of one of the sums of seconds; None where there is none."""
        whole, number = self.seconds[seconds], self.counts[count]
        return whole / number if whole is not None and number else None

    @property
    def rate(self) -> float | None:
        """Return bytes a second while data sets flowed; None where no time passed then."""
        passed = self.seconds["data_seconds"]
        return self.counts["data_bytes"] / passed if passed else None


ROWS = 5
_SUMMED = ", ".join(
    [
        *(f"sum({name})::BIGINT" for name in (*SUMS, *ELEMENTS)),
        *(f"sum({name})" for name in SECONDS),
        *(f"max({name})" for name in MOST),
        *(f"min({name})" for name in LEAST),
        f"arg_max(slowest, response_max, {ROWS}) FILTER (slowest IS NOT NULL)",
    ]
)


def read_times(
    connection: duckdb.DuckDBPyConnection,
    by: Sequence[str],
    *,
    where: str = "TRUE",
    values: Sequence[object] = (),
) -> dict[tuple[Any, ...], OperationTimes]:
    """Return what was timed, by some columns of the table ``times`` or expressions of them.

    Parameters
    ----------
    connection
        From `Ledger.connect`.
    by
        SQL of what is told apart; the keys of what is returned are their values.
    where, values
        A condition on rows and the values of its ``?``.
    """
    keys = ", ".join([*by, "1"][: max(len(by), 1)])
    rows = connection.execute(
        f"SELECT {keys}, {_SUMMED} FROM times WHERE {where} GROUP BY "
        + ", ".join(str(place + 1) for place in range(max(len(by), 1))),
        list(values),
    ).fetchall()
    width = max(len(by), 1)
    return {tuple(row[:width]): _of(row[width:]) for row in rows}


def _of(sums: Sequence[Any]) -> OperationTimes:
    first, second = len(SUMS), len(SUMS) + len(ELEMENTS)
    return OperationTimes(
        dict(zip(SUMS, sums[:first], strict=True)),
        dict(zip((*SECONDS, *MOST, *LEAST), sums[second:-1], strict=True)),
        tuple(sums[first:second]),
        tuple(dict.fromkeys(sums[-1] or ())),
    )
