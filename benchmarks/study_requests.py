"""Ablations on MMLU requests: what is known beside K of them, and what the fit may use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.contenders import OurForecast, Ours, contender_of
from benchmarks.datasets import SHORT_NAMES, as_phase_rows, requests_of, server_grid
from benchmarks.protocol import (
    PERCENT,
    column,
    combined,
    drawn,
    experiment_of,
    mean,
    median,
    prepared,
    request_apes,
    shipped_experiments,
)
from benchmarks.study_base import Piece, Point
from benchmarks.tasks.calibrated import other_models
from benchmarks.tasks.pair import MODEL as SERVED_MODEL
from benchmarks.work import chunks
from token2metrics.bench.contender import Forecast, Known
from token2metrics.config import ExperimentConfig, RegressionConfig, RegressionType
from token2metrics.processors.pipeline import PreparedData
from token2metrics.vocabulary import FITTED_PHASES

REQUESTS = "requests"
DRAWS = {0: 1, 1: 20, 3: 20, 5: 20, 10: 20, 20: 10, 100: 3}
"""How many draws a number of known requests gets; without any there is nothing to draw."""

SHOTS = (0, 1, 3, 5, 10, 20)
PRIOR_SHOTS = (0, 1, 3, 10)
FEW_AND_MANY = (3, 10, 100)
FAMILY_SHOTS = (10, 100)
INTERVAL_SHOTS = (5, 10, 20)
CONFIDENCES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
TESTED_INTERVALS = 150
"""Most requests of a draw whose intervals are looked at."""

OTHERS = "other models known"
OTHERS_SERVER = "other models and A100 curve"
NOMINAL = "nominal figures"
SERVER = "A100 curve, nominal figures"
UNSTATED = "nominal figures unstated"
SERVER_UNSTATED = "A100 curve, the Orin's figures unstated"
UNTILED = "not tiled"
NNLS = "nnls"
LIGHTGBM = "lightgbm"
FAMILIES = tuple(family for family in RegressionType if family is not RegressionType.AUTO)


@dataclass(frozen=True, slots=True)
class Variant:
    """What is known beside the model's own rows, and how it is fitted.

    Attributes:
        others: Whether the other models' requests on the device are known.
        server: Whether the grid of the same shape on an A100 is known.
        stated: Whether the device's nominal bandwidth and arithmetic are.
        tiled: Whether the device is said to work in tiles.
        family: Curve family.
        contender: Who is fitted.
    """

    others: bool = False
    server: bool = False
    stated: bool = True
    tiled: bool = True
    family: RegressionType = RegressionType.AUTO
    contender: str = Ours.name

    def experiment(self, model: str) -> ExperimentConfig:
        """Return the shipped experiment of a model, changed."""
        shipped = experiment_of(model)
        nameless = {} if self.stated else {"memory_bandwidth_bytes_per_s": None}
        rateless = {} if self.stated else {"compute_flop_per_s": None}
        edge = shipped.edge.model_copy(update={**nameless, **rateless, "tiled": self.tiled})
        changes: dict[str, object] = {
            "edge": edge,
            "regression": RegressionConfig(type=self.family),
        }
        if not self.server:
            shape = shipped.model.model_copy(update={"server_model": None})
            changes |= {"server": None, "model": shape}
        return shipped.model_copy(update=changes)


VARIANTS = {
    OTHERS: Variant(others=True),
    OTHERS_SERVER: Variant(others=True, server=True),
    NOMINAL: Variant(),
    SERVER: Variant(server=True),
    UNSTATED: Variant(stated=False),
    SERVER_UNSTATED: Variant(server=True, stated=False),
    UNTILED: Variant(tiled=False),
    NNLS: Variant(contender=NNLS),
    LIGHTGBM: Variant(contender=LIGHTGBM),
    **{str(family): Variant(family=family) for family in FAMILIES},
}


def request_pieces() -> list[Piece]:
    """List the work, each case of each model once."""
    wanted: dict[tuple[str, str, int], None] = {}
    for model in SHORT_NAMES:
        wanted |= _each(model, (UNTILED, NOMINAL), FEW_AND_MANY)
        wanted |= _each(model, FAMILIES, FAMILY_SHOTS)
        wanted |= _each(model, (OTHERS, NOMINAL), SHOTS)
        wanted |= _each(model, (NNLS, LIGHTGBM), SHOTS[1:])
    served = (SERVER, UNSTATED, SERVER_UNSTATED, OTHERS_SERVER)
    wanted |= _each(SERVED_MODEL, served, PRIOR_SHOTS)
    return [
        Piece(REQUESTS, model, case, count, draws)
        for model, case, count in wanted
        for draws in chunks(range(DRAWS[count]))
    ]


def _each(
    model: str, cases: tuple[str, ...], counts: tuple[int, ...]
) -> dict[tuple[str, str, int], None]:
    """Return every pair of case and number, as keys."""
    return dict.fromkeys((model, str(case), count) for case in cases for count in counts)


def request_points(piece: Piece, folder: Path) -> Iterator[Point]:
    """Fit each draw and judge it on all other requests."""
    requests = requests_of(folder, piece.model)
    for draw in piece.draws:
        chosen, rest = drawn(len(requests), piece.count, draw)
        forecast = fitted(piece, requests.filter(chosen), folder)
        tested = requests.filter(rest)
        for part, errors in request_apes(forecast, tested).items():
            yield Point(piece, part, mean(errors))
        if piece.case == OTHERS and piece.count in INTERVAL_SHOTS:
            assert isinstance(forecast, OurForecast)
            sampled, _ = drawn(len(tested), min(TESTED_INTERVALS, len(tested)), draw)
            yield from _interval_points(piece, forecast, tested.filter(sampled))


def fitted(piece: Piece, own: pl.DataFrame, folder: Path) -> Forecast:
    """Fit one case on some requests of the model."""
    variant = VARIANTS[piece.case]
    known = _known_before(folder, piece.model, variant.others, variant.server)
    if len(own):
        rows = prepared(as_phase_rows(own))
        known = rows if known is None else combined(known, rows)
    data = prepared(server_grid(folder)) if known is None else known
    asked = Known(data, variant.experiment(piece.model), shipped_experiments())
    return contender_of(variant.contender).fit(asked)


@lru_cache
def _known_before(folder: Path, model: str, others: bool, server: bool) -> PreparedData | None:
    """Return what is known beside the model's own requests."""
    found = [other_models(folder, model)] if others else []
    found += [prepared(server_grid(folder))] if server else []
    if not found:
        return None
    return found[0] if len(found) == 1 else combined(*found)


def interval_part(phase: str, what: str, confidence: float) -> str:
    """Name a statistic of intervals."""
    return f"{phase} {what} at {PERCENT * confidence:.0f} %"


def _interval_points(
    piece: Piece, forecast: OurForecast, requests: pl.DataFrame
) -> Iterator[Point]:
    """Yield coverage and median width of both phases' intervals at each confidence."""
    tokens = column(requests, "input_tokens"), column(requests, "output_tokens")
    for confidence in CONFIDENCES:
        found = forecast.intervals_s(*tokens, confidence)
        for phase in FITTED_PHASES:
            measured = column(requests, f"{phase}_latency_s")
            predicted = forecast.latency_s(phase, *tokens)
            assert predicted is not None
            works = measured > 0
            lower, upper = found[phase][works].T
            covered = np.mean((lower <= measured[works]) & (measured[works] <= upper))
            width = median((upper - lower) / predicted[works])
            covering, wide = (
                interval_part(phase, what, confidence) for what in ("coverage", "width")
            )
            yield Point(piece, covering, PERCENT * float(covered))
            yield Point(piece, wide, PERCENT * width)
