"""Plans, and the order in which a run visits their points."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from token2metrics.errors import ConfigurationError, DataError
from token2metrics.measure.confidence import median_interval
from token2metrics.measure.designed_plan import limits_within
from token2metrics.measure.plan import (
    AUTO,
    Point,
    auto_plan,
    build_plan,
    fitting_prompt,
    read_plan,
)
from token2metrics.measure.schedule import StopRule, next_visit
from token2metrics.vocabulary import Phase

lengths = st.integers(1, 5_000)
points = st.builds(Point, lengths, lengths)
RULE = StopRule(most_repeats=8, target_share=0.05, confidence=0.9)
SEED = 3


def test_the_automatic_plan_has_edges_ends_and_depths() -> None:
    """Tile edges with both neighbours, both ends, and decodes at three depths."""
    plan = auto_plan(2_048, 128)
    prefills = {point.input_tokens for point in plan if point.output_tokens == 1}
    assert {1, 63, 64, 65, 127, 128, 129, 256, 512, 1_024, 2_048} == prefills
    decodes = {point for point in plan if point.output_tokens > 1}
    assert {point.input_tokens for point in decodes} == {1, 1_024, 2_048}
    assert {point.output_tokens for point in decodes} == {42, 128}


@given(lengths, lengths)
def test_the_automatic_plan_stays_in_its_range(longest_input: int, longest_output: int) -> None:
    """No point is beyond the limits or comes twice, and both limits are reached."""
    plan = auto_plan(longest_input, longest_output)
    assert len(set(plan)) == len(plan)
    assert max(point.input_tokens for point in plan) == longest_input
    assert max(point.output_tokens for point in plan) == longest_output
    assert min(min(point.input_tokens, point.output_tokens) for point in plan) == 1


@given(lengths, lengths, st.integers(2, 20_000))
def test_the_automatic_plan_keeps_to_the_context(
    longest_input: int, longest_output: int, context: int
) -> None:
    """Every request fits, as far as one token of prompt beside the answer does."""
    plan = build_plan(AUTO, longest_input, longest_output, context)
    assert max(point.tokens for point in plan) <= max(context, 1 + longest_output)
    prompts = [point.input_tokens for point in plan]
    assert max(prompts) == fitting_prompt(longest_input, longest_output, context)
    assert 1 <= max(prompts) <= longest_input
    if longest_input + longest_output <= context:
        assert plan == auto_plan(longest_input, longest_output)
    elif longest_output < context:
        assert max(point.tokens for point in plan) == context


def test_a_shorter_plan_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """With the numbers, and only where it is shorter; a plan of a file is as it is."""
    (tmp_path / "grid.csv").write_text("input_tokens,output_tokens\n900,9\n")
    assert build_plan(str(tmp_path / "grid.csv"), 1, 1, 100) == (Point(900, 9),)
    assert build_plan(AUTO, 100, 28, 128) == auto_plan(100, 28)
    assert limits_within(100, 28, None) == limits_within(100, 28, 128) == limits_within(100, 28)
    assert caplog.text == ""
    assert limits_within(200, 28, 128) == limits_within(100, 28)
    assert "up to 100 tokens instead of 200: the engine's context of 128" in caplog.text


def test_a_file_is_read_by_its_column_names(tmp_path: Path) -> None:
    """Columns may come in any order beside others; blank lines and repeats are passed over."""
    file = tmp_path / "grid.csv"
    file.write_text("\ufeffnote, output_tokens,input_tokens\na,1,64\n\nb, 8 ,65\nc,1,64\n")
    assert build_plan(str(file), 1, 1) == (Point(64, 1), Point(65, 8))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "expected the columns input_tokens, output_tokens"),
        ("input_tokens\n5\n", "add output_tokens"),
        ("prompt,answer\n5,6\n", "got prompt, answer; add input_tokens and output_tokens"),
        ("input_tokens,output_tokens\n", "at least one point"),
        ("input_tokens,output_tokens\n5\n", "output_tokens in line 2"),
        ("input_tokens,output_tokens\n5,6\n7,-1\n", "output_tokens in line 3"),
        ("input_tokens,output_tokens\n0,6\n", "between 1 and 10000000, got '0'"),
        ("input_tokens,output_tokens\n1.5,6\n", "got '1.5'"),
        ("input_tokens,output_tokens\n99999999999,6\n", "got '99999999999'"),
        ("input_tokens,output_tokens\n٣,6\n", "whole number"),
    ],
)
def test_a_wrong_plan_is_refused(tmp_path: Path, content: str, words: str) -> None:
    """The message names the file, the line and what was found."""
    file = tmp_path / "grid.csv"
    file.write_text(content)
    with pytest.raises(DataError, match=words):
        read_plan(file)


def test_a_missing_plan_and_wrong_limits_are_refused(tmp_path: Path) -> None:
    """The message says what to give instead."""
    with pytest.raises(DataError, match="--plan auto"):
        read_plan(tmp_path / "nowhere.csv")
    (tmp_path / "grid.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="grid"):
        read_plan(tmp_path / "grid.csv")
    with pytest.raises(ConfigurationError, match="--max-output-tokens between 1 and"):
        build_plan(AUTO, 5, 0)


@given(st.lists(points, min_size=1, max_size=6, unique=True), st.integers(1, 4), st.integers(0, 9))
def test_every_round_visits_every_open_point_once(
    plan: list[Point], rounds: int, seed: int
) -> None:
    """Repeats of all points grow together, and a finished run has nothing left."""
    repeats: Counter[Point] = Counter()
    for done in range(rounds * len(plan)):
        visit = next_visit(plan, repeats, (), seed)
        assert visit is not None
        assert visit.repeat == repeats[visit.point] == done // len(plan)
        assert visit == next_visit(plan, dict(repeats), (), seed)
        repeats[visit.point] += 1
    assert set(repeats.values()) == {rounds}
    assert next_visit(plan, repeats, plan, seed) is None


def test_orders_are_drawn_anew() -> None:
    """Rounds and seeds differ in their order."""
    plan = [Point(length, 1) for length in range(1, 30)]

    def order(seed: int, repeat: int) -> list[Point]:
        counts = dict.fromkeys(plan, repeat)
        found: list[Point] = []
        while (visit := next_visit(plan, counts, found, seed)) is not None:
            found.append(visit.point)
        return found

    orders = [order(0, 0), order(0, 1), order(1, 0)]
    assert all(sorted(one) == plan for one in orders)
    assert len({tuple(one) for one in orders}) == len(orders)


@given(
    st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=40),
    st.sampled_from([0.5, 0.8, 0.9, 0.95]),
)
def test_the_interval_of_a_median_consists_of_repeats(
    values: list[float], confidence: float
) -> None:
    """Its bounds are repeats around the median, and few repeats have none."""
    found = median_interval(values, confidence)
    assert found.median == float(np.median(values))
    if found.low is None or found.high is None:
        assert found.share is None
        assert len(values) < 5 or confidence > 0.9
    else:
        assert {found.low, found.high} <= set(values)
        assert found.low <= found.median <= found.high


def test_the_interval_of_a_median_covers_it_as_often_as_it_says() -> None:
    """Of 400 samples of a skewed distribution at least nine in ten intervals hold the median."""
    rng = np.random.default_rng(SEED)
    truth = float(np.exp(0.0))
    held = 0
    for _ in range(400):
        found = median_interval(list(rng.lognormal(0.0, 1.0, 11)), 0.9)
        held += found.low is not None and found.low <= truth <= (found.high or 0.0)
    assert held >= 360


def test_a_point_is_settled_by_narrow_intervals_or_by_many_repeats() -> None:
    """Every phase must be known well, and five repeats are the fewest that tell."""
    narrow, wide = [1.0, 1.01, 1.02, 1.03, 1.04], [1.0, 1.5, 2.0, 2.5, 3.0]
    assert RULE.is_settled({Phase.PREFILL: narrow})
    assert not RULE.is_settled({Phase.PREFILL: narrow[:4]})
    assert not RULE.is_settled({Phase.PREFILL: narrow, Phase.DECODE: wide})
    assert RULE.is_settled({Phase.PREFILL: wide + wide[:3]})
    assert not RULE.is_settled({})
