"""What the sensor and the hospital know of the endpoints: known_dicom rows and the inventory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from pacsflow.simulator.encode import chosen, seconds, text
from pacsflow.simulator.equipment import implementation
from pacsflow.simulator.profiles import PROFILES
from pacsflow.simulator.rhythm import HOUR_US
from pacsflow.simulator.schema import ae_titles
from pacsflow.simulator.tables import RESULTS, end_of

if TYPE_CHECKING:
    from pacsflow.simulator.equipment import Hospital
    from pacsflow.simulator.tables import Rows

_CATEGORY = {"other": "unknown"}


@dataclass(eq=False)
class Memory:
    """Endpoints seen so far; a row replaces the earlier one of the same key."""

    hospital: Hospital
    _services: dict[tuple[int, int, str], dict[str, None]] = field(default_factory=dict)
    _modalities: dict[tuple[int, int, str], dict[str, None]] = field(default_factory=dict)

    def columns(self, table: Rows) -> tuple[np.ndarray, list[pa.Array]]:
        """Return the known_dicom rows that the associations of `table` give.

        An endpoint has one row a day, with the union of all that was seen of it up to then.

        Parameters
        ----------
        table
            Associations of whole days, sorted by their end.

        Returns
        -------
        tuple
            When each row is written (microseconds), and the columns of KNOWN_DICOM.
        """
        table = table[table["result"] == RESULTS.index("accepted")]
        rows: list[tuple[int, int, int, str, str | None, str | None, bytes, bool]] = []
        day = (end_of(table) // (24 * HOUR_US)) if len(table) else np.zeros(0, np.int64)
        for today in np.unique(day):
            rows += self._of_one_day(table[day == today])
        rows.sort(key=lambda row: row[0])
        return np.array([row[0] for row in rows], dtype=np.int64), self._encode(rows)

    def _of_one_day(
        self, table: Rows
    ) -> list[tuple[int, int, int, str, str | None, str | None, bytes, bool]]:
        last: dict[tuple[int, int, str], int] = {}
        for side, ae in (("orig", "calling"), ("resp", "called")):
            role = np.array([getattr(p, f"{side}_role") == "scp" for p in PROFILES])
            stored = (table["store_rq"] > 0).astype(np.int64)
            key = np.stack(
                [table[side], table[ae], role[table["profile"]], table["profile"], stored]
            ).astype(np.int64)
            # rows are in time order: the first of the reversed table is the day's last
            kinds, reverse = np.unique(key[:, ::-1], axis=1, return_index=True)
            for (host, title, scp, profile, has_stores), at in zip(
                kinds.T.tolist(), (len(table) - 1 - reverse).tolist(), strict=True
            ):
                end = (host, title, f"{side} {'scp' if scp else 'scu'}")
                last[end] = max(last.get(end, 0), at)
                self._services.setdefault(end, {}).update(dict.fromkeys(PROFILES[profile].services))
                if has_stores:
                    self._modalities.setdefault(end, {}).update(
                        dict.fromkeys(PROFILES[profile].modalities[:1])
                    )
        ends = end_of(table)
        return [
            (
                int(ends[at]), end[0], end[1], end[2].split()[1],
                ",".join(self._services[end]) or None,
                ",".join(self._modalities.get(end, ())) or None,
                bytes(table["uid"][at]), end[2].startswith("resp"),
            )
            for end, at in last.items()
        ]  # fmt: skip

    def _encode(
        self, rows: list[tuple[int, int, int, str, str | None, str | None, bytes, bool]]
    ) -> list[pa.Array]:
        devices = self.hospital.devices
        hosts = np.array([row[1] for row in rows], dtype=np.int64)
        software = [implementation(device) for device in devices]
        category = [_CATEGORY.get(device.role, device.role) for device in devices]
        basis = ["association" if i == self.hospital.newcomer else "inventory"
                 for i in range(len(devices))]  # fmt: skip
        n = len(rows)
        return [
            seconds(np.array([row[0] for row in rows], dtype=np.int64)),
            chosen([device.address for device in devices], hosts),
            pa.array([str(devices[row[1]].port) if row[7] else None for row in rows], pa.string()),
            ae_titles(self.hospital, np.array([row[2] for row in rows], dtype=np.int32)),
            pa.array([row[3] for row in rows], pa.string()),
            chosen(category, hosts),
            chosen(basis, hosts),
            pa.array([row[4] for row in rows], pa.string()),
            pa.array([row[5] for row in rows], pa.string()),
            chosen([uid for uid, _ in software], hosts),
            chosen([version for _, version in software], hosts),
            pa.array(["F"] * n, pa.string()),
            pa.array(["T"] * n, pa.string()),
            text(np.array([row[6] for row in rows], dtype="S18")),
        ]


def inventory_columns(hospital: Hospital) -> list[pa.Array]:
    """Return the columns of the inventory: what the hospital wrote down, without the newcomer.

    Equipment is listed by address, the gateway by its AE title too, offices by their network; all
    of it stands on one site.
    """
    rows = [
        (device.address, device.name, device.role, device.modality or None, "main")
        for i, device in enumerate(hospital.devices)
        if device.site not in {"office", "outside"} and i != hospital.newcomer
    ]
    rows.append(("ae:GATEWAY", "dicom-gw", "gateway", None, "main"))
    rows.append(("10.32.0.0/12", "offices", "other", None, "main"))
    return [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
