"""Ablation of the meter: energies with its window and number of readings stated, and without."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.contenders import OurForecast, Ours
from benchmarks.datasets import SHORT_NAMES
from benchmarks.protocol import Floats, column, drawn, experiment_of, prepared, shipped_experiments
from benchmarks.study_base import Piece, Point
from benchmarks.tasks.energy import BY_CELLS, BY_LENGTH, GridEnergy, metered
from benchmarks.work import Item, chunks
from token2metrics.bench.contender import Known
from token2metrics.processors.pipeline import PreparedData
from token2metrics.vocabulary import Phase

ENERGY = "energy"
STATED = "readings stated"
UNSTATED = "readings unstated"
WINDOWLESS = "window unstated"
CASES = (STATED, UNSTATED, WINDOWLESS)
WITHOUT = {
    STATED: (),
    UNSTATED: ("energy_samples",),
    WINDOWLESS: ("energy_samples", "energy_window_s"),
}
"""What a case is not told of the meter."""

LENGTH_LEFT_OUT = 0
"""Stands for every cell but those of one output length."""

ENERGY_SHOTS = (5, 20, LENGTH_LEFT_OUT)
DRAWS = 10
LENGTH_STRIDE = 3
SHOWN_MODEL = "dsr1-qwen-1.5b"
SHOWN_SHOTS = 20
SHOWN_DRAW = 0
LONGEST_SHOWN_WINDOW_S = 20.0


@dataclass(frozen=True, slots=True)
class Readings:
    """Mean power over the meter's windows of short answers.

    Attributes:
        windows_s: Windows, ``(cells,)``.
        measured_w: Measured energy over window, ``(cells,)``.
        fitted_w: Fitted energy over window by case, ``(cells,)``.
    """

    windows_s: Floats
    measured_w: Floats
    fitted_w: dict[str, Floats]


def energy_pieces(folder: Path) -> list[Piece]:
    """List draws of cells, and lengths left out."""
    lengths = metered(folder)["output_tokens"].unique().sort().to_list()[::LENGTH_STRIDE]
    return [
        Piece(ENERGY, model, case, count, draws)
        for model in SHORT_NAMES
        for case in CASES
        for count in ENERGY_SHOTS
        for draws in chunks(lengths if count == LENGTH_LEFT_OUT else range(DRAWS), 3)
    ]


def energy_points(piece: Piece, folder: Path) -> Iterator[Point]:
    """Fit each draw and judge it: by draw, or by cell of a length left out."""
    protocol = BY_LENGTH if piece.count == LENGTH_LEFT_OUT else BY_CELLS
    item = Item(ENERGY, frozenset({"A6"}), piece.model, piece.count, protocol, piece.draws)
    for trial in GridEnergy().trials(item, folder):
        known = replace(trial.known, data=_as_stated(trial.data, piece.case))
        for figure in trial.judge(Ours().fit(known)):
            _, _, given = figure.statistic.rpartition(", ")
            yield Point(piece, given, figure.value)


def _as_stated(data: PreparedData, case: str) -> PreparedData:
    """Return the rows with or without what the meter is known to have read."""
    schema = data.rows.schema
    unknown = {name: pl.lit(None, dtype=schema[name]) for name in WITHOUT[case]}
    return replace(data, rows=data.rows.with_columns(**unknown))


def readings(folder: Path) -> Readings:
    """Fit some cells of one model both ways and read its shortest windows."""
    cells = metered(folder).filter(pl.col("model") == SHOWN_MODEL)
    chosen, _ = drawn(len(cells), SHOWN_SHOTS, SHOWN_DRAW)
    short = cells.filter(pl.col("energy_window_s") <= LONGEST_SHOWN_WINDOW_S)
    windows_s = column(short, "energy_window_s")
    tokens = column(short, "input_tokens"), column(short, "output_tokens")
    found = {}
    for case in CASES:
        data = _as_stated(prepared(cells.filter(chosen)), case)
        forecast = Ours().fit(Known(data, experiment_of(SHOWN_MODEL), shipped_experiments()))
        assert isinstance(forecast, OurForecast)
        latency_s = column(short, "latency_s")
        energy_j = forecast.window_energy_j(Phase.DECODE, *tokens, windows_s, latency_s)
        assert energy_j is not None
        found[case] = np.asarray(energy_j / windows_s)
    return Readings(windows_s, column(short, "energy_j") / windows_s, found)
