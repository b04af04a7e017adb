"""Knows the rows of a table that sum up others: they are no frames, though they may have a time."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

HOSTS = ("id.orig_h", "id.resp_h")
LABELLED = ("number", *HOSTS, "protocol")
"""Columns in which a row says that it is a sum."""
COLUMNS = (*LABELLED, "info", "length")
"""What has to be read of a table to know its sums, whatever is asked for."""
_SUM = (
    r"(?:grand |sub ?|zwischen|gesamt)?(?:totale?s?|totaux|totali|"
    r"somme|somma|summe|soma|suma|sum)|gesamt|subtotais|"
    r"(?:gesamt|teil)?ergebnis"
)
_OTHER = (
    r"average|avg|mean|media|moyenne|"
    r"promedio|mittelwert|durchschnitt|count|contagem|recuento|anzahl"
)
_LABEL = re.compile(rf"(?:.* )?(?:{_SUM})|(?:{_SUM})(?: .*)?|{_OTHER}|[Σ∑]")
"""What spreadsheets write beside a sum, a count or a mean: alone, or with the group it is of."""
MOST = 10_000
"""Of so many rows without addresses in a batch it is looked at whether they are sums."""


@dataclass(slots=True)
class SumRows:
    """Looks for sums in one table, batch after batch."""

    whole: int = 0
    """Bytes of all rows so far."""
    part: int = 0
    """Bytes of those since the last sum."""
    rows: int = 0
    """All rows so far."""
    rows_of_part: int = 0
    """Rows since the last sum."""

    def find(
        self, columns: Mapping[str, pa.Array], lengths: pa.Array | None, bad: dict[int, str]
    ) -> None:
        """Add the places of sums to `bad`, each with what it is."""
        for name in LABELLED:
            if name in columns:
                _labelled(name, columns, bad)
        _in_info(columns, bad)
        if lengths is not None and all(name in columns for name in HOSTS):
            self._bare(columns, lengths, bad)

    def _bare(
        self, columns: Mapping[str, pa.Array], lengths: pa.Array, bad: dict[int, str]
    ) -> None:
        """Look for rows that have nothing but the bytes of those before them."""
        octets = pc.fill_null(lengths, 0).to_numpy(zero_copy_only=False).copy()
        octets[list(bad)] = 0
        begin = 0
        for place in (p for p in _without_texts(columns)[:MOST].tolist() if octets[p]):
            self._over(octets[begin:place])
            begin = place
            if self._is_sum(int(octets[place])):
                bad[place] = f"a sum of the rows above it, no frame: {octets[place]} bytes"
                self.part = self.rows_of_part = 0
                begin += 1
        self._over(octets[begin:])

    def _is_sum(self, octets: int) -> bool:
        """Say whether so many bytes are those of all rows so far, or since the last sum."""
        of_all = self.rows > 1 and octets == self.whole
        return of_all or (self.rows_of_part > 1 and octets == self.part)

    def _over(self, octets: NDArray[np.int64]) -> None:
        """Go on over rows that are frames."""
        total = int(octets.sum())
        self.whole += total
        self.part += total
        self.rows += len(octets)
        self.rows_of_part += len(octets)


def _without_texts(columns: Mapping[str, pa.Array]) -> NDArray[np.int64]:
    """Return the places of rows that name no address and no protocol."""
    there = [columns[name] for name in (*HOSTS, "protocol") if name in columns]
    if not all(column.null_count for column in there):
        return np.zeros(0, dtype=np.int64)
    empty = [pc.is_null(column).to_numpy(zero_copy_only=False) for column in there]
    return np.flatnonzero(np.logical_and.reduce(empty))


def _in_info(columns: Mapping[str, pa.Array], bad: dict[int, str]) -> None:
    """Add rows without addresses and protocol whose Info says so: all texts are too many."""
    if "info" not in columns or not any(name in columns for name in HOSTS):
        return
    for place in _without_texts(columns)[:MOST].tolist():
        told = columns["info"][place].as_py()
        if is_label(told):
            bad.setdefault(place, f"a sum of other rows, no frame: {told[:40]!r}")


def _labelled(name: str, columns: Mapping[str, pa.Array], bad: dict[int, str]) -> None:
    """Add rows of which a cell says so, and that lack an address."""
    if name == "number" and _all_whole(columns[name]):
        return
    coded = columns[name].dictionary_encode()
    labels = [n for n, text in enumerate(coded.dictionary.to_pylist()) if is_label(text)]
    if not labels:
        return
    found = pc.is_in(coded.indices, pa.array(labels, coded.indices.type))
    for place in np.flatnonzero(found.to_numpy(zero_copy_only=False)).tolist():
        hosts = [columns[host][place].as_py() for host in HOSTS if host in columns]
        if any(host is None or is_label(host) for host in hosts) or not hosts:
            told = columns[name][place].as_py()[:40]
            bad.setdefault(place, f"a sum of other rows, no frame: {told!r}")


def _all_whole(column: pa.Array) -> bool:
    try:
        column.cast(pa.int64())
    except pa.ArrowInvalid:
        return False
    return True


def is_label(text: str | None) -> bool:
    """Say whether a cell's text is what stands beside a sum.

    >>> is_label("Total geral:"), is_label("10.0.0.1 Ergebnis"), is_label("total-pc")
    (True, True, False)
    """
    if text is None:
        return False
    plain = unicodedata.normalize("NFKD", text).strip(" \"':=*").casefold()
    return _LABEL.fullmatch("".join(c for c in plain if not unicodedata.combining(c))) is not None
