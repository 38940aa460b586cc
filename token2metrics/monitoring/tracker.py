"""One metric of one model: its errors, what is usual, and since when it is no longer so."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median

import msgspec

from token2metrics.monitoring.counted import Counted
from token2metrics.monitoring.cusum import Cusum, Side
from token2metrics.monitoring.metric import Metric
from token2metrics.monitoring.opening import Opening
from token2metrics.monitoring.reference import VARIANCE_OF_MEDIAN, Reference
from token2metrics.monitoring.result import Kind
from token2metrics.monitoring.scale import Scale
from token2metrics.monitoring.tally import Tally
from token2metrics.monitoring.thresholds import Thresholds
from token2metrics.vocabulary import Phase

SPREADS_PER_CHANGE = 4.0
"""Requests are never taken to lie closer together than a quarter of the change to find. Spreads
of real decode latencies are far smaller, but wander slowly: a finer chart would call that drift."""

MOST_REFINING = 50
"""So many requests after a change sharpen what it amounts to."""

DOUBT = 0.5
"""Part of the standard error of what is usual that a deviation is reduced by besides. What is
usual is off in one direction for all requests of a kind, and would add up; with this part false
alarms keep the stated rate while references are young, at a spread of three times the change."""

FADED = 1.0 / 3.0
"""A drift of which less than this part of the smallest change is left has ended."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What counts as a drift.

    Attributes:
        change: Logarithm of the smallest change worth an alarm.
        thresholds: Where sums alarm.
        follows: Whether predictions follow a change, so that it does not stand as drift.
    """

    change: float
    thresholds: Thresholds
    follows: bool

    @property
    def smallest_spread(self) -> float:
        """Spread below which requests are not taken to lie."""
        return self.change / SPREADS_PER_CHANGE

    def allowance(self, spread: float) -> float:
        """Return what a standardised deviation is reduced by: half the change, in spreads."""
        return self.change / 2.0 / spread


@dataclass(frozen=True, slots=True)
class Change:
    """A change that was found, or a calibration that is off.

    Attributes:
        kind: Drift, or the end of one.
        since_request: The first request of it.
        deviations: Logarithms since then: of measured over usual, or over predicted where the
            calibration is off.
    """

    kind: Kind
    since_request: int
    deviations: list[float]

    @property
    def middle(self) -> float:
        """Their median: the logarithm of the change."""
        return median(self.deviations)


class Tracker(msgspec.Struct):
    """The state of one metric; all logarithms are of measured over predicted.

    Attributes:
        phase: Prefill, decode or the whole request.
        metric: Latency or energy.
        scale: How far requests of one kind lie apart.
        cusum: The sums that alarm.
        tally: Percentage errors.
        opening: The first requests.
        references: What is usual, by kind of request.
        judged: Requests that were judged.
        shift: By how much everything moved since the references were learned.
        moved: Deviations that tell what the last change amounts to.
        since_request: First request of the drift that stands; None without one.
    """

    phase: Phase
    metric: Metric
    scale: Scale
    cusum: Cusum
    tally: Tally
    opening: Opening
    references: dict[str, Reference] = {}
    judged: Counted = 0
    shift: float = 0.0
    moved: list[float] = []
    since_request: int | None = None

    def judge(self, logarithm: float, similar: str, request: int, rules: Rules) -> Change | None:
        """Judge one request against earlier ones of its kind.

        Args:
            logarithm: Of measured over predicted.
            similar: Its kind.
            request: Its number.
            rules: What counts as a drift.

        Returns:
            The change that shows with it, or None.
        """
        reference = self.references.setdefault(similar, Reference())
        if not reference.is_known:
            reference.begin(logarithm - self.shift)
            return None
        self.judged += 1
        deviation = logarithm - reference.value
        if self._moves_back(deviation, rules):
            return Change(Kind.BACK, request, list(self.moved))
        own = deviation - self.shift
        spread = max(self.scale.value, rules.smallest_spread)
        allowance = rules.allowance(spread)
        threshold = rules.thresholds.at(allowance)
        allowance += DOUBT * self._doubt(reference) * self.scale.value / spread
        side = self.cusum.add(own / spread, deviation, request, allowance, threshold)
        if side is not None:
            return self._change(side, rules)
        if self.cusum.is_quiet:
            self.scale.learn(own)
            reference.learn(logarithm - self.shift, spread)
        return None

    def _doubt(self, reference: Reference) -> float:
        """Return how far what is usual may be off, in spreads."""
        variance = reference.variance
        if self.moved:
            variance += VARIANCE_OF_MEDIAN / len(self.moved)
        return math.sqrt(variance)

    def _moves_back(self, deviation: float, rules: Rules) -> bool:
        """Sharpen what the last change amounts to, and return whether a drift has faded away.

        A drift that stands is looked at over its last requests, any other change over its first.
        """
        if not self.moved:
            return False
        stands = self.since_request is not None
        if stands or len(self.moved) < MOST_REFINING:
            self.moved.append(deviation)
            del self.moved[:-MOST_REFINING]
            self.shift = median(self.moved)
        faded = len(self.moved) == MOST_REFINING and abs(self.shift) < rules.change * FADED
        if not (stands and faded):
            return False
        self.since_request = None
        self.cusum.clear()
        return True

    def _change(self, side: Side, rules: Rules) -> Change:
        """Take over the level that the alarming requests are at."""
        before, since, stood = self.shift, side.since_request, self.since_request
        self.moved = side.deviations[-MOST_REFINING:]
        self.shift = median(self.moved)
        self.cusum.clear()
        ended = stood is not None and abs(self.shift) < rules.change / 2.0
        self.since_request = None if rules.follows or ended else stood or since
        origin = before if rules.follows else 0.0
        deviations = [one - origin for one in self.moved]
        return Change(Kind.BACK if ended else Kind.DRIFT, since, deviations)
