"""Ablations on the prefill sweep, and the staircase as it was measured and fitted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.contenders import contender_of
from benchmarks.datasets import SHORT_NAMES, ordinary, prefill_sweep, requests_of
from benchmarks.protocol import Floats, column, drawn, mean, prepared, row_apes, shipped_experiments
from benchmarks.study_base import Piece, Point
from benchmarks.study_requests import LIGHTGBM, NNLS, NOMINAL, UNTILED, VARIANTS, fitted
from benchmarks.tasks.pair import MODEL as SHOWN_MODEL
from benchmarks.work import chunks
from token2metrics.bench.contender import Forecast, Known
from token2metrics.config import RegressionType
from token2metrics.vocabulary import Phase

SWEEP = "sweep"
ALL_ROWS = 0
"""Stands for every row but those of a fifth of the lengths."""

FOLDS = 5
FOLD_SEED = 0
DRAWS = 20
SWEEP_SHOTS = (3, 10, ALL_ROWS)
CASES = (NOMINAL, UNTILED, NNLS, LIGHTGBM, str(RegressionType.LINEAR), str(RegressionType.SPLINE))
SHOWN_SHOTS = 10
SHOWN_DRAW = 0
SHOWN_REQUESTS = 300
MOST_SHOWN_TOKENS = 520
MILLI = 1e3


@dataclass(frozen=True, slots=True)
class Staircase:
    """Measured prefill latencies and what two fits make of them.

    Attributes:
        measured: Prompt tokens and milliseconds of requests, ``(2, rows)``.
        known: The same of those that were fitted, ``(2, rows)``.
        tokens: Prompt tokens of the lines.
        lines: Milliseconds by case.
    """

    measured: Floats
    known: Floats
    tokens: Floats
    lines: dict[str, Floats]


def sweep_pieces() -> list[Piece]:
    """List draws of few rows, and folds."""
    return [
        Piece(SWEEP, model, case, count, draws)
        for model in SHORT_NAMES
        for case in CASES
        for count in SWEEP_SHOTS
        for draws in chunks(range(FOLDS if count == ALL_ROWS else DRAWS))
    ]


def sweep_points(piece: Piece, folder: Path) -> Iterator[Point]:
    """Fit each draw and judge it on the ordinary rows left: by draw, or by row of a fold."""
    rows = prefill_sweep(folder).filter(pl.col("model") == piece.model)
    usual = pl.Series(ordinary(rows))
    for draw in piece.draws:
        known, left = _split(rows, piece.count, draw)
        forecast = _swept(piece, rows.filter(known))
        errors = row_apes(forecast, Phase.PREFILL, rows.filter(left & usual))
        values = errors.tolist() if piece.count == ALL_ROWS else [mean(errors)]
        yield from (Point(piece, Phase.PREFILL, value) for value in values)


def _split(rows: pl.DataFrame, count: int, draw: int) -> tuple[pl.Series, pl.Series]:
    """Return which rows are known, and which are left."""
    if count != ALL_ROWS:
        chosen, rest = drawn(len(rows), count, draw)
        return pl.Series(chosen), pl.Series(rest)
    lengths = rows["input_tokens"].unique().sort().to_numpy()
    order = np.random.default_rng(FOLD_SEED).permutation(len(lengths))
    held = rows["input_tokens"].is_in(lengths[order % FOLDS == draw].tolist())
    return ~held, held


def _swept(piece: Piece, rows: pl.DataFrame) -> Forecast:
    """Fit one case on some rows of the sweep."""
    variant = VARIANTS[piece.case]
    asked = Known(prepared(rows), variant.experiment(piece.model), shipped_experiments())
    return contender_of(variant.contender).fit(asked)


def staircase(folder: Path) -> Staircase:
    """Fit a few requests with and without tiles, and read the lines off."""
    requests = requests_of(folder, SHOWN_MODEL).filter(pl.col("input_tokens") <= MOST_SHOWN_TOKENS)
    chosen, rest = drawn(len(requests), SHOWN_SHOTS, SHOWN_DRAW)
    shown, _ = drawn(len(requests), SHOWN_REQUESTS, SHOWN_DRAW)
    measured = _milliseconds(requests.filter(shown & rest))
    lengths = column(requests, "input_tokens")
    tokens = np.arange(lengths.min(), lengths.max() + 1)
    lines = {}
    for case in (NOMINAL, UNTILED, NNLS):
        piece = Piece(SWEEP, SHOWN_MODEL, case, SHOWN_SHOTS, (SHOWN_DRAW,))
        forecast = fitted(piece, requests.filter(chosen), folder)
        seconds = forecast.latency_s(Phase.PREFILL, tokens, np.ones_like(tokens))
        assert seconds is not None
        lines[case] = MILLI * seconds
    return Staircase(measured, _milliseconds(requests.filter(chosen)), tokens, lines)


def _milliseconds(requests: pl.DataFrame) -> Floats:
    """Return prompt tokens and prefill milliseconds."""
    found = requests.select(
        pl.col("input_tokens").cast(pl.Float64), MILLI * pl.col("prefill_latency_s")
    )
    values: Floats = found.to_numpy().T
    return values
