"""Real requests as streams for the monitor: trained models, slow-downs, alarms and delays."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.contenders import Ours
from benchmarks.datasets import as_phase_rows, requests_of
from benchmarks.protocol import combined, drawn, experiment_of, prepared, shipped_experiments
from benchmarks.tasks.calibrated import other_models
from token2metrics.bench.contender import Known
from token2metrics.monitoring.monitor import Monitor
from token2metrics.monitoring.observation import Observation
from token2metrics.monitoring.options import MonitorOptions
from token2metrics.monitoring.result import Kind
from token2metrics.monitoring.summary import report
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.predictor import Predictor
from token2metrics.vocabulary import Phase

CALIBRATION_REQUESTS = 10
SLOW_DOWN = 1.03

Order = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Subject:
    """One training and the requests it did not see, in the order they were measured."""

    predictor: ModelPredictor
    requests: tuple[Observation, ...]


def subject(folder: Path, model: str, draw: int) -> Subject:
    """Train on some requests of a model.

    Args:
        folder: The public measurements.
        model: Model id.
        draw: Which requests are known.
    """
    requests = requests_of(folder, model)
    chosen, rest = drawn(len(requests), CALIBRATION_REQUESTS, draw)
    rows = prepared(as_phase_rows(requests.filter(chosen)))
    known = combined(other_models(folder, model), rows)
    forecast = Ours().fit(Known(known, experiment_of(model), shipped_experiments()))
    fed = tuple(
        Observation(
            input_tokens=row["input_tokens"],
            output_tokens=row["output_tokens"],
            prefill_latency_s=row["prefill_latency_s"],
            decode_latency_s=row["decode_latency_s"],
        )
        for row in requests.filter(rest).iter_rows(named=True)
    )
    return Subject(forecast.predictor, fed)


def slower(request: Observation) -> Observation:
    """Return a request that took 3 % longer."""
    assert request.prefill_latency_s is not None
    assert request.decode_latency_s is not None
    return Observation(
        input_tokens=request.input_tokens,
        output_tokens=request.output_tokens,
        prefill_latency_s=request.prefill_latency_s * SLOW_DOWN,
        decode_latency_s=request.decode_latency_s * SLOW_DOWN,
    )


def false_alarms(one: Subject, order: Order) -> dict[Phase, tuple[int, int]]:
    """Return alarms and requests judged, by phase, of requests as they were."""
    monitor = Monitor(Predictor((one.predictor,)), MonitorOptions())
    alarms = dict.fromkeys(Phase, 0)
    for place in order:
        for event in monitor.observe(one.requests[place]):
            alarms[event.phase] += event.kind is Kind.DRIFT
    (model,) = report(monitor).models
    return {metric.phase: (alarms[metric.phase], metric.judged) for metric in model.metrics}


def delays(one: Subject, order: Order, begin: int) -> dict[Phase, float]:
    """Return after how many slow requests each phase alarms; infinite where it does not.

    Args:
        one: Model and requests.
        order: The requests fed.
        begin: The first slow one.
    """
    monitor = Monitor(Predictor((one.predictor,)), MonitorOptions())
    seen = dict.fromkeys(Phase, math.inf)
    for number, place in enumerate(order):
        request = one.requests[place]
        events = monitor.observe(slower(request) if number >= begin else request)
        for event in events:
            if event.kind is Kind.DRIFT and number >= begin:
                seen[event.phase] = min(seen[event.phase], number - begin + 1)
        if max(seen.values()) < math.inf:
            break
    return seen


def shuffled(chance: np.random.Generator, count: int, length: int) -> Order:
    """Return requests in random order: each once, or drawn with replacement where too few."""
    if count >= length:
        return chance.permutation(count)[:length]
    return chance.integers(count, size=length)
