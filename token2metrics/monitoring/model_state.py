"""Everything the monitor knows of one model, as it is saved."""

from __future__ import annotations

import math

import msgspec

from token2metrics.artifact.manifest import ModelRecord, PhaseRecord
from token2metrics.artifact.relevel import fingerprint_of
from token2metrics.cost import AS_FITTED
from token2metrics.monitoring.level import Levels
from token2metrics.monitoring.scale import Scale
from token2metrics.monitoring.tracker import Tracker
from token2metrics.prediction.bounded import margin_of
from token2metrics.vocabulary import FITTED_PHASES, Phase

ONE_SPREAD = 0.683
"""Confidence of an interval of one standard deviation either way."""


class ModelState(msgspec.Struct):
    """The state of one model.

    Attributes:
        fingerprint: Tells the training it belongs to.
        births: Level of each phase when the monitor began.
        levels: Present levels.
        requests: Requests seen.
        trackers: What is tracked, by name.
    """

    fingerprint: str
    births: dict[Phase, float]
    levels: Levels
    requests: int = 0
    trackers: dict[str, Tracker] = {}


def begin(record: ModelRecord) -> ModelState:
    """Return the state of a model of which no request was seen.

    A level is believed to be what the artifact says, give or take a margin of one request.
    """
    phases = {phase: record.phases.get(phase) for phase in FITTED_PHASES}
    prefill, decode = phases.values()
    spreads = {phase: _spread(fitted) for phase, fitted in phases.items()}
    levels = Levels(
        prefill=_log_level(prefill),
        decode=_log_level(decode),
        prefill_variance=spreads[Phase.PREFILL] ** 2,
        decode_variance=spreads[Phase.DECODE] ** 2,
        scatter={
            **{phase: Scale(spread) for phase, spread in spreads.items()},
            Phase.REQUEST: Scale(max(spreads.values())),
        },
    )
    births = {phase: fitted.level for phase, fitted in record.phases.items()}
    return ModelState(fingerprint_of(record), births, levels)


def _log_level(fitted: PhaseRecord | None) -> float:
    """Return the logarithm of the level of a phase."""
    return math.log(AS_FITTED if fitted is None else fitted.level)


def _spread(fitted: PhaseRecord | None) -> float:
    """Return how far a request is off, as the artifact states it; 0 without a fit."""
    return 0.0 if fitted is None else margin_of(fitted.margin).at(ONE_SPREAD)
