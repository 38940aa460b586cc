"""What the monitor says: what happened, and where things stand."""

from __future__ import annotations

from enum import StrEnum

from token2metrics.monitoring.metric import Metric
from token2metrics.prediction.result import Interval, Result
from token2metrics.vocabulary import Phase


class Kind(StrEnum):
    """What happened."""

    DRIFT = "drift"
    BACK = "back"
    OFF = "off"


class Status(StrEnum):
    """Where a metric stands."""

    LEARNING = "learning"
    STEADY = "steady"
    DRIFTING = "drifting"
    OFF = "off"


class Event(Result, frozen=True):
    """Something that happened to one metric of one model.

    Attributes:
        kind: ``drift``, a lasting change of the predicted over the measured quantity; ``back``,
            its end; ``off``, a calibration that was further off from the start than its
            intervals promise.
        model: Short name of the model.
        key: The model with its conditions, as the artifact names it.
        phase: ``prefill``, ``decode`` or ``request``.
        metric: ``latency`` or ``energy``.
        request: Number of the model's request at which it was noticed, from 1.
        since_request: Number of the request from which on it holds.
        timestamp: When the request finished, if it told.
        change_percent: By how much too much is predicted, below 0 too little, as ``bias_percent``
            of a metric: beside what is measured for ``off``, against the usual error for
            ``drift`` and ``back``. Where levels follow, what came before is usual.
        interval_percent: Its interval at 90 %; None where too few requests tell.
    """

    kind: Kind
    model: str
    key: str
    phase: Phase
    metric: Metric
    request: int
    since_request: int
    timestamp: str | None
    change_percent: float
    interval_percent: Interval | None


class MetricReport(Result, frozen=True):
    """Where one metric of one model stands.

    Attributes:
        phase: ``prefill``, ``decode`` or ``request``.
        metric: ``latency`` or ``energy``.
        requests: Requests compared.
        judged: Requests that were judged against earlier ones of their kind.
        mape_percent: Mean absolute percentage error of what was predicted before each request.
        p90_ape_percent: 90th percentile of the absolute percentage error, to 1 % of itself.
        bias_percent: Mean signed percentage error; above 0 predicts too much.
        recent_bias_percent: The same over the last requests.
        spread_percent: How far requests of one kind lie apart: a standard deviation.
        status: Where it stands.
        since_request: Number of the model's request from which on it drifts; None without drift.
        change_percent: By how much too much is predicted, below 0 too little: against the usual
            error where it drifts, beside what is measured where it is off.
        interval_percent: Its interval at 90 %.
        requests_to_see: Requests after which the smallest change worth an alarm shows; None where
            none was judged yet.
    """

    phase: Phase
    metric: Metric
    requests: int
    judged: int
    mape_percent: float
    p90_ape_percent: float
    bias_percent: float
    recent_bias_percent: float
    spread_percent: float
    status: Status
    since_request: int | None
    change_percent: float | None
    interval_percent: Interval | None
    requests_to_see: int | None


class LevelReport(Result, frozen=True):
    """The level of a phase, which online updates move.

    Attributes:
        phase: ``prefill`` or ``decode``.
        before: Factor on the fitted latency when the monitor began.
        now: Factor now.
        refused: Factor that the requests ask for where it is too far from the fit to be taken
            over, so that ``now`` is ``before``; None where it was.
    """

    phase: Phase
    before: float
    now: float
    refused: float | None = None


class ModelReport(Result, frozen=True):
    """Where one model stands.

    Attributes:
        model: Model id.
        name: Short name.
        device: Device.
        power_mode: Power mode.
        runtime: Inference engine.
        precision: Precision of the weights.
        requests: Requests seen.
        metrics: What is tracked.
        levels: Levels of its phases; empty without updates.
    """

    model: str
    name: str
    device: str
    power_mode: str | None
    runtime: str | None
    precision: str | None
    requests: int
    metrics: tuple[MetricReport, ...]
    levels: tuple[LevelReport, ...]


class Verdict(Result, frozen=True):
    """The outcome of a check.

    Attributes:
        holds: Whether nothing is wrong; None where too few requests were compared to say.
        reasons: What is wrong, or what is missing.
        max_mape_percent: The largest MAPE that holds; None where nothing was judged.
        max_p90_percent: The largest 90th percentile of absolute errors; None for any.
    """

    holds: bool | None
    reasons: tuple[str, ...]
    max_mape_percent: float | None = None
    max_p90_percent: float | None = None


class MonitorReport(Result, frozen=True):
    """Where everything stands.

    Attributes:
        requests: Requests compared.
        set_aside: Lines that were not, by reason.
        smallest_change_percent: The smallest change worth an alarm.
        requests_per_false_alarm: How rare false alarms are meant to be, per metric.
        updates: Whether levels follow the requests.
        models: Every model that had requests.
        events: The last things that happened.
        verdict: Outcome of the check; None without one.
    """

    requests: int
    set_aside: dict[str, int]
    smallest_change_percent: float
    requests_per_false_alarm: int
    updates: bool
    models: tuple[ModelReport, ...]
    events: tuple[Event, ...]
    verdict: Verdict | None = None
