"""Reads numbers as a column writes them: which sign groups digits, which begins a fraction."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pacsflow.readers.quality import Quality

PLAIN = r"^\s*-?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?\s*$"
_BLANKS = r"[\s\x{a0}\x{2000}-\x{200a}\x{202f}'\x{2019}]"
"""What groups digits without ever beginning a fraction."""
_OF_BYTES = r"^(.*\d)\s*(?:B|[Bb]ytes?|[Oo]ctet(?:s|os)?)\s*$"
"""Numbers with their unit; kilobytes are rounded, and no bytes of a frame."""
_POWER = r"^\s*\d+(?:[.,]\d+)?[eE]\+?\d{1,9}\s*$"
_SIGNED = rf"[.,]|{_BLANKS}"
_GROUPED = {
    ".": r"^\d{1,3}(?:\.\d{3}){2,}$|^\d{1,3}(?:\.\d{3})+,\d+$",
    ",": r"^\d{1,3}(?:,\d{3}){2,}$|^\d{1,3}(?:,\d{3})+\.\d+$",
}
"""Cells in which a sign can only group digits."""
_FRACTION = {
    ".": r"^\d*\.(?:\d{1,2}|\d{4,})?$|^(?:0|\d{4,})\.\d{3}$",
    ",": r"^\d*,(?:\d{1,2}|\d{4,})?$|^(?:0|\d{4,}),\d{3}$",
}
"""Cells in which a sign can only begin a fraction."""
_EITHER = {".": r"^[1-9]\d{0,2}\.\d{3}$", ",": r"^[1-9]\d{0,2},\d{3}$"}
_ZEROS = {".": r"\.000$", ",": r",000$"}
OTHER = {".": ",", ",": "."}


@dataclass(slots=True)
class NumberCells:
    """Reads one column, batch after batch.

    Parameters
    ----------
    name
        Of the column, for what is said of it.
    quality
        Keeps what is said: that signs contradict each other.
    comma
        Whether the header's language has decimal commas, where the column itself does not show.
    whole
        Whether only whole numbers make sense, so that 1.514 is fifteen hundred and fourteen.
    likely
        What the numbers lie between, which decides where the signs do not.
    preview
        Yields the whole column, where its first rows leave it open.
    """

    name: str
    quality: Quality
    comma: bool = False
    whole: bool = True
    likely: tuple[float, float] | None = None
    preview: Callable[[], Iterator[pa.Array]] | None = None
    _decimal: str | None = field(default=None, init=False)
    _told: bool = field(default=False, init=False)

    def floats(self, column: pa.Array) -> pa.Array:
        """Return numbers, null where the text is none, one of two, or rounded."""
        column = self._bare(column)
        if self.whole:
            column = _without_rounded(column)
        if not _any(column, _SIGNED):
            return _cast(column)
        text = pc.replace_substring_regex(column, _BLANKS, "")
        shown = self._shown(text)
        if self._decimal is None:
            self._decimal = self._decide(text, shown)
        if len(shown) > 1 or (shown and self._decimal not in shown):
            if not self._told:
                self._told = True
                self.quality.note(
                    f"column {self.name}: the signs . and , contradict each other in it; cells "
                    "with either are not read"
                )
            return _cast(pc.if_else(_matches(text, r"^\d+$"), text, pa.scalar(None, pa.string())))
        group = OTHER[self._decimal]
        if not _any(text, f"[{group}]") and self._decimal == ".":
            return _cast(text)
        grouped = _matches(text, rf"^\d{{1,3}}(?:\{group}\d{{3}})+(?:\{self._decimal}\d*)?$")
        bare = pc.replace_substring(text, group, "")
        text = pc.if_else(grouped, bare, text)
        return _cast(pc.replace_substring(text, ",", ".") if self._decimal == "," else text)

    def _bare(self, column: pa.Array) -> pa.Array:
        """Return bytes without their unit."""
        if self.name != "length":
            return column
        return pc.replace_substring_regex(column, _OF_BYTES, r"\1")

    def _shown(self, text: pa.Array) -> set[str]:
        """Return the signs that some cell shows to begin fractions."""
        found = set()
        for sign in ".,":
            grouped = _any(text, _GROUPED[sign])
            if self.whole and not grouped:
                either = text.filter(_matches(text, _EITHER[sign]))
                grouped = len(either) > 0 and not pc.all(_matches(either, _ZEROS[sign])).as_py()
            if grouped:
                found.add(OTHER[sign])
            if _any(text, _FRACTION[sign]):
                found.add(sign)
        return found

    def _decide(self, text: pa.Array, shown: set[str]) -> str:
        if not shown and self.preview and any(_any(text, either) for either in _EITHER.values()):
            for more in self.preview():
                shown = self._shown(pc.replace_substring_regex(self._bare(more), _BLANKS, ""))
                if shown:
                    break
        if len(shown) == 1:
            return next(iter(shown))
        if not shown and (decimal := self._by_size(text)):
            return decimal
        if not shown and not self.comma and self.whole and _any(text, _EITHER["."]):
            self.quality.note(f"column {self.name}: numbers like 1.000 were read as 1")
        return "," if self.comma else "."

    def _by_size(self, text: pa.Array) -> str:
        """Return the sign that begins fractions where only one of two readings makes sense."""
        if self.likely is None or not any(_any(text, either) for either in _EITHER.values()):
            return ""
        low, high = self.likely
        fits = []
        for decimal, group in OTHER.items():
            plain = pc.replace_substring(pc.replace_substring(text, group, ""), decimal, ".")
            least, most = pc.min_max(_cast(plain)).as_py().values()
            if least is not None and low <= least <= most <= high:
                fits.append(decimal)
        return fits[0] if len(fits) == 1 else ""


def _without_rounded(column: pa.Array) -> pa.Array:
    """Return texts without those that lack their last digits: 1.27E+03 of 1,273."""
    powers = _matches(column, _POWER)
    if not pc.any(powers).as_py():
        return column
    lacks = [
        text is not None and Decimal(text.strip().replace(",", ".")).as_tuple().exponent > 0  # type: ignore[operator]
        for text in pc.if_else(powers, column, pa.scalar(None, pa.string())).to_pylist()
    ]
    return pc.if_else(pa.array(lacks), pa.scalar(None, pa.string()), column)


def _any(column: pa.Array, pattern: str) -> bool:
    return bool(pc.any(pc.match_substring_regex(column, pattern)).as_py())


def _matches(column: pa.Array, pattern: str) -> pa.Array:
    return pc.fill_null(pc.match_substring_regex(column, pattern), False)


def _cast(column: pa.Array) -> pa.Array:
    text = pc.if_else(_matches(column, PLAIN), column, pa.scalar(None, pa.string()))
    return pc.utf8_trim_whitespace(text).cast(pa.float64())
