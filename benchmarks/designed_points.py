"""Rows to measure: designed before any latency is known, drawn at random, or as MMLU would."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.datasets import ENERGY, decode_grid, prefill_sweep, requests_of
from benchmarks.protocol import drawn, experiment_of, prepared, shipped_experiments
from token2metrics.modeling.design import grown
from token2metrics.modeling.known_law import known_law
from token2metrics.modeling.lengths import REACH
from token2metrics.modeling.next_points import Requests, designer_of
from token2metrics.processors.pipeline import PreparedData
from token2metrics.vocabulary import Phase

ALONE, OTHERS = "nothing else known", "other models known"
DESIGN, RANDOM, NATURAL = "design", "random", "MMLU lengths"
RULES: Mapping[str, int] = {DESIGN: 0, "D-optimal alone": 1, "expected error alone": 0}
"""Ways to choose: as the command does, or with all points, or none, to determine prefill."""


Places = NDArray[np.int_]


@dataclass(frozen=True, slots=True)
class Job:
    """Some trainings of one model.

    Attributes:
        phase: Prefill sweep or decode grid.
        model: The model.
        count: Measured rows.
        way: How they are chosen.
        known: What else is known.
        draws: Seeds of random ways.
    """

    phase: Phase
    model: str
    count: int
    way: str
    known: str
    draws: tuple[int, ...]

    @property
    def words(self) -> str:
        """What tells its figures apart."""
        return f"K = {self.count}, {self.way}, {self.known}"


@lru_cache
def table_of(folder: Path, phase: Phase) -> pl.DataFrame:
    """Return the rows of all models, latencies alone."""
    return prefill_sweep(folder) if phase is Phase.PREFILL else decode_grid(folder).drop(ENERGY)


def rows_of(folder: Path, job: Job) -> pl.DataFrame:
    """Return the rows of the job's model."""
    return table_of(folder, job.phase).filter(pl.col("model") == job.model)


@lru_cache
def others_of(folder: Path, phase: Phase, model: str) -> PreparedData:
    """Return the rows of the other models."""
    return prepared(table_of(folder, phase).filter(pl.col("model") != model))


@lru_cache
def nothing_of(folder: Path, phase: Phase) -> PreparedData:
    """Return rows that tell nothing: of a device that no experiment names."""
    return prepared(table_of(folder, phase).head(1).with_columns(device=pl.lit("another device")))


def tokens_of(rows: pl.DataFrame, phase: Phase) -> NDArray[np.int64]:
    """Return prompt and answer tokens; the prefill sweep has no answers."""
    answers = pl.lit(1, dtype=pl.Int64) if phase is Phase.PREFILL else pl.col("output_tokens")
    pairs = rows.select(pl.col("input_tokens"), answers.alias("answers").cast(pl.Int64))
    return pairs.to_numpy().astype(np.int64)


def designed_rows(folder: Path, job: Job) -> Places:
    """Return the rows that a design chooses, knowing lengths alone."""
    rows = rows_of(folder, job)
    tokens = tokens_of(rows, job.phase)
    before = nothing_of(folder, job.phase)
    if job.known == OTHERS:
        before = others_of(folder, job.phase, job.model)
    law = known_law(before, shipped_experiments(), experiment_of(job.model))
    within = tokens[tokens[:, 0] <= REACH * tokens[:, 0].max()]
    requests = Requests(np.unique(tokens, axis=0), np.ones(len(np.unique(tokens, axis=0))))
    designer = designer_of(law, within, requests, (job.phase,))
    if job.way != DESIGN:
        designer = designer.determined_by(RULES[job.way] * job.count)
    steps = grown(designer, law.knowledge, job.count)
    chosen = [designer.candidates.tokens[step.place] for step in steps]
    return np.array([np.flatnonzero((tokens == pair).all(axis=1))[0] for pair in chosen])


def natural_rows(folder: Path, job: Job, draw: int) -> Places:
    """Return rows at the lengths of random MMLU requests, no row twice."""
    lengths = tokens_of(rows_of(folder, job), job.phase)[:, 0].astype(np.float64)
    asked = requests_of(folder, job.model)["input_tokens"].to_numpy()
    chosen: list[int] = []
    for length in np.random.default_rng(draw).permutation(asked)[: job.count]:
        distance = np.abs(np.log(lengths / length))
        distance[chosen] = np.inf
        chosen.append(int(distance.argmin()))
    return np.array(chosen)


def chosen_rows(folder: Path, job: Job, draw: int) -> Places:
    """Return the rows that are measured."""
    if job.way in RULES:
        return designed_rows(folder, job)
    if job.way == NATURAL:
        return natural_rows(folder, job, draw)
    return np.flatnonzero(drawn(len(rows_of(folder, job)), job.count, draw)[0])
