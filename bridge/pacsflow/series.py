"""The regular hourly series that every forecast, chart and finding is computed from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class HourlySeries:
    """Values on a regular grid of UTC hours.

    Parameters
    ----------
    name
        What the series is, as people read it: ``all imaging traffic``, ``PACS1, in``.
    unit
        ``bytes``, ``connections``, ``samples``, or whatever one value counts in one hour.
    start
        Start of the first hour, UTC, on the hour.
    values
        One value an hour, shape ``(hours,)``, float64. NaN is *no data* (the sensor did not see
        that hour); 0.0 is a true zero (it watched, and nothing passed).
    """

    name: str
    unit: str
    start: datetime
    values: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.start.utcoffset() != timedelta(0):
            raise ValueError("start must be in UTC")
        if self.start.minute or self.start.second or self.start.microsecond:
            raise ValueError("start must be on the hour")
        values = np.array(self.values, dtype=np.float64)
        if values.ndim != 1:
            raise ValueError("values must have one dimension")
        values[~np.isfinite(values)] = np.nan
        values.flags.writeable = False
        object.__setattr__(self, "values", values)

    def __len__(self) -> int:
        return int(self.values.shape[0])

    @property
    def end(self) -> datetime:
        """End of the last hour (exclusive), UTC."""
        return self.start + len(self) * HOUR

    @property
    def hours_with_data(self) -> int:
        """Number of hours that are not NaN."""
        return int(np.isfinite(self.values).sum())

    def hours(self) -> list[datetime]:
        """Return the start of every hour, UTC."""
        return [self.start + i * HOUR for i in range(len(self))]

    def to_pandas(self) -> pd.Series[float]:
        """Return it as pandas has it: by the start of the hour, UTC; NaN is no data."""
        import pandas as pd  # noqa: PLC0415 - only where somebody works with pandas

        index = pd.date_range(self.start, periods=len(self), freq="h", name="hour")
        return pd.Series(self.values, index=index, name=self.name)

    def __repr__(self) -> str:
        start = self.start.strftime("%Y-%m-%dT%H:%MZ")
        known = f"{self.hours_with_data} of {len(self)} hours with data"
        return f"HourlySeries({self.name!r}, {self.unit}, from {start}, {known})"

    def between(self, start: datetime, end: datetime) -> HourlySeries:
        """Return the hours from `start` (inclusive) to `end` (exclusive) that there are."""
        first = max(0, int((start - self.start) / HOUR))
        last = max(first, min(len(self), int((end - self.start) / HOUR)))
        return HourlySeries(
            self.name, self.unit, self.start + first * HOUR, self.values[first:last]
        )


def floor_hour(moment: datetime) -> datetime:
    """Return the start of the hour that `moment` (any zone) falls in, in UTC."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def whole_hour(moment: datetime) -> datetime:
    """Return the first hour, UTC, that begins at `moment` (any zone) or after it.

    Zones of which days begin at half past an hour of UTC have an hour in the day that it begins in.
    """
    hour = floor_hour(moment)
    return hour if hour == moment else hour + HOUR
