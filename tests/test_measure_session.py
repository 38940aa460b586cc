"""A run on clockwork: budgets, interruptions, resuming, and what it finds wrong."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.measuring import EPOCH_S, POINTS, ClockworkEngine, Workshop
from token2metrics.errors import DataError
from token2metrics.measure.checks import (
    CACHED_PROMPT,
    INPUT_COUNT_DIFFERS,
    OUTPUT_COUNT_DIFFERS,
    SLOW_CLIENT,
    STOPPED_EARLY,
    UNCERTAIN_FIRST_TOKEN,
    check,
    client_to_server,
)
from token2metrics.measure.drift import is_throttling
from token2metrics.measure.ending import Stop
from token2metrics.measure.engines.engine import (
    EngineLostError,
    EngineRefusedError,
    Generation,
    GenerationRequest,
)
from token2metrics.measure.plan import Point
from token2metrics.measure.schedule import StopRule
from token2metrics.records import Clock

EVERY_REPEAT = StopRule(most_repeats=3, target_share=0.0, confidence=0.9)
WARM_UPS = 2

GENERATION = Generation(
    input_tokens=64,
    cached_tokens=0,
    output_tokens=11,
    prefill_s=1.0,
    decode_s=1.0,
    clock=Clock.SERVER,
    client_ttft_s=1.01,
    client_total_s=2.02,
    started_s=0.0,
    first_token_s=1.01,
    finished_s=2.02,
    finish_reason="limit",
)


def rows(output: Path) -> pl.DataFrame:
    """Read a table."""
    return pl.read_parquet(output)


def test_a_steady_engine_is_settled_at_once(tmp_path: Path) -> None:
    """Five equal repeats tell the median, and the rows are exact."""
    shop = Workshop(tmp_path / "rows.parquet")
    engine = ClockworkEngine(shop.clock)
    report = shop.run(engine)
    assert (report.stopped, report.settled, report.message) == (Stop.FINISHED, 3, None)
    assert len(engine.requests) == WARM_UPS + 15
    assert len({request.seed for request in engine.requests}) == WARM_UPS + 15
    table = rows(shop.output)
    assert table.height == report.rows == 15 + 10
    prefill = table.filter(pl.col("phase") == "prefill")
    decode = table.filter(pl.col("phase") == "decode")
    assert (prefill["latency_s"] - 0.001 * prefill["input_tokens"]).abs().max() == pytest.approx(0)
    assert prefill["output_tokens"].unique().to_list() == [1]
    steps = decode["output_tokens"] - 1
    assert (decode["latency_s"] - 0.02 * steps).abs().max() == pytest.approx(0)
    assert sorted(decode["output_tokens"].unique()) == [8, 32]
    assert table["started_at_s"].min() == pytest.approx(EPOCH_S + 0.65)
    assert table["quality_flags"].null_count() == table.height
    assert [point.repeats for point in report.points] == [5] * 5
    assert report.points[0].low_s == report.points[0].high_s == report.points[0].median_s
    assert report.client_overhead_s == 0


def test_rounds_go_over_all_points(tmp_path: Path) -> None:
    """Repeats of a point are spread over the run, each counted once."""
    shop = Workshop(tmp_path / "rows.parquet", rule=EVERY_REPEAT)
    shop.run(ClockworkEngine(shop.clock))
    visits = [(visit.repeat, visit.point) for visit in shop.notes.visits]
    assert [repeat for repeat, _ in visits] == [0] * 3 + [1] * 3 + [2] * 3
    assert sorted(visits) == [(repeat, point) for repeat in range(3) for point in POINTS]
    assert shop.notes.left_s[-1] == 0
    known = shop.notes.left_s[2:]
    assert known == sorted(known, reverse=True)


def test_a_budget_ends_a_run_and_the_next_one_goes_on(tmp_path: Path) -> None:
    """No request is sent after the budget, and another run gets its own."""
    shop = Workshop(tmp_path / "rows.parquet", rule=EVERY_REPEAT, budget_s=3.0)
    first = shop.run(ClockworkEngine(shop.clock))
    assert first.stopped is Stop.OUT_OF_TIME
    assert 3.0 <= first.seconds < 3.0 + 0.5 + 0.62
    assert 0 < first.rows < 15
    shop.budget_s = None
    second = shop.run(ClockworkEngine(shop.clock))
    assert (second.stopped, second.rows) == (Stop.FINISHED, 15)


@given(st.integers(0, 12), st.sampled_from([KeyboardInterrupt(), EngineLostError("gone")]))
def test_a_run_resumes_wherever_it_stopped(
    tmp_path_factory: pytest.TempPathFactory, succeeding: int, failure: BaseException
) -> None:
    """After Ctrl-C or a lost engine nothing is lost and nothing is measured twice."""
    shop = Workshop(tmp_path_factory.mktemp("runs") / "rows.parquet", rule=EVERY_REPEAT)
    failures = [*[None] * succeeding, failure]
    first = shop.run(ClockworkEngine(shop.clock, failures=failures))
    kept = rows(shop.output)
    finished = max(0, succeeding - WARM_UPS) if succeeding < WARM_UPS + 9 else 9
    assert len(shop.notes.visits) == finished
    if succeeding < WARM_UPS + 9:
        expected = Stop.INTERRUPTED if isinstance(failure, KeyboardInterrupt) else Stop.ENGINE_LOST
        assert first.stopped is expected
    again = shop.run(ClockworkEngine(shop.clock))
    assert again.stopped is Stop.FINISHED
    counts = Counter((visit.point, visit.repeat) for visit in shop.notes.visits)
    assert set(counts.values()) == {1}
    assert len(counts) == 9
    assert rows(shop.output).head(kept.height).equals(kept)
    assert rows(shop.output).height == 15


def test_no_run_repeats_a_prompt(tmp_path: Path) -> None:
    """A server may still have the prompts of an earlier run in its cache."""
    shop = Workshop(tmp_path / "rows.parquet", rule=EVERY_REPEAT, budget_s=3.0)
    runs = [ClockworkEngine(shop.clock), ClockworkEngine(shop.clock)]
    for engine in runs:
        shop.run(engine)
    seeds = [request.seed for engine in runs for request in engine.requests]
    assert len(set(seeds)) == len(seeds)


def test_a_finished_campaign_is_not_measured_again(tmp_path: Path) -> None:
    """The same command then sends nothing, and writes the same table."""
    shop = Workshop(tmp_path / "rows.parquet", rule=EVERY_REPEAT)
    shop.run(ClockworkEngine(shop.clock))
    before = shop.output.read_bytes()
    engine = ClockworkEngine(shop.clock)
    assert shop.run(engine).stopped is Stop.FINISHED
    assert engine.requests == []
    assert shop.output.read_bytes() == before


def test_what_an_engine_refuses_is_set_aside(tmp_path: Path) -> None:
    """A refused point has no rows and a reason, and the others are measured."""
    shop = Workshop(tmp_path / "rows.parquet", rule=EVERY_REPEAT)
    refusal = EngineRefusedError("too long")
    engine = ClockworkEngine(shop.clock, failures=[refusal, None, refusal])
    engine.context_tokens = 100
    report = shop.run(engine)
    assert report.stopped is Stop.FINISHED
    reasons = {(r.input_tokens, r.reason) for r in report.refusals}
    assert (500, "532 tokens exceed its context of 100") in reasons
    assert len(reasons) == 2
    assert report.settled == 3


def test_an_unknown_table_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    """The ending is looked at first."""
    shop = Workshop(tmp_path / "rows.xlsx")
    engine = ClockworkEngine(shop.clock)
    with pytest.raises(DataError, match=r"rows\.xlsx"):
        shop.run(engine)
    assert engine.requests == []
    assert list(tmp_path.iterdir()) == []


def test_a_drift_with_heat_is_throttling(tmp_path: Path) -> None:
    """A device that slows down while it heats up is found out, a steady one is not."""
    rule = StopRule(most_repeats=8, target_share=0.0, confidence=0.9)
    hot = Workshop(tmp_path / "hot.parquet", rule=rule, temperature_c=lambda now_s: 40.0 + now_s)
    report = hot.run(ClockworkEngine(hot.clock, lambda now_s: 1.0 + 0.02 * now_s))
    assert [trend.notable for trend in report.trends] == [True, True]
    slower = 100 * (0.02 * hot.clock.seconds) / (1 + 0.02 * 0.65)
    assert report.trends[0].change_percent == pytest.approx(slower, rel=0.15)
    assert report.throttling
    assert report.temperature is not None
    assert report.temperature.highest_c == report.temperature.last_c > report.temperature.first_c
    steady = Workshop(tmp_path / "steady.parquet", rule=rule)
    calm = steady.run(ClockworkEngine(steady.clock))
    assert (calm.trends, calm.temperature, calm.throttling) == ((), None, False)
    assert not is_throttling(report.trends, None)


@pytest.mark.parametrize(
    ("changes", "flag", "note"),
    [
        ({"input_tokens": 65}, INPUT_COUNT_DIFFERS, "asked for 64 prompt tokens"),
        ({"output_tokens": 10}, OUTPUT_COUNT_DIFFERS, "the engine counted 10"),
        ({"cached_tokens": 7}, CACHED_PROMPT, "7 prompt tokens came from a cache"),
        ({"finish_reason": "stop"}, STOPPED_EARLY, "'stop'"),
        ({"client_total_s": 2.31}, SLOW_CLIENT, "1.30 times"),
        ({"note": "merged"}, UNCERTAIN_FIRST_TOKEN, "merged"),
    ],
)
def test_each_defect_of_an_answer_is_found(changes: dict[str, Any], flag: str, note: str) -> None:
    """A word for the table, and a sentence with the numbers."""
    spoilt = replace(GENERATION, **changes)
    findings = check(Point(64, 11), spoilt)
    assert [finding.flag for finding in findings] == [flag]
    assert note in findings[0].note


def test_a_sound_answer_has_no_findings() -> None:
    """A few percent between client and server, and a cached begin of prompts, are usual."""
    assert check(Point(64, 11), GENERATION) == ()
    assert check(Point(64, 11), replace(GENERATION, cached_tokens=6)) == ()
    assert client_to_server(GENERATION) == pytest.approx(1.01)
    for unknown in (
        replace(GENERATION, client_ttft_s=None),
        replace(GENERATION, clock=Clock.CLIENT),
        replace(GENERATION, output_tokens=5),
    ):
        assert client_to_server(unknown) is None
    assert replace(GENERATION, clock=Clock.CLIENT).client_overhead_s is None


def test_findings_are_in_the_rows(tmp_path: Path) -> None:
    """Flags and notes of an answer are those of its rows, a cache's of the prefill alone."""

    class Cached(ClockworkEngine):
        """Finds part of each prompt in a cache."""

        def generate(self, request: GenerationRequest) -> Generation:
            """Answer from the cache."""
            return replace(super().generate(request), cached_tokens=7, finish_reason="stop")

    shop = Workshop(tmp_path / "rows.parquet", points=(Point(64, 8),), rule=EVERY_REPEAT)
    report = shop.run(Cached(shop.clock))
    assert report.flags == {CACHED_PROMPT: 3, STOPPED_EARLY: 6}
    table = rows(shop.output)
    prefill, decode = table.partition_by("phase", maintain_order=True)
    assert prefill["quality_flags"].unique().to_list() == [f"{CACHED_PROMPT} {STOPPED_EARLY}"]
    assert decode["quality_flags"].unique().to_list() == [STOPPED_EARLY]
    assert "7 prompt tokens came from a cache; generation" in prefill["note"][0]
    assert table["cached_tokens"].to_list() == [7] * 6
