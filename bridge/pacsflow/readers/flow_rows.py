"""Knows a table of flows or sums, whose rows are no frames, by how many bytes they have."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from pacsflow.errors import InputError
from pacsflow.readers.columns import is_of_tshark, normalise

if TYPE_CHECKING:
    import pyarrow as pa

    from pacsflow.readers.columns import Header
    from pacsflow.readers.quality import Quality

LARGEST = 65_600
"""Bytes of the largest IP packet (65,535) and of what stands around it in a frame; captures of
what a network card puts together hold larger ones, but then the table has a column of frames."""
OF_FRAMES = (
    "number", "info", "protocols", "tcp_stream", "udp_stream", "hw_source", "hw_destination",
    "vlan",
)  # fmt: skip
"""Columns that only tables of frames have."""
OPEN = (
    "each row counts as one frame, of as many bytes as its column %s says: of flows or sums that "
    "is too few packets"
)
HINT = "give the capture, Zeek's conn.log, or a table with a row a frame"
_HALF = 0.5


@dataclass(slots=True)
class FlowRows:
    """Looks at the bytes of one table's rows, batch after batch."""

    quality: Quality
    header: Header
    name: str = field(init=False)
    """The column with the bytes, where no other shows that the rows are frames."""

    def __post_init__(self) -> None:
        place = next(iter(self.header.places.get("length", ())), None)
        self.name = "" if place is None or self._of_frames else self.header.names[place][:40]
        if self._in_bytes:
            self.quality.note(OPEN % self.name)

    @property
    def _of_frames(self) -> bool:
        names, places = self.header.names, self.header.places
        return not places.keys().isdisjoint(OF_FRAMES) or any(
            is_of_tshark(names[place]) for found in places.values() for place in found
        )

    @property
    def _in_bytes(self) -> bool:
        """Say whether the column is called by its unit alone, as those of flows are."""
        return normalise(self.name) == "bytes"

    def look(self, octets: pa.Array) -> None:
        """Raise `InputError` where so many bytes are those of flows: any, or half of the rows."""
        most = pc.max(octets).as_py() if self.name else None
        if most is None or most <= LARGEST:
            return
        share = pc.mean(pc.greater(octets, LARGEST).cast("int8")).as_py()
        if self._in_bytes or share >= _HALF:
            problem = f"a table of flows or sums: no frame has {most:,.0f} bytes ({self.name})"
            raise InputError(self.quality.path, problem, hint=HINT)
