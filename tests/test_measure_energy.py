"""Energy of phases: split by their windows, and of short prefills back to back."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.measuring import ClockworkEngine, RampMeter, Ticking, Workshop
from token2metrics.measure.energy import needed_s, repeat_prefill
from token2metrics.measure.engines.engine import Generation, GenerationRequest
from token2metrics.measure.plan import Point
from token2metrics.measure.schedule import StopRule
from token2metrics.measure.session import BURSTS_PER_LENGTH
from token2metrics.power.meter import FEWEST_BUSY_SAMPLES

RULE = StopRule(most_repeats=4, target_share=0.0, confidence=0.9)
LONG = Point(2_000, 101)
SHORT = Point(64, 2)


def measured(tmp_path: Path, meter: RampMeter, *points: Point) -> tuple[Workshop, pl.DataFrame]:
    """Run a campaign with a meter."""
    shop = Workshop(tmp_path / "rows.parquet", points=points, meter=meter, rule=RULE)
    shop.run(ClockworkEngine(shop.clock))
    return shop, pl.read_parquet(shop.output)


def test_phases_split_the_energy_of_a_request(tmp_path: Path) -> None:
    """Each phase gets its own window, and together they are the request's."""
    meter = RampMeter(period_s=0.1, offset_w=3.0, slope_w_per_s=0.5)
    shop, table = measured(tmp_path, meter, LONG)
    assert table.height == 8
    for prefill, decode in zip(
        table.filter(pl.col("phase") == "prefill").iter_rows(named=True),
        table.filter(pl.col("phase") == "decode").iter_rows(named=True),
        strict=True,
    ):
        assert prefill["energy_window_s"] == pytest.approx(2.0)
        assert decode["energy_window_s"] == pytest.approx(2.0)
        assert prefill["energy_samples"] in (19, 20, 21)
        assert decode["energy_j"] - prefill["energy_j"] == pytest.approx(0.5 * 2.0 * 2.0)
        assert (prefill["power_rail"], prefill["power_scope"]) == ("VDD_IN", "module")
    phases = meter.windows[1:-1]
    whole = sum(meter.energy_j(*window) for window in phases)
    assert table["energy_j"].sum() == pytest.approx(whole)
    assert meter.windows[0][1] - meter.windows[0][0] == 2.0
    assert len(phases) == 8
    assert shop.notes.visits[0].records[0].note is None


def test_a_window_with_few_readings_has_no_energy_and_says_so(tmp_path: Path) -> None:
    """Never idle power as if it were load: the row keeps its latency alone."""
    _, table = measured(tmp_path, RampMeter(period_s=0.1), SHORT)
    singles = table.filter(pl.col("repeats") == 1)
    assert singles.height == 8
    assert singles["energy_j"].null_count() == 8
    assert set(singles["power_rail"]) == {"VDD_IN"}
    assert max(singles["energy_samples"]) < FEWEST_BUSY_SAMPLES
    assert set(singles["note"].str.starts_with("no energy: only")) == {True}


def test_short_prefills_are_repeated_back_to_back(tmp_path: Path) -> None:
    """A few bursts per length fill the meter's window, and each prefill gets its share."""
    meter = RampMeter(period_s=0.1, offset_w=7.0)
    _, table = measured(tmp_path, meter, SHORT, Point(64, 5), LONG)
    bursts = table.filter(pl.col("repeats") > 1)
    assert bursts.height == BURSTS_PER_LENGTH
    assert bursts["phase"].unique().to_list() == ["prefill"]
    assert bursts["input_tokens"].unique().to_list() == [64]
    count = -(-needed_s(meter) // 0.064)
    assert bursts["repeats"].to_list() == [count] * BURSTS_PER_LENGTH
    assert bursts["latency_s"].to_list() == pytest.approx([0.064] * BURSTS_PER_LENGTH)
    assert bursts["energy_j"].to_list() == pytest.approx([7.0 * 0.064] * BURSTS_PER_LENGTH)
    assert bursts["energy_window_s"].to_list() == pytest.approx([0.064] * BURSTS_PER_LENGTH)
    assert bursts["energy_samples"].null_count() == BURSTS_PER_LENGTH
    for note in bursts["note"]:
        prefills, readings = map(int, re.findall(r"\d+", note))
        assert note == f"energy of {prefills} prefills back to back by {readings} readings"
        assert prefills == count
        assert readings >= FEWEST_BUSY_SAMPLES
    single = table.filter(pl.col("input_tokens") == LONG.input_tokens)
    assert min(single["energy_samples"]) >= FEWEST_BUSY_SAMPLES


@given(st.floats(0.0, 2.0))
def test_a_burst_with_waiting_has_no_energy(waiting: float) -> None:
    """Where a client keeps the engine idle, the window would be of idle power in part."""

    class Distant(ClockworkEngine):
        """Is reached over a slow network."""

        def generate(self, request: GenerationRequest) -> Generation:
            """Answer late."""
            done = super().generate(request)
            self._clock.pass_s(waiting * done.prefill_s)
            return done

    meter = RampMeter(period_s=0.1)
    repeated = repeat_prefill(Distant(Ticking()), meter, 64, lambda rank: rank)
    busy = sum(one.prefill_s for one in repeated.generations)
    is_busy = busy >= 0.8 * repeated.metered.span_s
    assert (repeated.metered.window.energy_j is not None) is is_busy
    assert is_busy or "worked only" in (repeated.metered.window.why_not or "")
    assert is_busy or waiting > 0.25


def test_idle_power_is_metered_before_and_after(tmp_path: Path) -> None:
    """The report has both, and a run without a meter has neither."""
    meter = RampMeter(period_s=0.1, offset_w=4.0)
    shop = Workshop(tmp_path / "rows.parquet", points=(LONG,), meter=meter, rule=RULE)
    report = shop.run(ClockworkEngine(shop.clock))
    assert [idle.when for idle in report.idle] == ["before", "after"]
    assert [idle.power_w for idle in report.idle] == pytest.approx([4.0, 4.0])
    assert report.energy_rows == report.rows == 8
    assert [point.energy_rows for point in report.points] == [4, 4]
    bare = Workshop(tmp_path / "bare.parquet", rule=RULE)
    plain = bare.run(ClockworkEngine(bare.clock))
    assert (plain.idle, plain.energy_rows) == ((), 0)
    assert needed_s(None) == 0


def test_bursts_are_resumed_too(tmp_path: Path) -> None:
    """A later run does not repeat the bursts of an earlier one."""
    meter = RampMeter(period_s=0.1)
    shop = Workshop(tmp_path / "rows.parquet", points=(SHORT,), meter=meter, rule=RULE)
    for budget_s in (2.5, None):
        shop.budget_s = budget_s
        shop.run(ClockworkEngine(shop.clock))
    table = pl.read_parquet(shop.output)
    assert table.filter(pl.col("repeats") > 1).height == BURSTS_PER_LENGTH
    assert table.filter(pl.col("repeats") == 1).height == 8
