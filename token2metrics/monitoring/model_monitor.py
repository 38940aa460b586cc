"""Watch one model: compare, judge, follow."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from statistics import median

from token2metrics.errors import RequestError
from token2metrics.monitoring.change import error_interval_percent, error_percent_of
from token2metrics.monitoring.compare import (
    Compared,
    Costs,
    at_levels,
    compared,
    costs_of,
    promised,
    stretch,
)
from token2metrics.monitoring.cusum import Cusum, Side
from token2metrics.monitoring.level import Shares, follow
from token2metrics.monitoring.metric import Metric, tracked_name
from token2metrics.monitoring.model_state import ONE_SPREAD, ModelState, begin
from token2metrics.monitoring.observation import Observation
from token2metrics.monitoring.opening import CONFIDENCE, Opening
from token2metrics.monitoring.plausible import is_plausible
from token2metrics.monitoring.result import Event, Kind
from token2metrics.monitoring.scale import SMALLEST, Scale
from token2metrics.monitoring.similar import similar_class
from token2metrics.monitoring.tally import Tally
from token2metrics.monitoring.tracker import Change, Rules, Tracker
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.result import Prediction
from token2metrics.vocabulary import FITTED_PHASES, Phase

UNSTATED_SPREAD = 0.1
"""First guess of a spread where no interval is stated."""

NOTHING_TO_COMPARE = "nothing that was measured has a prediction"

Turn = tuple[Tracker, Change]
"""What changed, and of what."""

Ask = Callable[[float], Prediction]
"""The prediction of a request, by the confidence of its intervals."""


class ModelMonitor:
    """Compares finished requests of one model with its predictions.

    Args:
        predictor: The model.
        rules: What counts as a drift.
        state: What an earlier run knew; None begins anew.

    Attributes:
        record: What the artifact says of the model.
        state: What is known now.
        expecting: The model at the levels the monitor began with.
    """

    def __init__(
        self, predictor: ModelPredictor, rules: Rules, state: ModelState | None = None
    ) -> None:
        self.record = predictor.model.record
        self.state = begin(self.record) if state is None else state
        self.expecting = at_levels(predictor, self.state.births)
        self._rules = rules

    def levels(self) -> dict[Phase, float]:
        """Return the level of each fitted phase: as it follows, or as it was where refused."""
        kept = {phase: self.state.births[phase] for phase in self.refused_levels()}
        return {**self._followed_levels(), **kept}

    def refused_levels(self) -> dict[Phase, float]:
        """Return the levels that requests ask for and that are too far off to be taken over."""
        asked = ((phase, self._asked_level(phase)) for phase in self._followed_levels())
        return {phase: level for phase, level in asked if not is_plausible(level)}

    def _followed_levels(self) -> dict[Phase, float]:
        """Return the level of each fitted phase as far as it followed."""
        known = self.state.levels
        fitted = [phase for phase in FITTED_PHASES if phase in self.record.phases]
        return {phase: math.exp(known.log_level(phase)) for phase in fitted}

    def _asked_level(self, phase: Phase) -> float:
        """Return what a level has come to or what recent requests ask for, whichever is further.

        A level takes a few requests to get there, and must not be written on its way.
        """
        log_level = self.state.levels.log_level(phase)
        recent = self.state.latest.get(phase) or self.state.latest.get(Phase.REQUEST)
        asked = math.log(self.state.births[phase]) + median(recent) if recent else log_level
        return math.exp(max(log_level, asked, key=abs))

    def observe(self, request: Observation) -> tuple[Event, ...]:
        """Take a finished request into account.

        Args:
            request: What was measured.

        Returns:
            What turned out with it.

        Raises:
            RequestError: If nothing of it has a prediction; nothing is learned from it then.
        """
        expected = costs_of(self.expecting, request)
        predicted = expected
        if self._rules.follows:
            predicted = costs_of(at_levels(self.expecting, self.levels()), request)
        found = tuple(compared(request, expected, predicted))
        if not found:
            raise RequestError(NOTHING_TO_COMPARE)
        self.state.requests += 1
        turns = [turn for one in found for turn in self._judge(one, request)]
        if self._rules.follows:
            followed = predicted
            if self.refused_levels():
                followed = costs_of(at_levels(self.expecting, self._followed_levels()), request)
            self._follow(compared(request, expected, followed), followed, turns)
        return tuple(self._event(*turn, request.timestamp) for turn in turns)

    def _judge(self, one: Compared, request: Observation) -> list[Turn]:
        """Count an error, and say whether something changed."""
        lengths = (request.input_tokens, request.output_tokens)

        def ask(confidence: float) -> Prediction:
            return self.expecting(*lengths, confidence=confidence, parallel=request.parallel)

        tracker = self._tracker(one, ask)
        tracker.tally.add(one.predicted, one.measured)
        opened = _opening_change(tracker.opening, one, ask)
        similar = similar_class(one.phase, *lengths, request.parallel)
        judged = tracker.judge(one.logarithm, similar, self.state.requests, self._rules)
        return [(tracker, change) for change in (opened, judged) if change is not None]

    def _tracker(self, one: Compared, ask: Ask) -> Tracker:
        """Return the tracker of a quantity; a new one begins with the stated spread."""
        name = tracked_name(one.phase, one.metric)
        if name not in self.state.trackers:
            interval = promised(ask(ONE_SPREAD), one.phase, one.metric)
            spread = UNSTATED_SPREAD
            if interval is not None:
                spread = max(SMALLEST, math.log(interval.upper) - math.log(one.expected))
            self.state.trackers[name] = Tracker(
                phase=one.phase,
                metric=one.metric,
                scale=Scale(spread),
                cusum=Cusum(Side(), Side()),
                tally=Tally(),
                opening=Opening(self.state.requests),
            )
        return self.state.trackers[name]

    def _event(self, tracker: Tracker, change: Change, timestamp: str | None) -> Event:
        """Say what happened."""
        return Event(
            kind=change.kind,
            model=self.record.name,
            key=self.record.key,
            phase=tracker.phase,
            metric=tracker.metric,
            request=self.state.requests,
            since_request=change.since_request,
            timestamp=timestamp,
            change_percent=error_percent_of(change.middle),
            interval_percent=error_interval_percent(change.deviations, tracker.scale.value),
        )

    def _follow(self, found: Iterable[Compared], followed: Costs, turns: list[Turn]) -> None:
        """Let the levels follow the measured latencies, those that are refused too."""
        latencies = [one for one in found if one.metric is Metric.LATENCY]
        surprises = {one.phase: one.surprise for one in latencies}
        self.state.remember({one.phase: one.logarithm for one in latencies})
        told_apart = any(phase in surprises for phase in FITTED_PHASES)
        for tracker, change in turns:
            of_a_phase = tracker.phase in FITTED_PHASES
            if tracker.metric is Metric.LATENCY and of_a_phase == told_apart:
                self.state.levels.doubt(tracker.phase, change.middle)
        follow(self.state.levels, surprises, _shares(followed))


def _opening_change(opening: Opening, one: Compared, ask: Ask) -> Change | None:
    """Hold the first requests to the promised intervals."""
    if not opening.is_open:
        return None
    interval = promised(ask(CONFIDENCE), one.phase, one.metric)
    if interval is None or not opening.add(one.logarithm, stretch(one, interval)):
        return None
    return Change(Kind.OFF, opening.since_request, list(opening.logarithms))


def _shares(costs: Costs) -> Shares:
    """Return what prefill and decode contribute to the latency of a request."""
    prefill, decode = (costs[phase] for phase in FITTED_PHASES)
    if prefill is None or decode is None:
        return 0.0, 0.0
    total = prefill.latency_s + decode.latency_s
    return (prefill.latency_s / total, decode.latency_s / total) if total else (0.0, 0.0)
