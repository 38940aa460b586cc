"""Random draws of the rows that a fit may see."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from token2metrics.bench.rows import is_own
from token2metrics.config import ExperimentConfig
from token2metrics.vocabulary import Phase

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Draw:
    """One split of a model's rows.

    Attributes:
        shots: Rows of each kind that are drawn.
        number: Counts the draws of as many rows, from 0.
        known: What a fit may see: the drawn rows, and every row of other models and devices.
        held: The model's rows to be forecast.
    """

    shots: int
    number: int
    known: pl.DataFrame
    held: pl.DataFrame


def draw_rows(
    rows: pl.DataFrame, experiment: ExperimentConfig, shots: int, draws: int, seed: int
) -> Iterator[Draw]:
    """Draw rows of each phase kind of a model on its device.

    A shot is a request: where a drawn decode row has a prefill row of the same prompt length, that
    one is drawn with it; further prefill rows make up the number. A kind that has no more rows
    than shots is known as a whole.

    Args:
        rows: Prepared rows of every model and device.
        experiment: The model and device.
        shots: How many rows of each kind to draw.
        draws: How many draws.
        seed: Of the draws.
    """
    numbered = rows.with_row_index("index")
    own = numbered.filter(is_own(experiment))
    for number in range(draws):
        generator = np.random.default_rng((seed, shots, number))
        drawn = _drawn(own, shots, generator)
        is_drawn = pl.col("index").is_in(drawn.tolist())
        yield Draw(
            shots,
            number,
            known=numbered.filter(is_drawn | ~is_own(experiment)).drop("index"),
            held=own.filter(~is_drawn).drop("index"),
        )


def leaves_rows(own: pl.DataFrame, shots: int) -> bool:
    """Return whether some kind of row has more of them than shots.

    Args:
        own: Prepared rows of one model on its device.
        shots: How many rows of each kind are drawn.
    """
    return any(count > shots for count in kinds(own).values())


def kinds(own: pl.DataFrame) -> dict[Phase, int]:
    """Count the rows of each kind; kinds without rows are left out."""
    counts = {phase: own.filter(pl.col("phase") == str(phase)).height for phase in Phase}
    return {phase: count for phase, count in counts.items() if count}


def _drawn(own: pl.DataFrame, shots: int, generator: np.random.Generator) -> Indices:
    """Draw rows of every kind, as numbers of the table."""
    of_phase = {phase: own.filter(pl.col("phase") == str(phase)) for phase in Phase}
    decode = _some(of_phase[Phase.DECODE], shots, generator)
    request = _some(of_phase[Phase.REQUEST], shots, generator)
    shuffled = _some(of_phase[Phase.PREFILL], of_phase[Phase.PREFILL].height, generator)
    partner = shuffled.get_column("input_tokens").is_in(decode.get_column("input_tokens").to_list())
    partners = shuffled.filter(partner).unique("input_tokens", keep="first", maintain_order=True)
    others = shuffled.join(partners, on="index", how="anti", maintain_order="left")
    prefill = pl.concat([partners, others]).head(shots)
    chosen = pl.concat([prefill, decode, request]).get_column("index")
    return chosen.cast(pl.Int64).to_numpy()


def _some(rows: pl.DataFrame, count: int, generator: np.random.Generator) -> pl.DataFrame:
    """Return some rows in random order."""
    return rows[generator.permutation(rows.height)[:count]]
