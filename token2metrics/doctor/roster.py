"""Every rule of the doctor, in the order in which they are reported and tried."""

from __future__ import annotations

from token2metrics.doctor.cold import COLD
from token2metrics.doctor.cut import CUT_OUTPUT
from token2metrics.doctor.lengths import ASKED_LENGTHS, ROUND_LENGTHS
from token2metrics.doctor.lines import RAGGED_LINES, REPEATED_NAMES
from token2metrics.doctor.mean_power import MEAN_POWERS
from token2metrics.doctor.outliers import OUTLIERS
from token2metrics.doctor.prefill_twice import PREFILL_TWICE
from token2metrics.doctor.rails import SEVERAL_RAILS, TWO_LEVELS
from token2metrics.doctor.refused import (
    DUPLICATES,
    FAILED_RUNS,
    FLAGGED_ROWS,
    NO_STEP_RULE,
    REPEATED_KEYS,
    SET_ASIDE_ENTRIES,
    UNUSABLE_CELLS,
    UNUSABLE_ENERGIES,
)
from token2metrics.doctor.rule import Rule
from token2metrics.doctor.sampler import FEW_READINGS, IDLE
from token2metrics.doctor.units import LATENCY_UNITS, POWER_UNITS
from token2metrics.doctor.window import IDLE_TAIL

RULES: tuple[Rule, ...] = (
    RAGGED_LINES,
    REPEATED_NAMES,
    FAILED_RUNS,
    UNUSABLE_CELLS,
    SET_ASIDE_ENTRIES,
    LATENCY_UNITS,
    PREFILL_TWICE,
    CUT_OUTPUT,
    COLD,
    OUTLIERS,
    DUPLICATES,
    REPEATED_KEYS,
    NO_STEP_RULE,
    FLAGGED_ROWS,
    POWER_UNITS,
    TWO_LEVELS,
    SEVERAL_RAILS,
    IDLE,
    FEW_READINGS,
    MEAN_POWERS,
    IDLE_TAIL,
    UNUSABLE_ENERGIES,
    ASKED_LENGTHS,
    ROUND_LENGTHS,
)
"""A row that two rules reject is filed under the first."""
