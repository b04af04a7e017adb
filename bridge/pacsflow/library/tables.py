"""The answers as Arrow tables; pandas, Polars and DuckDB take them as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Unpack

from pacsflow.errors import UsageError
from pacsflow.ledger.series import IMAGING
from pacsflow.library import dicom

if TYPE_CHECKING:
    import pyarrow as pa

    from pacsflow.library.questions import Question
    from pacsflow.library.records import Chosen, Records


@dataclass(frozen=True, slots=True)
class Tables:
    """The questions of `Records` whose answers are frames, as Arrow tables; times UTC, octets."""

    records: Records

    def sql(self, query: str, **chosen: Unpack[Chosen]) -> pa.Table:
        """Return what an SQL query says of the ledger's tables.

        Raises
        ------
        UsageError
            The query cannot be asked, or asks for no rows.
        """
        import duckdb  # noqa: PLC0415 - heavy, and here for its errors alone

        with self.records.ask(**chosen) as question:
            try:
                said = question.connection.sql(query)
                if said is not None:
                    return said.to_arrow_table()
            except duckdb.Error as error:
                told = " ".join(str(error).split())
                raise UsageError(f"the query cannot be asked: {told[:300]}") from None
        raise UsageError("the query asks for no rows; SELECT does")

    def traffic(self, *, imaging: bool = False, **chosen: Unpack[Chosen]) -> pa.Table:
        """Return a row an hour, source, destination, service and sensor, as the ledger has them."""
        where = IMAGING if imaging else "TRUE"
        with self.records.ask(**chosen) as question:
            return _said(
                question,
                "SELECT hour, source, destination, service, sensor, communications, packets,"
                f" bytes, samples FROM traffic WHERE origin = ? AND {where}"
                " ORDER BY hour, source, destination, service",
                question.origin,
            )

    def associations(self, *, result: str = "", **chosen: Unpack[Chosen]) -> pa.Table:
        """Return DICOM associations, the latest first."""
        with self.records.ask(**chosen) as question:
            return dicom.associations(question, result).to_arrow()

    def endpoints(self, *, role: str = "", **chosen: Unpack[Chosen]) -> pa.Table:
        """Return the hosts of imaging traffic, PACS first, with how each is known."""
        with self.records.ask(**chosen) as question:
            return dicom.endpoints(question, role).to_arrow()


def _said(question: Question, query: str, *values: object) -> pa.Table:
    return question.connection.sql(query, params=list(values)).to_arrow_table()
