"""What the tests of measuring share: an engine and a meter with a clock of their own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from token2metrics.measure.engines.engine import Engine, Generation, GenerationRequest
from token2metrics.measure.journal import Campaign, Visited
from token2metrics.measure.plan import Point
from token2metrics.measure.run import run_campaign
from token2metrics.measure.schedule import StopRule
from token2metrics.measure.session import Effort, Instruments
from token2metrics.measure.summary import MeasureReport
from token2metrics.measure.tally import Tally
from token2metrics.power.meter import FEWEST_BUSY_SAMPLES, PowerMeter, Window
from token2metrics.records import Clock, PowerScope

S_PER_PROMPT_TOKEN = 0.001
S_PER_STEP = 0.02
POINTS = (Point(64, 1), Point(65, 8), Point(500, 32))
RULE = StopRule(most_repeats=6, target_share=0.05, confidence=0.9)
EPOCH_S = 1_700_000_000.0


class Ticking:
    """A clock that moves only when told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now_s(self) -> float:
        """Return the time."""
        return self.seconds

    def pass_s(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds


class ClockworkEngine(Engine):
    """Takes a fixed time per token, and fails when it is told to.

    Args:
        clock: Its time.
        slowdown: Factor on every duration, by the time.
        failures: What the next requests raise; None for those that succeed.
    """

    name = "clockwork"
    source = "here"

    def __init__(
        self,
        clock: Ticking,
        slowdown: Callable[[float], float] = lambda _: 1.0,
        failures: Sequence[BaseException | None] = (),
    ) -> None:
        self.requests: list[GenerationRequest] = []
        self._clock = clock
        self._slowdown = slowdown
        self._failures = deque(failures)

    def __enter__(self) -> Self:
        """Connect to nothing."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let go of nothing."""

    def generate(self, request: GenerationRequest) -> Generation:
        """Let the time of a request pass."""
        failure = self._failures.popleft() if self._failures else None
        if failure is not None:
            raise failure
        self.requests.append(request)
        factor = self._slowdown(self._clock.seconds)
        prefill_s = factor * S_PER_PROMPT_TOKEN * request.input_tokens
        decode_s = factor * S_PER_STEP * (request.output_tokens - 1)
        started_s = self._clock.seconds
        self._clock.pass_s(prefill_s + decode_s)
        return Generation(
            input_tokens=request.input_tokens,
            cached_tokens=0,
            output_tokens=request.output_tokens,
            prefill_s=prefill_s,
            decode_s=decode_s,
            clock=Clock.SERVER,
            client_ttft_s=prefill_s,
            client_total_s=prefill_s + decode_s,
            started_s=started_s,
            first_token_s=started_s + prefill_s,
            finished_s=self._clock.seconds,
            finish_reason="length",
        )


class RampMeter(PowerMeter):
    """A power of ``offset_w + slope_w_per_s * time``, sampled every period and integrated exactly.

    Args:
        period_s: Seconds between samples.
        offset_w: Watts at time zero.
        slope_w_per_s: Their growth.
    """

    rail = "VDD_IN"
    scope = PowerScope.MODULE

    def __init__(self, period_s: float, offset_w: float = 5.0, slope_w_per_s: float = 0.0) -> None:
        self.period_s: float = period_s
        self.windows: list[tuple[float, float]] = []
        self._offset_w = offset_w
        self._slope_w_per_s = slope_w_per_s

    def __enter__(self) -> Self:
        """Start."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop."""

    def energy_j(self, start_s: float, end_s: float) -> float:
        """Return the integral of the power."""
        middle_w = self._offset_w + self._slope_w_per_s * (start_s + end_s) / 2
        return middle_w * (end_s - start_s)

    def window(self, start_s: float, end_s: float) -> Window:
        """Return the energy of a span with enough samples."""
        self.windows.append((start_s, end_s))
        samples = int(end_s / self.period_s) - int(start_s / self.period_s)
        if samples < FEWEST_BUSY_SAMPLES:
            return Window(None, samples, f"only {samples} readings")
        return Window(self.energy_j(start_s, end_s), samples)


@dataclass
class Notes:
    """A watcher that remembers."""

    visits: list[Visited] = field(default_factory=list)
    left_s: list[float] = field(default_factory=list)

    def begin(self, tally: Tally) -> None:
        """Learn what there is to do."""

    def visited(self, entry: Visited, left_s: float) -> None:
        """Learn of a finished repeat."""
        self.visits.append(entry)
        self.left_s.append(left_s)


@dataclass
class Workshop:
    """A campaign on clockwork, run as often as wanted.

    Attributes:
        output: Its table.
        clock: Its time.
        points: Its plan.
        meter: Its meter; None for none.
        rule: When a point is settled.
        budget_s: Its budget.
        temperature_c: Its temperature, by the time.
        notes: What it was told of.
    """

    output: Path
    clock: Ticking = field(default_factory=Ticking)
    points: tuple[Point, ...] = POINTS
    meter: PowerMeter | None = None
    rule: StopRule = RULE
    budget_s: float | None = None
    temperature_c: Callable[[float], float | None] = lambda _: None
    notes: Notes = field(default_factory=Notes)

    def campaign(self, model: str = "tiny") -> Campaign:
        """Return what is measured."""
        return Campaign(
            model=model,
            device="bench",
            power_mode=None,
            precision="fp32",
            runtime="clockwork",
            points=self.points,
        )

    def run(self, engine: Engine, model: str = "tiny") -> MeasureReport:
        """Run the campaign until it ends for whatever reason."""
        instruments = Instruments(
            engine,
            self.meter,
            lambda: self.temperature_c(self.clock.seconds),
            now_s=self.clock.now_s,
            wall_now_s=lambda: EPOCH_S + self.clock.seconds,
            wait=self.clock.pass_s,
        )
        effort = Effort(self.rule, self.budget_s, seed=0, warm_up=2)
        return run_campaign(self.campaign(model), instruments, effort, self.output, self.notes)
