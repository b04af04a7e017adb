"""The verdict: does the model earn its keep against last week's values, in one plain sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import t as student

from pacsflow.forecasting.values import DAY, Score, Verdict

if TYPE_CHECKING:
    from pacsflow.forecasting.calibration import Widths
    from pacsflow.forecasting.selection import Rolling
    from pacsflow.forecasting.values import Floats


def scaling(y: Floats) -> float:
    """Return the mean absolute 24-hour difference, the scale of MASE; NaN for a constant."""
    change = np.abs(y[DAY:] - y[:-DAY])
    change = change[np.isfinite(change)]
    scale = float(change.mean()) if change.size else 0.0
    return scale or float("nan")


def smape(actual: Floats, paths: Floats) -> float:
    """Return the symmetric MAPE in percent; an hour where both are zero counts as no error."""
    seen = np.isfinite(actual)
    if not seen.any():
        return float("nan")
    top = 2 * np.abs(actual - paths)[seen]
    bottom = (np.abs(actual) + np.abs(paths))[seen]
    return float(100 * np.mean(np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)))


def diebold_mariano(errors: Floats, rival: Floats) -> float | None:
    """Return the p value (two-sided) that both forecasts are equally good on average.

    One loss differential an origin (its mean absolute error), with the correction of Harvey,
    Leybourne and Newbold (1997) and a Bartlett window over as many origins as overlap.

    Parameters
    ----------
    errors, rival
        Forecast errors of both, shape ``(origins, horizon)``.
    """
    with np.errstate(invalid="ignore"):
        difference = np.abs(errors) - np.abs(rival)
    counted = np.isfinite(difference).sum(axis=1) >= DAY
    if counted.sum() < 5:
        return None
    loss = np.nanmean(difference[counted], axis=1)
    n = loss.size
    centred = loss - loss.mean()
    lags = min(max(1, round(n ** (1 / 3))), n - 2)
    variance = float(np.mean(centred**2))
    for lag in range(1, lags + 1):
        weight = 1 - lag / (lags + 1)
        variance += 2 * weight * float(np.sum(centred[lag:] * centred[:-lag]) / n)
    if variance <= 0:
        return None
    steps = lags + 1
    correction = np.sqrt(max((n + 1 - 2 * steps + steps * (steps - 1) / n) / n, 1e-6))
    statistic = correction * loss.mean() / np.sqrt(variance / n)
    return float(2 * student.sf(abs(statistic), n - 1))


def scores(y: Floats, held_back: Rolling) -> tuple[Score, ...]:
    """Return how every candidate did, best first."""
    scale = scaling(y)
    rows = []
    for trial in held_back.trials:
        errors = held_back.errors(trial.key)
        count = int(np.isfinite(errors).sum())
        if not count:
            continue
        mae = float(np.nanmean(np.abs(errors)))
        rows.append(
            Score(
                trial.name,
                mae,
                mae / scale,
                smape(held_back.actual, trial.paths),
                None,
                len(held_back.origins),
                count,
            )
        )
    return tuple(sorted(rows, key=lambda row: row.mae))


def judge(y: Floats, held_back: Rolling, key: str, name: str, width: Widths) -> Verdict:  # noqa: ARG001
    """Compare the chosen candidate with both naive forecasts on the same held-back hours."""
    tried = {trial.key for trial in held_back.trials}
    if key not in tried or "naive168" not in tried:
        return Verdict(
            f"{name}: the history is too short to hold hours back, so nothing tells yet how good "
            "it is.",
            None,
        )
    scale = scaling(y)
    mae, mae168, mae24 = (held_back.mae(k) for k in (key, "naive168", "naive24"))
    gain = 100 * (1 - mae / mae168) if mae168 else 0.0
    p = diebold_mariano(held_back.errors(key), held_back.errors("naive168"))
    suits = not key.startswith("naive")
    if suits:
        sentence = f"{name} suits: {gain:.0f} % better than last week's values."
    elif key == "naive168":
        sentence = "No ARIMA model suits: the report shows last week's values instead."
    else:
        sentence = "No ARIMA model suits: the report shows yesterday's values instead."
    smapes = {
        k: smape(held_back.actual, held_back.trial(k).paths) for k in (key, "naive168", "naive24")
    }
    return Verdict(
        sentence,
        suits,
        mae / scale,
        mae168 / scale,
        mae24 / scale,
        smapes[key],
        smapes["naive168"],
        smapes["naive24"],
        None,
        None,
        len(held_back.origins),
        gain,
        p,
    )
