"""What was measured of a request beside what was predicted."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from token2metrics.artifact.relevel import relevelled
from token2metrics.cost import PhaseCost
from token2metrics.monitoring.metric import Metric
from token2metrics.monitoring.observation import Observation
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.result import Interval, Prediction
from token2metrics.vocabulary import FITTED_PHASES, Phase

Costs = Mapping[Phase, PhaseCost[float] | None]
"""What each phase costs; None where there is no prediction."""

NARROWEST = 1e-9
"""Half-width of the logarithm of an interval that is none."""

EVERYTHING = tuple((phase, metric) for metric in Metric for phase in Phase)


@dataclass(frozen=True, slots=True)
class Compared:
    """One quantity of one request.

    Attributes:
        phase: Prefill, decode or the whole request.
        metric: Latency or energy.
        measured: Seconds or joules.
        expected: What was predicted at the levels the monitor began with.
        predicted: What is predicted at the present levels.
    """

    phase: Phase
    metric: Metric
    measured: float
    expected: float
    predicted: float

    @property
    def logarithm(self) -> float:
        """Of measured over expected."""
        return math.log(self.measured) - math.log(self.expected)

    @property
    def surprise(self) -> float:
        """Logarithm of measured over predicted."""
        return math.log(self.measured) - math.log(self.predicted)


def costs_of(
    predictor: ModelPredictor, request: Observation
) -> dict[Phase, PhaseCost[float] | None]:
    """Return what each phase of a request costs."""
    lengths = (request.input_tokens, request.output_tokens, request.parallel)
    return {phase: predictor.phase_cost(phase, *lengths) for phase in FITTED_PHASES}


def at_levels(predictor: ModelPredictor, levels: Mapping[Phase, float]) -> ModelPredictor:
    """Return the predictor with other levels."""
    return ModelPredictor(relevelled(predictor.model, levels))


def compared(request: Observation, expected: Costs, predicted: Costs) -> Iterator[Compared]:
    """Yield every quantity that was both measured and predicted.

    Args:
        request: What was measured.
        expected: Costs at the levels the monitor began with.
        predicted: Costs at the present levels.
    """
    for phase, metric in EVERYTHING:
        measured = request.measured(phase, metric)
        before = _value(expected, phase, metric) if measured else None
        now = before if predicted is expected else _value(predicted, phase, metric)
        if measured and before and now:
            yield Compared(phase, metric, measured, before, now)


def promised(prediction: Prediction, phase: Phase, metric: Metric) -> Interval | None:
    """Return the interval of a quantity."""
    part = prediction if phase is Phase.REQUEST else getattr(prediction, phase)
    name = "latency_interval_s" if metric is Metric.LATENCY else "energy_interval_j"
    interval: Interval | None = getattr(part, name)
    return interval


def stretch(one: Compared, interval: Interval) -> float:
    """Return how far off a quantity is, in half-widths of its interval; below 0 for less."""
    logarithm = one.logarithm
    end = interval.upper if logarithm > 0.0 else interval.lower
    if end <= 0.0:
        return 0.0
    width = max(NARROWEST, abs(math.log(end) - math.log(one.expected)))
    return logarithm / width


def _value(costs: Costs, phase: Phase, metric: Metric) -> float | None:
    """Return latency or energy of a phase, or the sum of both; None where one is unknown."""
    total = 0.0
    for part in phase.parts:
        cost = costs[part]
        value = None
        if cost is not None:
            value = cost.latency_s if metric is Metric.LATENCY else _energy_j(cost)
        if value is None:
            return None
        total += value
    return total


def _energy_j(cost: PhaseCost[float]) -> float | None:
    """Return the energy of a phase; one without work takes none."""
    return 0.0 if cost.latency_s == 0.0 else cost.energy_j
