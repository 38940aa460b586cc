"""llm-d: constants per token, as its simulator is given them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from token2metrics.bench.contender import Array, Contender, Forecast, Known, NotApplicableError
from token2metrics.bench.forecasts import Curve, CurveForecast, too_few
from token2metrics.bench.rows import PhaseRows, own_rows, phase_rows
from token2metrics.vocabulary import Phase

FIRST_TOKEN = 1.0
PREFILL_CONSTANTS = 2
NO_PHASES = "needs prefill or decode rows: its constants are per phase"
NO_DECODE = "latency of decode needs a row with more than one output token"


@dataclass(frozen=True, slots=True)
class PrefillConstants:
    """``prefill-overhead + I * prefill-time-per-token``, in seconds."""

    overhead_s: float
    time_per_token_s: float

    def __call__(self, input_tokens: Array, output_tokens: Array) -> Array:
        """Return the seconds of every row, ``(rows,)``."""
        return self.overhead_s + self.time_per_token_s * input_tokens


@dataclass(frozen=True, slots=True)
class InterTokenLatency:
    """``(O - 1) * inter-token-latency``, in seconds."""

    inter_token_s: float

    def __call__(self, input_tokens: Array, output_tokens: Array) -> Array:
        """Return the seconds of every row, ``(rows,)``."""
        return self.inter_token_s * np.maximum(output_tokens - FIRST_TOKEN, 0.0)


class LlmD(Contender):
    """The ``per-token`` latency calculator with its three constants taken from the rows.

    The project leaves open how its users find them: the prefill constants, which may not be
    negative, are fitted by non-negative least squares, and the time between tokens is the mean.
    """

    name = "llm-d"
    source = "llm-d-inference-sim, docs/latency-simulation.md, latency calculator per-token"

    def fit(self, known: Known) -> Forecast:
        """Take the constants from the rows of each phase.

        Raises:
            NotApplicableError: If no phase was measured by itself.
        """
        rows = own_rows(known)
        found = {
            Phase.PREFILL: _prefill(phase_rows(rows, Phase.PREFILL)),
            Phase.DECODE: _decode(phase_rows(rows, Phase.DECODE)),
        }
        curves = {phase: curve for phase, curve in found.items() if curve is not None}
        if not curves:
            raise NotApplicableError(NO_PHASES)
        missing = {
            Phase.PREFILL: too_few(Phase.PREFILL, PREFILL_CONSTANTS),
            Phase.DECODE: NO_DECODE,
        }
        remarks = tuple(words for phase, words in missing.items() if phase not in curves)
        return CurveForecast(curves, remarks=remarks)


def _prefill(rows: PhaseRows) -> Curve | None:
    """Fit both prefill constants; None with fewer rows."""
    if len(rows) < PREFILL_CONSTANTS:
        return None
    matrix = np.stack([np.ones_like(rows.input_tokens), rows.input_tokens], axis=1)
    overhead_s, time_per_token_s = nnls(matrix, rows.latency_s)[0]
    return PrefillConstants(float(overhead_s), float(time_per_token_s))


def _decode(rows: PhaseRows) -> Curve | None:
    """Return the mean time between tokens; None without a row that has two tokens."""
    steps = rows.output_tokens - FIRST_TOKEN
    decoded = steps > 0
    if not decoded.any():
        return None
    return InterTokenLatency(float(np.mean(rows.latency_s[decoded] / steps[decoded])))
