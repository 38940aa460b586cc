"""One run: warm up, visit points until they are settled, and keep whatever is finished."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from token2metrics.measure.checks import check
from token2metrics.measure.ending import Ending, Stop
from token2metrics.measure.energy import metered, needed_s, repeat_prefill
from token2metrics.measure.engines.engine import (
    Engine,
    EngineLostError,
    EngineRefusedError,
    Generation,
    GenerationRequest,
)
from token2metrics.measure.journal import Burst, Entry, Idle, Journal, Visited
from token2metrics.measure.plan import Point
from token2metrics.measure.schedule import StopRule, Visit
from token2metrics.measure.tally import Tally
from token2metrics.measure.to_records import RecordFactory, of_visit
from token2metrics.power.meter import PowerMeter

logger = logging.getLogger(__name__)

IDLE_S = 2.0
BURSTS_PER_LENGTH = 3
BEFORE = "before"
AFTER = "after"
SEED_BITS = 32


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured.

    Attributes:
        rule: When a point is settled.
        budget_s: Seconds after which no further request is sent; None for no limit.
        seed: Seed of orders and prompts; the time is another, so that no run repeats a prompt of an
            earlier one, which a server may still have in its cache.
        warm_up: Requests that are sent first and not kept.
    """

    rule: StopRule
    budget_s: float | None
    seed: int
    warm_up: int


@dataclass(frozen=True, slots=True)
class Instruments:
    """What a run measures with.

    Attributes:
        engine: A connected engine.
        meter: A running meter; None where no energy is measured.
        thermometer: Tells the hottest temperature in degrees Celsius; None where unknown.
        now_s: The clock of engine and meter.
        wall_now_s: Seconds since 1970.
        wait: Lets so many seconds pass.
    """

    engine: Engine
    meter: PowerMeter | None
    thermometer: Callable[[], float | None]
    now_s: Callable[[], float] = time.monotonic
    wall_now_s: Callable[[], float] = time.time
    wait: Callable[[float], None] = time.sleep


class Watcher(Protocol):
    """Watches a run."""

    def begin(self, tally: Tally) -> None:
        """Learn what there is to do."""

    def visited(self, entry: Visited, left_s: float) -> None:
        """Learn of a finished repeat, and for how long the run will go on at most."""


class Session:
    """Measures the points of a journal's campaign.

    Args:
        journal: Where results go, and what is finished already.
        points: The plan.
        instruments: What to measure with.
        effort: How much.
        records: Makes the rows.
        watcher: Who is told.
    """

    def __init__(
        self,
        journal: Journal,
        points: tuple[Point, ...],
        instruments: Instruments,
        effort: Effort,
        records: RecordFactory,
        watcher: Watcher,
    ) -> None:
        self._journal = journal
        self._with = instruments
        self._effort = effort
        self._records = records
        self._watcher = watcher
        self._tally = Tally(points, effort.rule, journal.entries)
        self._started_s = instruments.now_s()
        self._started_at_s = instruments.wall_now_s()

    def run(self) -> Ending:
        """Measure until all is settled, the time is over, or somebody or something ends it."""
        stop, message = Stop.FINISHED, None
        try:
            if len(self._tally.closed) < len(self._tally.points):
                stop = self._measure()
        except EngineLostError as error:
            stop, message = Stop.ENGINE_LOST, str(error)
        except KeyboardInterrupt:
            stop = Stop.INTERRUPTED
        return Ending(stop, self._elapsed_s(), message)

    def _measure(self) -> Stop:
        """Meter idle power, warm up, and visit points."""
        self._watcher.begin(self._tally)
        self._idle(BEFORE)
        self._warm_up()
        stop = self._visit_points()
        self._idle(AFTER)
        return stop

    def _visit_points(self) -> Stop:
        """Visit points until all are settled or the time is over."""
        while (visit := self._tally.next(self._effort.seed)) is not None:
            if self._left_s() <= 0:
                return Stop.OUT_OF_TIME
            self._take(self._visit(visit))
            self._burst_if_due(visit.point)
        return Stop.FINISHED

    def _visit(self, visit: Visit) -> Visited:
        """Send one request, and return its rows or why there are none."""
        limit = self._with.engine.context_tokens
        if limit is not None and visit.point.tokens > limit:
            return _refused(visit, f"{visit.point.tokens} tokens exceed its context of {limit}")
        try:
            generation = self._with.engine.generate(
                GenerationRequest(
                    visit.point.input_tokens,
                    visit.point.output_tokens,
                    self._seed(visit.point, visit.repeat),
                )
            )
        except EngineRefusedError as error:
            return _refused(visit, str(error))
        return self._entry(visit, generation)

    def _entry(self, visit: Visit, generation: Generation) -> Visited:
        """Return the rows of an answer."""
        findings = check(visit.point, generation)
        start_s, first_s, end_s = (
            generation.started_s,
            generation.first_token_s,
            generation.finished_s,
        )
        temperature_c = self._with.thermometer()
        rows = (
            self._records.prefill(generation, metered(self._with.meter, start_s, first_s)),
            self._records.decode(generation, metered(self._with.meter, first_s, end_s)),
        )
        return Visited(
            point=visit.point,
            repeat=visit.repeat,
            records=tuple(
                of_visit(row, visit, findings, temperature_c) for row in rows if row is not None
            ),
            client_overhead_s=generation.client_overhead_s,
        )

    def _burst_if_due(self, point: Point) -> None:
        """Repeat a prefill that is too short for the meter."""
        meter, length = self._with.meter, point.input_tokens
        prefill_s = self._tally.shortest_prefill_s(point)
        if meter is None or prefill_s is None or prefill_s >= needed_s(meter):
            return
        rank = self._tally.bursts(length)
        if rank >= BURSTS_PER_LENGTH:
            return
        try:
            repeated = repeat_prefill(
                self._with.engine, meter, length, lambda place: self._seed(point, rank, place)
            )
        except EngineRefusedError as error:
            logger.warning("no energy of short prefills of %d tokens: %s", length, error)
            return
        visit = Visit(Point(length, 1), rank)
        found = {f.flag: f for done in repeated.generations for f in check(visit.point, done)}
        record = self._records.burst(repeated)
        kept = of_visit(record, visit, tuple(found.values()), self._with.thermometer())
        self._take(Burst(input_tokens=length, record=kept))

    def _take(self, entry: Entry) -> None:
        """Keep an entry, and tell of it."""
        self._journal.append(entry)
        self._tally.take(entry)
        if isinstance(entry, Visited):
            left_s = min(self._left_s(), self._tally.most_left_s())
            self._watcher.visited(entry, left_s)

    def _warm_up(self) -> None:
        """Send requests from the shortest to the longest, and forget their answers."""
        by_length = sorted(self._tally.points, key=lambda point: point.tokens)
        last = len(by_length) - 1
        for rank in range(self._effort.warm_up):
            point = by_length[last * rank // max(1, self._effort.warm_up - 1)]
            request = GenerationRequest(
                point.input_tokens, point.output_tokens, self._seed(point, -1, rank)
            )
            try:
                self._with.engine.generate(request)
            except EngineRefusedError as error:
                logger.info("warm-up of %s: %s", point, error)

    def _idle(self, when: str) -> None:
        """Meter the power without work."""
        meter = self._with.meter
        if meter is None:
            return
        start_s = self._with.now_s()
        self._with.wait(max(IDLE_S, needed_s(meter)))
        end_s = self._with.now_s()
        window = meter.window(start_s, end_s)
        power_w = None if window.energy_j is None else window.energy_j / (end_s - start_s)
        self._take(Idle(when=when, power_w=power_w, samples=window.samples, why_not=window.why_not))

    def _seed(self, point: Point, *place: int) -> int:
        """Return the seed of a prompt that no other request has."""
        own = (self._effort.seed, self._started_at_s)
        parts = (*own, point.input_tokens, point.output_tokens, *place)
        return random.Random("/".join(map(str, parts))).getrandbits(SEED_BITS)

    def _elapsed_s(self) -> float:
        """Return the seconds since the run began."""
        return self._with.now_s() - self._started_s

    def _left_s(self) -> float:
        """Return the seconds that the budget leaves."""
        budget_s = self._effort.budget_s
        return float("inf") if budget_s is None else budget_s - self._elapsed_s()


def _refused(visit: Visit, reason: str) -> Visited:
    """Return what is kept of a request that the engine refuses."""
    return Visited(point=visit.point, repeat=visit.repeat, refused=reason)
