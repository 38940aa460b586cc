"""Rows of one model on one device as arrays, by what they measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from token2metrics.bench.contender import Array, Known
from token2metrics.config import ExperimentConfig
from token2metrics.vocabulary import Phase

NUMBERS = ("input_tokens", "output_tokens", "latency_s", "energy_j", "energy_window_s")
SETTING = ("input_tokens", "output_tokens")
WINDOW_S = pl.coalesce("energy_window_s", "latency_s")
OF_PREFILL = "_of_prefill"


@dataclass(frozen=True, slots=True)
class PhaseRows:
    """Measurements of one phase as arrays of shape ``(rows,)``.

    Attributes:
        input_tokens: Prompt tokens.
        output_tokens: Generated tokens.
        latency_s: Seconds.
        energy_j: Joules over the window; nan when not metered.
        window_s: Seconds of the window; the latency when not stated.
    """

    input_tokens: Array
    output_tokens: Array
    latency_s: Array
    energy_j: Array
    window_s: Array

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.latency_s)

    @property
    def metered(self) -> PhaseRows:
        """The rows with a measured energy."""
        return self.take(~np.isnan(self.energy_j))

    def take(self, chosen: NDArray[np.bool_]) -> PhaseRows:
        """Return the rows that a mask chooses."""
        return PhaseRows(
            self.input_tokens[chosen],
            self.output_tokens[chosen],
            self.latency_s[chosen],
            self.energy_j[chosen],
            self.window_s[chosen],
        )


def is_own(experiment: ExperimentConfig) -> pl.Expr:
    """Return whether a row is of the experiment's model on its device."""
    return (pl.col("device") == experiment.edge.name) & (pl.col("model") == experiment.model.id)


def own_rows(known: Known) -> pl.DataFrame:
    """Return the known rows of the model on the device."""
    return known.data.rows.filter(is_own(known.experiment))


def server_rows(known: Known) -> pl.DataFrame:
    """Return the rows of the model on its server, else those of its counterpart there."""
    model, server = known.experiment.model, known.experiment.server
    rows = known.data.rows
    if server is None:
        return rows.clear()
    on_server = rows.filter(pl.col("device") == server.name)
    measured = set(on_server.get_column("model"))
    names = [name for name in (model.id, model.server_model) if name in measured]
    return on_server.filter(pl.col("model") == names[0]) if names else rows.clear()


def phase_rows(rows: pl.DataFrame, phase: Phase) -> PhaseRows:
    """Return the rows of a phase; for ``request``, those put together from both phases too.

    Args:
        rows: Prepared rows of one model on one device.
        phase: What they should have measured.
    """
    if phase is Phase.REQUEST:
        return _arrays(whole_requests(rows))
    return _arrays(rows.filter(pl.col("phase") == str(phase)))


def whole_requests(rows: pl.DataFrame) -> pl.DataFrame:
    """Return whole requests, sorted: measured ones, and decodes joined with their prompt's prefill.

    Where a prompt length has several prefill rows, their median counts. A request that was
    measured as a whole is not put together a second time.

    Args:
        rows: Prepared rows of one model on one device.
    """
    numbers = rows.select("phase", *NUMBERS).with_columns(energy_window_s=WINDOW_S)
    of_phase = {
        phase: numbers.filter(pl.col("phase") == str(phase)).drop("phase") for phase in Phase
    }
    prefill = of_phase[Phase.PREFILL].group_by("input_tokens").agg(pl.all().median())
    joined = of_phase[Phase.DECODE].join(
        prefill.drop("output_tokens"), on="input_tokens", how="inner", suffix=OF_PREFILL
    )
    together = joined.select(
        *SETTING, *(pl.col(name) + pl.col(name + OF_PREFILL) for name in NUMBERS[2:])
    )
    measured = of_phase[Phase.REQUEST]
    requests = pl.concat([measured, together.join(measured, on=SETTING, how="anti")])
    return requests.sort(SETTING)


def _arrays(rows: pl.DataFrame) -> PhaseRows:
    """Return the numbers of rows as arrays, nulls as nan."""
    columns = rows.select(
        *SETTING, "latency_s", "energy_j", WINDOW_S.alias("energy_window_s")
    ).cast(pl.Float64)
    return PhaseRows(*(columns.get_column(name).to_numpy().copy() for name in NUMBERS))
