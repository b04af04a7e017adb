"""The verdict: does the model earn its keep against last week's values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import t as student

from pacsflow.forecasting.calibration import held_back_coverage
from pacsflow.forecasting.results import DAY, Score, Verdict
from pacsflow.forecasting.selection import DEFAULT, HELD_BACK_FROM

if TYPE_CHECKING:
    from pacsflow.forecasting.results import Floats
    from pacsflow.forecasting.selection import Rolling


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


def scores(y: Floats, first: int, held_back: Rolling) -> tuple[Score, ...]:
    """Return how every candidate did, best first."""
    scale = scaling(y)
    rows = []
    for trial in held_back.trials:
        errors = held_back.errors(trial.key)
        mae = held_back.mae(trial.key)
        rows.append(
            Score(
                trial.name,
                mae,
                mae / scale,
                smape(held_back.actual, trial.paths),
                held_back_coverage(y, first, errors, held_back.origins),
                len(held_back.origins),
                int(np.isfinite(errors).sum()),
            )
        )
    return tuple(sorted(rows, key=lambda row: row.mae))


def judge(y: Floats, first: int, held_back: Rolling, key: str, names: tuple[str, ...]) -> Verdict:
    """Compare the chosen candidate with both naive forecasts on the same held-back hours."""
    if not held_back.tried(key):
        hours = int(np.isfinite(y).sum())
        needed = max(HELD_BACK_FROM, hours + DAY)
        return Verdict("untested", None, models=names, hours=hours, needed=needed)
    scale = scaling(y)
    keys = (key, "naive168", "naive24")
    mae = {k: held_back.mae(k) for k in keys}
    smapes = {k: smape(held_back.actual, held_back.trial(k).paths) for k in keys}
    covered = {
        k: held_back_coverage(y, first, held_back.errors(k), held_back.origins)
        for k in (key, "naive168")
    }
    gain = 100 * (1 - mae[key] / mae["naive168"]) if mae["naive168"] else 0.0
    p = None
    if key != "naive168":
        p = diebold_mariano(held_back.errors(key), held_back.errors("naive168"))
    state, models, percent = _state(held_back, key, names, gain, mae)
    return Verdict(
        state=state,
        suits=state == "suits",
        models=models,
        percent=percent,
        mase=mae[key] / scale,
        mase_naive168=mae["naive168"] / scale,
        mase_naive24=mae["naive24"] / scale,
        smape=smapes[key],
        smape_naive168=smapes["naive168"],
        smape_naive24=smapes["naive24"],
        coverage95=covered[key],
        coverage95_naive168=covered["naive168"],
        origins=len(held_back.origins),
        improvement_percent=gain,
        dm_p=p,
    )


def _state(
    held_back: Rolling, key: str, names: tuple[str, ...], gain: float, mae: dict[str, float]
) -> tuple[str, tuple[str, ...], float | None]:
    """Return the state of a verdict, the models that it speaks of, and by how many percent."""
    rival = tuple(held_back.trial(k).name for k in (DEFAULT,) if held_back.tried(k))
    if key == "naive168":
        loss = 100 * (held_back.mae(DEFAULT) / mae["naive168"] - 1) if mae["naive168"] else 0.0
        return ("worse", rival, loss) if loss >= 1 else ("no-better", rival, None)
    if gain >= 1:
        return "suits", names, gain
    return ("as-good", names, None) if gain > -1 else ("not-proven", names, -gain)
