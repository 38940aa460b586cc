"""Energies from power logs: joined by time of day, exact where they can be, refused where not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from token2metrics.ingest.join_power import (
    LOCAL_CLOCK,
    NO_START,
    NO_TRACE,
    OUTSIDE,
    RELATIVE_CLOCK,
    Joined,
    join_power,
)
from token2metrics.power.logs import ClockKind, PowerLog
from token2metrics.power.trace import PowerTrace
from token2metrics.records import PowerScope, Record
from token2metrics.vocabulary import Phase

START_S = 1_790_000_000.0
PERIOD_S = 0.1
READINGS = 101
IDLE_W, RISE_W_PER_S = 10.0, 2.0


def log(clock: ClockKind = ClockKind.EPOCH, with_trace: bool = True) -> PowerLog:
    """Return ten seconds of power that rises from 10 W to 30 W."""
    readings = [
        (START_S + n * PERIOD_S, IDLE_W + RISE_W_PER_S * n * PERIOD_S) for n in range(READINGS)
    ]
    return PowerLog(
        source="power.csv",
        format="test",
        clock=clock,
        rail="VDD_IN",
        scope=PowerScope.MODULE,
        total=PowerTrace(readings) if with_trace else None,
        temperatures=((START_S + 2.0, 48.5), (START_S + 9.5, 60.0)),
    )


def decode(started_s: float | None, latency_s: float = 2.0) -> Record:
    """Return a decode that began some seconds after the log."""
    return Record(
        phase=Phase.DECODE,
        input_tokens=64,
        output_tokens=16,
        latency_s=latency_s,
        started_at_s=None if started_s is None else START_S + started_s,
    )


def test_a_phase_gets_its_energy() -> None:
    """Joules, readings, rail, scope and temperature are those of the phase's own window."""
    (found,), joined = join_power([decode(1.0)], [log()])
    assert found.energy_j == pytest.approx(2.0 * (IDLE_W + RISE_W_PER_S * 2.0), rel=1e-9)
    assert found.energy_window_s == 2.0
    assert found.energy_samples is not None
    assert found.energy_samples >= 20
    assert (found.power_rail, found.power_scope) == ("VDD_IN", PowerScope.MODULE)
    assert found.temperature_c == 48.5
    assert found.note is None
    assert joined == Joined(1, {})


@given(st.floats(0.0, 4.0), st.floats(1.0, 5.0))
def test_energy_of_rising_power_is_exact(started_s: float, latency_s: float) -> None:
    """The trapezoid rule is exact where power is linear, wherever a window lies."""
    (found,), _ = join_power([decode(started_s, latency_s)], [log()])
    middle_w = IDLE_W + RISE_W_PER_S * (started_s + latency_s / 2)
    assert found.energy_j == pytest.approx(latency_s * middle_w, rel=1e-6)


@pytest.mark.parametrize(
    ("record", "power_log", "words"),
    [
        (decode(None), log(), NO_START),
        (decode(1.0), log(ClockKind.LOCAL), LOCAL_CLOCK),
        (decode(1.0), log(ClockKind.RELATIVE), RELATIVE_CLOCK),
        (decode(1.0), log(with_trace=False), NO_TRACE),
        (decode(1.0), log(ClockKind.RELATIVE, with_trace=False), NO_TRACE),
        (decode(1.0, latency_s=0.05), log(), "power readings in 0.050 s"),
        (decode(9.0), log(), "after the last reading"),
        (decode(-1.0), log(), "before the first reading"),
    ],
)
def test_no_energy_is_better_than_a_wrong_one(
    record: Record, power_log: PowerLog, words: str
) -> None:
    """A phase that a log does not cover has no energy, and its note says why."""
    (found,), joined = join_power([record], [power_log])
    assert found.energy_j is None
    assert found.power_rail is None
    assert words in (found.note or "")
    assert joined.with_energy == 0
    assert sum(joined.without.values()) == 1


def test_the_log_that_covers_a_phase_gives_its_energy() -> None:
    """Several logs may each cover a part of a campaign; what is metered already stays."""
    (found,), _ = join_power([decode(1.0)], [log(ClockKind.RELATIVE), log()])
    assert found.energy_j is not None
    (again,), joined = join_power([found], [log()])
    assert again == found
    assert joined.with_energy == 1
    (bare,), _ = join_power([decode(1.0)], [])
    assert bare.note == OUTSIDE
