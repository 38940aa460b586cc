"""What ``fit-fleet`` is compared with: a loop over curves, as a user of SciPy writes it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
from scipy.optimize import curve_fit, nnls

from benchmarks.protocol import Floats
from token2metrics.fleet.columns import DEFAULT_BY
from token2metrics.vocabulary import Phase

Solver = Callable[[Floats, Floats], Floats]
PREFILL_NAMES = ("prefill_token", "prefill_intercept")
DECODE_NAMES = ("decode_step", "decode_attended", "decode_intercept")


def by_nnls(features: Floats, latency_s: Floats) -> Floats:
    """Return the exact non-negative weights, relative to the latencies."""
    relative = features / latency_s[:, None]
    scale = relative.max(axis=0)
    weights: Floats = nnls(relative / scale, np.ones(len(latency_s)))[0] / scale
    return weights


def by_curve_fit(features: Floats, latency_s: Floats) -> Floats:
    """Return non-negative weights by bounded least squares; sigma makes the errors relative."""
    scale = (features / latency_s[:, None]).max(axis=0)

    def latency(scaled: Floats, *weights: float) -> Floats:
        """Return the seconds of a curve."""
        seconds: Floats = scaled @ np.array(weights)
        return seconds

    start = np.full(features.shape[1], 1.0 / features.shape[1])
    found, _ = curve_fit(
        latency, features / scale, latency_s, p0=start, sigma=latency_s, bounds=(0.0, np.inf)
    )
    weights: Floats = found / scale
    return weights


def loop(table: pl.DataFrame, solve: Solver) -> pl.DataFrame:
    """Fit every curve of a table, one after the other.

    Args:
        table: Canonical rows.
        solve: Fits one curve.

    Returns:
        A row per curve: keys, weights, and the mean absolute error of its rows in percent.
    """
    found = []
    for key, rows in table.group_by(DEFAULT_BY):
        prompts, answers, latency_s = (
            rows.get_column(name).to_numpy()
            for name in ("input_tokens", "output_tokens", "latency_s")
        )
        if key[-1] == Phase.PREFILL:
            names: tuple[str, ...] = PREFILL_NAMES
            features = np.column_stack([prompts, np.ones(len(prompts))])
        else:
            names = DECODE_NAMES
            steps = answers - 1.0
            attended = steps * prompts + steps * (steps + 1.0) / 2.0
            features = np.column_stack([steps, attended, np.minimum(steps, 1.0)])
        weights = solve(features, latency_s)
        error = np.abs(1.0 - features @ weights / latency_s).mean()
        found.append(
            dict(zip(DEFAULT_BY, key, strict=True))
            | dict(zip(names, weights.tolist(), strict=True))
            | {"in_sample_mape_percent": 100.0 * error}
        )
    return pl.DataFrame(found, infer_schema_length=None)
