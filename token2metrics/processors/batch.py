"""The bridge from prepared rows to plain arrays."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from token2metrics.vocabulary import Phase

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Measurements:
    """Measurements of one device as arrays of shape ``(rows,)``.

    Attributes:
        model: Model id of each row.
        source: Data set of each row.
        in_prefill: Whether the latency includes prefill: phases prefill and request.
        in_decode: Whether the latency includes decode: phases decode and request.
        input_tokens: Tokens of the prompt.
        output_tokens: Tokens of the answer, of each where there are several.
        parallel: Answers generated at once.
        latency_s: Seconds.
        energy_j: Joules over the window; nan when not metered.
        energy_window_s: Seconds of the window; the latency when not stated.
        sample_period_s: Seconds between the meter's readings; 0 when it integrates, or when the
            number of readings is not stated.
    """

    model: tuple[str, ...]
    source: tuple[str, ...]
    in_prefill: Mask
    in_decode: Mask
    input_tokens: Floats
    output_tokens: Floats
    parallel: Floats
    latency_s: Floats
    energy_j: Floats
    energy_window_s: Floats
    sample_period_s: Floats

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.model)


def to_measurements(rows: pl.DataFrame, device: str, models: Collection[str]) -> Measurements:
    """Take the rows of some models on one device out of a prepared table.

    Args:
        rows: Prepared canonical rows.
        device: The device.
        models: Model ids.

    Returns:
        The matching rows in the order of the table; there may be none.
    """
    chosen = rows.filter(pl.col("device") == device, pl.col("model").is_in(list(models)))
    phase = chosen.get_column("phase")
    latency_s = _floats(chosen, "latency_s")
    stated_s = _floats(chosen, "energy_window_s")
    window_s = np.where(np.isnan(stated_s), latency_s, stated_s)
    return Measurements(
        model=tuple(chosen.get_column("model")),
        source=tuple(chosen.get_column("source")),
        in_prefill=(phase != Phase.DECODE).to_numpy(),
        in_decode=(phase != Phase.PREFILL).to_numpy(),
        input_tokens=_floats(chosen, "input_tokens"),
        output_tokens=_floats(chosen, "output_tokens"),
        parallel=_floats(chosen, "parallel"),
        latency_s=latency_s,
        energy_j=_floats(chosen, "energy_j"),
        energy_window_s=window_s,
        sample_period_s=np.nan_to_num(window_s / _floats(chosen, "energy_samples")),
    )


def _floats(rows: pl.DataFrame, column: str) -> Floats:
    """Return a column as floats, nulls as nan."""
    return rows.get_column(column).cast(pl.Float64).to_numpy().astype(np.float64)
