"""Any value of ours as JSON types: one way for reports and forecasts."""

from __future__ import annotations

import dataclasses
import math
from datetime import date
from enum import StrEnum
from typing import Any


def to_json_value(value: object) -> Any:  # noqa: ANN401 - JSON is any of six types
    """Return a dataclass tree as JSON types.

    Times are ISO 8601 with their zone, arrays lists; NaN and infinities are null.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json_value(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, (list, tuple)):
        return [to_json_value(item) for item in value]
    if isinstance(value, dict):
        return {str(key): to_json_value(item) for key, item in value.items()}
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if hasattr(value, "tolist"):  # an array or a scalar of numpy, which is not imported for it
        return to_json_value(value.tolist())
    return value
