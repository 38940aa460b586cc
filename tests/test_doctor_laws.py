"""Laws of the data doctor: sound tables stay whole, and rules do not depend on order or scale."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from tests.doctoring import Row, as_table, sound_rows
from token2metrics.columns import ROW
from token2metrics.doctor.cold import COLD
from token2metrics.doctor.examine import examine
from token2metrics.doctor.roster import RULES
from token2metrics.doctor.severity import Severity

NOISE = 0.05
TABLES = 6
MOST_FLAGGED_SHARE = 0.01
LENGTHS = st.lists(st.integers(2, 8_000), min_size=5, max_size=12, unique=True)
ANSWERS = st.lists(st.integers(2, 4_000), min_size=2, max_size=6, unique=True)
SEEDS = st.integers(0, 2**32 - 1 - TABLES)
SPOILT = st.sampled_from((0.0005, 0.3, 1.0, 3.0, 40.0))


def flagged(rows: list[Row]) -> set[int]:
    """Return the numbers of the rows that a warning or an error names."""
    return {
        number
        for one in examine(as_table(rows))
        if one.rule.severity is not Severity.NOTE
        for number in one.findings.get_column(ROW)
    }


@given(LENGTHS, ANSWERS, SEEDS, st.sampled_from((0.01, 0.1, 1.0)))
def test_few_good_rows_are_flagged(
    prompts: list[int], answers: list[int], seed: int, scale: float
) -> None:
    """Of sound tables with 5 % of noise at most one row in a hundred is flagged."""
    count, rows = 0, 0
    for further in range(TABLES):
        table = sound_rows(NOISE, seed + further, prompts, answers, scale)
        count += len(flagged(table))
        rows += len(table)
    assert count <= MOST_FLAGGED_SHARE * rows


@given(SEEDS, st.lists(SPOILT, min_size=117, max_size=117))
def test_the_order_of_the_rows_matters_to_the_cold_rule_alone(
    seed: int, factors: list[float]
) -> None:
    """Every other rule names the same rows of a shuffled table, wherever they went."""
    rows = sound_rows(NOISE, seed)
    for row, factor in zip(rows, factors, strict=True):
        row["latency_s"] *= factor
    places = np.random.default_rng(seed).permutation(len(rows))
    shuffled = [rows[place] for place in places]
    others = [rule for rule in RULES if rule is not COLD]
    before, after = (
        {
            one.rule.name: set(one.findings.get_column(ROW).to_list())
            for one in examine(as_table(table), others)
        }
        for table in (rows, shuffled)
    )
    moved = {name: {int(places[row - 1]) + 1 for row in found} for name, found in after.items()}
    assert before == moved


@given(SEEDS, st.integers(0, 8), st.floats(3.0, 100.0))
def test_evidence_points_to_the_row(seed: int, place: int, factor: float) -> None:
    """The outlier among repeats is named by its number in the file."""
    repeats = [row for n in range(9) for row in sound_rows(NOISE, seed + n, (640 + 7,), ())]
    repeats[place]["latency_s"] *= factor
    repeats[place]["energy_j"] *= factor
    outliers = [one for one in examine(as_table(repeats)) if one.rule.name == "single outlier"]
    numbers = pl.concat(one.findings for one in outliers).get_column(ROW)
    assert numbers.to_list() == [place + 1]
