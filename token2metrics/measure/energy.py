"""The energy of a phase: of its own window, or of many short prefills back to back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from token2metrics.measure.engines.engine import Engine, Generation, GenerationRequest
from token2metrics.power.meter import FEWEST_BUSY_SAMPLES, PowerMeter, Window

SPARE_SHARE = 1.2
"""Readings come a little late, so a window is somewhat longer than it should need to be."""

FEWEST_BUSY_SHARE = 0.8
"""Of a window of short prefills; the rest of it is idle power, which is not theirs."""


@dataclass(frozen=True, slots=True)
class Metered:
    """What a meter says of a span of time.

    Attributes:
        window: Energy and readings.
        span_s: Seconds of the span.
        meter: Who measured.
    """

    window: Window
    span_s: float
    meter: PowerMeter


@dataclass(frozen=True, slots=True)
class Repeated:
    """Prefills back to back.

    Attributes:
        generations: Each of them.
        metered: The energy of all of them together.
    """

    generations: tuple[Generation, ...]
    metered: Metered


def metered(meter: PowerMeter | None, start_s: float, end_s: float) -> Metered | None:
    """Return the energy of a span.

    Args:
        meter: A running meter; None where nothing is metered.
        start_s: Start, an instant of ``time.monotonic``.
        end_s: End.

    Returns:
        None without a meter, or where no time passed.
    """
    if meter is None or end_s <= start_s:
        return None
    return Metered(meter.window(start_s, end_s), end_s - start_s, meter)


def needed_s(meter: PowerMeter | None) -> float:
    """Return how long work must last for a meter to see it; 0 without one that samples."""
    if meter is None or meter.period_s is None:
        return 0.0
    return FEWEST_BUSY_SAMPLES * meter.period_s * SPARE_SHARE


def repeat_prefill(
    engine: Engine, meter: PowerMeter, input_tokens: int, seed_of: Callable[[int], int]
) -> Repeated:
    """Run a short prefill back to back until the meter has seen enough of it.

    Args:
        engine: The engine.
        meter: A meter that samples.
        input_tokens: Length of the prompt.
        seed_of: Seed of each prompt.
    """
    done: list[Generation] = []
    span_s = 0.0
    while not done or span_s < needed_s(meter):
        request = GenerationRequest(input_tokens, 1, seed_of(len(done)))
        done.append(engine.generate(request))
        span_s = done[-1].finished_s - done[0].started_s
    window = meter.window(done[0].started_s, done[-1].finished_s)
    busy_s = sum(generation.prefill_s for generation in done)
    if window.energy_j is not None and busy_s < FEWEST_BUSY_SHARE * span_s:
        idle = f"the engine worked only {busy_s / span_s:.0%} of a window of short prefills"
        window = Window(None, window.samples, idle)
    return Repeated(tuple(done), Metered(window, span_s, meter))
