"""The simulated span as a sensor leaves it: hourly rotated Zeek logs, compressed, by day."""

from __future__ import annotations

import gzip
import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

import pacsflow
from pacsflow.simulator import schema
from pacsflow.simulator.encode import Field, Format, encode, footer, header
from pacsflow.simulator.endpoints import Memory, inventory_columns
from pacsflow.simulator.notices import notices
from pacsflow.simulator.rhythm import HOUR_US
from pacsflow.simulator.span import SimulatedWeek, Span, span, weeks_of
from pacsflow.simulator.tables import SERVICES, STATES, end_of
from pacsflow.simulator.times import TIMES, times_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import pyarrow as pa

    from pacsflow.simulator.equipment import Hospital
    from pacsflow.simulator.story import Story

MARKER = "SIMULATED"
"""Name of the file that says that a folder of logs was simulated, and how (JSON)."""

_DAY_US = 24 * HOUR_US
_LEVEL = 3


@dataclass(slots=True)
class Written:
    """What `write_logs` wrote.

    Parameters
    ----------
    out_dir
        The folder.
    start, end
        The span, UTC.
    story
        What is out of the ordinary in it.
    files
        Number of log files.
    rows
        Rows of each log by its path: conn, dicom, dicom_times, known_dicom, notice, ssl.
    payload_bytes
        Sum of orig_bytes and resp_bytes of conn.log.
    ip_bytes
        Sum of orig_ip_bytes and resp_ip_bytes of conn.log.
    """

    out_dir: Path
    start: datetime
    end: datetime
    story: Story
    files: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    payload_bytes: int = 0
    ip_bytes: int = 0


def write_logs(
    hospital: Hospital,
    out_dir: Path,
    *,
    weeks: int = 4,
    start: datetime | None = None,
    format: Format = "tsv",  # noqa: A002  (the word of the command line)
    progress: Callable[[int, int], None] | None = None,
) -> Written:
    """Write the logs of a simulated hospital as zeekctl archives them.

    `out_dir/2026-03-02/conn.03:00:00-04:00:00.log.gz` holds the connections that *ended* in that
    hour of local time. An hour in which a log has no row has no file of it; in the outage there
    is no file at all. `out_dir/inventory.tsv` is the hospital's inventory, `out_dir/SIMULATED`
    says that all this is made up.

    Parameters
    ----------
    hospital
        The equipment, and the seed.
    out_dir
        Folder to write to; made where it is missing.
    weeks
        Number of weeks.
    start
        The first day, in the hospital's zone; Monday, 2 March 2026, America/Sao_Paulo by default.
    format
        "tsv" or "json", as LogAscii::use_json switches.
    progress
        Called with (hours done, hours in all) once a simulated day.

    Raises
    ------
    ValueError
        If `weeks` is below 1 or `start` has no zone.
    OSError
        If the folder cannot be written.
    """
    what = span(hospital, weeks=weeks, start=start)
    out_dir.mkdir(parents=True, exist_ok=True)
    written = Written(out_dir, what.start, what.end, what.story)
    _mark(what, out_dir, format)
    _write_inventory(what, out_dir)
    writer = _Writer(what, written, format)
    memory = Memory(hospital)
    for week in weeks_of(what):
        for day in range(7):
            _write_day(writer, memory, week, week.start_us + day * _DAY_US)
            if progress is not None:
                progress((week.number * 7 + day + 1) * 24, what.hours)
    return written


def _write_day(writer: _Writer, memory: Memory, week: SimulatedWeek, start_us: int) -> None:
    hospital = writer.what.hospital
    connections, associations = (
        table[(end_of(table) >= start_us) & (end_of(table) < start_us + _DAY_US)]
        for table in (week.connections, week.associations)
    )
    end = end_of(connections)
    writer.log(
        "conn",
        (*schema.CONN, schema.COMMUNITY_ID),
        end,
        schema.conn_columns(hospital, connections),
    )
    writer.written.ip_bytes += int(connections["orig_ip"].sum() + connections["resp_ip"].sum())
    for column in ("orig_bytes", "resp_bytes"):
        writer.written.payload_bytes += int(np.maximum(connections[column], 0).sum())
    tls = (connections["service"] == SERVICES.index("ssl")) & (
        connections["state"] != STATES.index("S0")
    )
    writer.log("ssl", schema.SSL, end[tls], schema.ssl_columns(hospital, connections[tls]))
    writer.log(
        "dicom",
        schema.DICOM,
        end_of(associations),
        schema.dicom_columns(hospital, associations),
    )
    writer.log("dicom_times", TIMES, *times_columns(hospital, associations, writer.what.zone))
    writer.log("known_dicom", schema.KNOWN_DICOM, *memory.columns(associations))
    writer.log("notice", schema.NOTICE, *notices(writer.what, associations, start_us))


@dataclass(slots=True)
class _Writer:
    what: Span
    written: Written
    form: Format
    _names: set[str] = field(default_factory=set)

    def log(
        self,
        path: str,
        of: Sequence[Field],
        when: np.ndarray,
        columns: Sequence[pa.Array],
    ) -> None:
        """Write rows, sorted by the time at which they are written, into the hours' files."""
        self.written.rows[path] = self.written.rows.get(path, 0) + len(when)
        if not len(when):
            return
        lines = encode(of, columns, self.form)
        hour = when // HOUR_US
        first = np.flatnonzero(np.diff(hour, prepend=-1))
        last = np.append(first[1:], len(when))
        for a, b in zip(first.tolist(), last.tolist(), strict=True):
            begin = datetime.fromtimestamp(int(hour[a]) * 3600, UTC)
            opened = datetime.fromtimestamp(int(when[a]) // 1_000_000, UTC)
            self._file(path, of, begin, opened, lines.between(a, b))

    def _file(
        self, path: str, of: Sequence[Field], begin: datetime, opened: datetime, rows: memoryview
    ) -> None:
        zone = self.what.zone
        local, until = begin.astimezone(zone), (begin + timedelta(hours=1)).astimezone(zone)
        name = f"{local:%Y-%m-%d}/{path}.{local:%H:%M:%S}-{until:%H:%M:%S}"
        while name in self._names:  # the hour that the end of daylight saving time repeats
            name += "-1"
        self._names.add(name)
        target = self.written.out_dir / f"{name}.log.gz"
        target.parent.mkdir(exist_ok=True)
        with target.open("wb") as raw, gzip.GzipFile("", "wb", _LEVEL, raw, mtime=0) as file:
            if self.form == "tsv":
                file.write(header(path, of, opened.astimezone(zone)))
            file.write(rows)
            if self.form == "tsv":
                file.write(footer(until))
        self.written.files += 1


def _write_inventory(what: Span, out_dir: Path) -> None:
    lines = encode(schema.INVENTORY, inventory_columns(what.hospital), "tsv")
    head = header("inventory", schema.INVENTORY, what.start.astimezone(what.zone))
    (out_dir / "inventory.tsv").write_bytes(head + bytes(lines.data))


def _mark(what: Span, out_dir: Path, form: Format) -> None:
    """Write the file that says that these logs are simulated."""
    marker = {
        "simulated": True,
        "by": f"pacsflow {pacsflow.__version__}",
        "seed": what.hospital.seed,
        "scale": what.hospital.scale,
        "weeks": what.weeks,
        "start": what.start.isoformat(),
        "end": what.end.isoformat(),
        "zone": what.zone.key,
        "format": form,
        "story": asdict(what.story),
    }
    text = json.dumps(marker, indent=2, default=lambda moment: moment.isoformat())
    (out_dir / MARKER).write_text(text + "\n", encoding="utf-8")
