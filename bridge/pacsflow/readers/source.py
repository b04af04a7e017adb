"""What a source is: where it lies, how it is written, and what was said of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path


class Format(StrEnum):
    """How a source is written."""

    ZEEK_TSV = "Zeek log"
    ZEEK_JSON = "Zeek JSON log"
    ZEEK_TABLE = "Zeek log in a table"
    CAPTURE = "capture"
    WIRESHARK_JSON = "Wireshark JSON export"
    TABLE = "table of frames"
    OTHER_LOG = "other Zeek log"


@dataclass(frozen=True, slots=True)
class CaptureOptions:
    """What a capture, or a table of frames, does not say of itself.

    Parameters
    ----------
    sampling_rate
        The capture holds one in so many frames (`sflowtool -t` loses the rate); None for all.
    keylog
        TLS key log (NSS format), to see into associations over TLS.
    inventory
        The hospital's inventory, for the plugin's tags.
    start
        When the capture began, for tables of frames whose times are seconds since then.
    starts
        The same for single files, each by its path or name.
    date_order
        ``dmy`` or ``mdy``, for tables whose dates could be either; empty for what they show.
    with_info
        Give Wireshark's Info of frames as it is, not only its forms that hold nothing carried.
    """

    sampling_rate: int | None = None
    keylog: Path | None = None
    inventory: Path | None = None
    start: datetime | None = None
    starts: tuple[tuple[str, datetime], ...] = ()
    date_order: str = ""
    with_info: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """One input file: where, how it is written, which log it holds (``frames`` for captures).

    A file of several logs is one of conn.log, as which each of its rows can be taken.
    """

    path: Path
    format: Format
    log: str
    capture: CaptureOptions = CaptureOptions()
    twin: bool = False
    """Whether its rows stand in another log as well, as those of conn_long.log do in conn.log."""
    several: bool = False
    """Whether rows of other logs may stand in it."""

    @property
    def kind(self) -> str:
        """Return the source's kind as people call it."""
        if self.several and self.format is Format.ZEEK_TABLE:
            return "table of rows of Zeek's logs"
        if self.several:
            return f"{self.format.value}s"
        if self.format is Format.ZEEK_TABLE:
            return f"table of rows of {self.log}.log"
        if self.format in {Format.ZEEK_TSV, Format.ZEEK_JSON, Format.OTHER_LOG}:
            return f"{self.format.value} {self.log}.log"
        return self.format.value
