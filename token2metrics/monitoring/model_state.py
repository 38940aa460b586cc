"""Everything the monitor knows of one model, as it is saved."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated

import msgspec

from token2metrics.artifact.fitted import LARGEST_LEVEL, SMALLEST_LEVEL
from token2metrics.artifact.manifest import ModelRecord, PhaseRecord
from token2metrics.artifact.relevel import fingerprint_of
from token2metrics.cost import AS_FITTED
from token2metrics.monitoring.change import MOST_LOGARITHM
from token2metrics.monitoring.counted import Counted
from token2metrics.monitoring.level import Levels
from token2metrics.monitoring.scale import Scale
from token2metrics.monitoring.tracker import Tracker
from token2metrics.prediction.bounded import margin_of
from token2metrics.vocabulary import FITTED_PHASES, Phase

MOST_LATEST = 50
"""So many of the last requests tell whether a level is one that a device can have."""

ONE_SPREAD = 0.683
"""Confidence of an interval of one standard deviation either way."""


Logarithm = Annotated[float, msgspec.Meta(ge=-MOST_LOGARITHM, le=MOST_LOGARITHM)]
Level = Annotated[float, msgspec.Meta(ge=SMALLEST_LEVEL, le=LARGEST_LEVEL)]


class ModelState(msgspec.Struct):
    """The state of one model.

    Attributes:
        fingerprint: Tells the training it belongs to.
        births: Level of each phase when the monitor began.
        levels: Present levels.
        requests: Requests seen.
        trackers: What is tracked, by name.
        latest: Logarithms of the last measured latencies over what was expected of them at the
            births, by what was measured; only where levels follow.
    """

    fingerprint: str
    births: dict[Phase, Level]
    levels: Levels
    requests: Counted = 0
    trackers: dict[str, Tracker] = {}
    latest: dict[Phase, list[Logarithm]] = {}

    def remember(self, logarithms: Mapping[Phase, float]) -> None:
        """Keep what one request took over what was expected of it, and forget the oldest."""
        for phase, logarithm in logarithms.items():
            kept = self.latest.setdefault(phase, [])
            kept.append(logarithm)
            del kept[:-MOST_LATEST]


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
