"""The same fits by plain library calls: ``python benchmarks/train_rivals.py CONTENDER FILE``.

A process of its own, which imports nothing of the project. FILE holds the fits (``train_fits``) as
JSON, already read, checked and split, which spares it the reading that training does. It fits every
candidate on every split of each phase, chooses one per outer fold by the inner folds, as training
does, and prints the errors of the held-out rows and how long the fits took after all imports.

CONTENDER is ``libraries``: scikit-learn and SciPy ``curve_fit``; or ``lightgbm``: monotone boosting
at several settings. Each tries as many candidates per phase as training does there, the first of
``library_fits`` and of ``LIGHTGBM_SETTINGS``. Errors are relative in every fit: ``sigma`` or
``sample_weight`` from the latency, or its logarithm as target. One thread, fastest at these sizes.
"""

import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Predict = Callable[[Array], Array]
Fit = Callable[[Array, Array], Predict]
"""From features ``(rows, columns)`` and seconds ``(rows,)`` to what predicts other rows."""

PREFILL = "prefill"
NORM_ORDER = 4.0
SMALLEST_S = 1e-9
HIDDEN, MLP_ITERATIONS = (8,), 500
CURVE_CALLS = 500
KNOTS, DEGREE = 5, 2
FEWEST_ROWS = 2
HALF_COUNTED_ERROR = 0.5
LIGHTGBM_SETTINGS = (
    (4, 2, 100),
    (15, 5, 100),
    (8, 3, 100),
    (31, 20, 100),
    (4, 2, 300),
    (15, 10, 200),
    (31, 5, 200),
    (63, 20, 200),
)
"""Leaves, fewest rows of a leaf, and trees."""


def features(rows: Array, phase: str) -> Array:
    """Return what the latency of a phase is nearly linear in, ``(rows, columns)``."""
    prompts, steps = rows[:, 0], rows[:, 1]
    if phase == PREFILL:
        return prompts[:, None]
    return np.stack([steps, steps * prompts + steps * (steps + 1) / 2], axis=1)


def library_fits(server: Predict | None) -> list[Fit]:
    """Return the fits of scikit-learn and SciPy, physical ones first.

    Args:
        server: The latency on a server; None where there are no rows of one.
    """
    preprocessing = import_module("sklearn.preprocessing")
    polynomial = preprocessing.PolynomialFeatures(2, include_bias=False)
    spline = preprocessing.SplineTransformer(KNOTS, DEGREE, extrapolation="linear")
    power = curve(power_law, power_start)
    return [
        curve(roofline, roofline_start),
        linear(),
        power if server is None else calibrated(server),
        linear(polynomial),
        linear(spline),
        boosted,
        network(preprocessing.StandardScaler()),
        power,
    ]


def curve(law: Callable[..., Array], start: Callable[[Array, Array], Array]) -> Fit:
    """Return a fit by ``curve_fit`` of a law in the logarithms of its weights."""
    curve_fit = import_module("scipy.optimize").curve_fit

    def fit(given: Array, seconds: Array) -> Predict:
        found = np.log(start(given, seconds))
        with suppress(RuntimeError):
            found = curve_fit(law, given, seconds, found, seconds, maxfev=CURVE_CALLS)[0]
        return lambda asked: law(asked, *found)

    return fit


def calibrated(server: Predict) -> Fit:
    """Return the fit of a constant and a gain on a server's latency."""

    def law(given: Array, constant: float, gain: float) -> Array:
        return np.asarray(np.exp(constant) + np.exp(gain) * server(given), dtype=np.float64)

    return curve(law, lambda given, seconds: np.array([seconds.min(), 1.0]))


def linear(*before: Any) -> Fit:
    """Return non-negative least squares of relative errors, on features that are made before."""
    last = import_module("sklearn.linear_model").LinearRegression(positive=True)
    model, weight = last, "sample_weight"
    if before:
        model = import_module("sklearn.pipeline").make_pipeline(*before, last)
        weight = "linearregression__sample_weight"

    def fit(given: Array, seconds: Array) -> Predict:
        predict: Predict = model.fit(given, seconds, **{weight: seconds**-2.0}).predict
        return predict

    return fit


def boosted(given: Array, seconds: Array) -> Predict:
    """Fit scikit-learn's boosting under constraints of monotony."""
    kind = import_module("sklearn.ensemble").HistGradientBoostingRegressor
    rising = [1] * given.shape[1]
    return logarithmic(kind(monotonic_cst=rising, min_samples_leaf=FEWEST_ROWS))(given, seconds)


def network(before: Any) -> Fit:
    """Return the fit of a small network on standardised logarithms."""
    kind = import_module("sklearn.neural_network").MLPRegressor
    settings = {"solver": "lbfgs", "max_iter": MLP_ITERATIONS, "random_state": 0}
    model = kind(hidden_layer_sizes=HIDDEN, **settings)
    return logarithmic(import_module("sklearn.pipeline").make_pipeline(before, model))


def logarithmic(model: Any) -> Fit:
    """Return the fit of a model to logarithms of features and latency."""

    def fit(given: Array, seconds: Array) -> Predict:
        fitted = model.fit(np.log1p(given), np.log(seconds))
        return lambda asked: np.asarray(np.exp(fitted.predict(np.log1p(asked))))

    return fit


def roofline(given: Array, *logarithms: float) -> Array:
    """Return the smooth maximum of a constant and a slope (prefill), or a sum (decode)."""
    if given.shape[1] == 1:
        floor, slope = np.exp(logarithms)
        found: Array = (floor**NORM_ORDER + (slope * given[:, 0]) ** NORM_ORDER) ** (1 / NORM_ORDER)
        return found
    return np.asarray(given @ np.exp(logarithms), dtype=np.float64)


def roofline_start(given: Array, seconds: Array) -> Array:
    """Return where that begins: each term alone has half the latency."""
    slopes = np.median(seconds / given[:, 0]) / 2
    if given.shape[1] == 1:
        return np.array([seconds.min(), slopes])
    return np.array([slopes, np.median(seconds / given[:, 1]) / 2])


def power_law(given: Array, factor: float, exponent: float) -> Array:
    """Return a power of the first feature."""
    return np.asarray(np.exp(factor) * given[:, 0] ** np.exp(exponent), dtype=np.float64)


def power_start(given: Array, seconds: Array) -> Array:
    """Return where that begins: proportional."""
    return np.array([np.median(seconds / given[:, 0]), 1.0])


def lightgbm_fits() -> list[Fit]:
    """Return monotone boosting at each setting."""
    import lightgbm

    def booster(leaves: int, fewest: int, trees: int) -> Fit:
        def fit(given: Array, seconds: Array) -> Predict:
            settings = {
                "num_leaves": leaves,
                "min_data_in_leaf": fewest,
                "min_data_in_bin": 1,
                "monotone_constraints": [1] * given.shape[1],
                "num_threads": 1,
                "verbosity": -1,
            }
            data = lightgbm.Dataset(given, np.log(seconds))
            model = lightgbm.train(settings, data, num_boost_round=trees)
            return lambda asked: np.exp(np.asarray(model.predict(asked, num_threads=1)))

        return fit

    return [booster(*setting) for setting in LIGHTGBM_SETTINGS]


def server_curve(task: dict[str, Any]) -> Predict | None:
    """Fit the server's latency by non-negative least squares; None without rows of one."""
    from scipy.optimize import nnls

    if not task["server"]:
        return None
    rows = np.array(task["server"])
    given = features(rows, task["phase"])
    columns = np.column_stack([np.ones(len(given)), given]) / rows[:, 2:]
    weights: Array = nnls(columns, np.ones(len(rows)))[0]

    def predict(asked: Array) -> Array:
        return np.asarray(np.column_stack([np.ones(len(asked)), asked]) @ weights)

    return predict


def held_out_errors(task: dict[str, Any], fits: list[Fit]) -> list[float]:
    """Fit every candidate on every split and return the relative errors of the outer folds."""
    rows = np.array(task["rows"])
    given, seconds = features(rows, task["phase"]), rows[:, 2]
    errors = np.empty((len(fits), len(task["fits"]), len(rows)))
    for candidate, fit in enumerate(fits):
        for split, seen in enumerate(task["fits"]):
            predicted = fit(given[seen], seconds[seen])(given)
            errors[candidate, split] = np.log(np.maximum(predicted, SMALLEST_S) / seconds)
    found: list[float] = []
    for fold in task["folds"]:
        losses = np.zeros(len(fits))
        for part in fold["inner"]:
            wrong = np.abs(errors[:, part["fit"]][:, part["rows"]])
            losses += (wrong / (HALF_COUNTED_ERROR + wrong)).sum(axis=1)
        outer = fold["outer"]
        chosen = errors[int(np.argmin(losses)), outer["fit"]][outer["rows"]]
        found += np.abs(np.expm1(chosen)).tolist()
    return found


def main(contender: str, file: Path) -> None:
    """Do all fits and print what came of them."""
    warnings.simplefilter("ignore")
    boosted = contender == "lightgbm"
    found, fitted = [], 0
    lightgbm_fits() if boosted else library_fits(None)
    started_s = time.perf_counter()
    for task in json.loads(file.read_bytes()):
        every = lightgbm_fits() if boosted else library_fits(server_curve(task))
        fits = every[: task["candidates"]]
        errors = held_out_errors(task, fits)
        fitted += len(fits) * len(task["fits"])
        found.append({"model": task["model"], "phase": task["phase"], "errors": errors})
    seconds = time.perf_counter() - started_s
    sys.stdout.write(json.dumps({"fits": fitted, "seconds": seconds, "found": found}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
