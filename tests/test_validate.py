"""Bad rows are rejected for the right reason, and never cost a good one."""

import time
from collections.abc import Mapping

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from token2metrics.columns import Measurement
from token2metrics.config import DataConfig
from token2metrics.errors import DataError
from token2metrics.processors.pipeline import prepare
from token2metrics.processors.validate import validate

EDGE = "jetson-agx-orin-64gb"
GOOD: Mapping[str, str | None] = {
    "device": EDGE,
    "power_mode": "maxn",
    "runtime": "vllm",
    "precision": "bf16",
    "model": "dsr1-qwen-1.5b",
    "phase": "decode",
    "input_tokens": "128",
    "output_tokens": "64",
    "parallel": "1",
    "latency_s": "1.5",
    "energy_j": "30.0",
    "energy_window_s": "1.6",
    "energy_samples": None,
    "power_rail": "VDD_GPU_SOC",
    "power_w": None,
    "repeats": None,
    "repeat": None,
    "started_at_s": None,
    "quality_flags": None,
    "question": None,
    "source": "a paper",
    "phases_s": None,
    "stated_total_s": None,
}
MILLION = 1_000_000
PATIENCE_S = 15.0

BAD: tuple[tuple[dict[str, str | None], str], ...] = (
    ({"device": " "}, "expected device to be named, got nothing"),
    ({"model": None}, "expected model to be named, got nothing"),
    ({"phase": "warm"}, "expected phase to be one of prefill, decode, request, got 'warm'"),
    ({"phase": None}, "expected phase to be one of prefill, decode, request, got nothing"),
    ({"latency_s": "abc"}, "expected latency_s to be a number, got 'abc'"),
    ({"latency_s": None}, "expected latency_s to be a number, got nothing"),
    ({"latency_s": "1,5"}, "expected latency_s to be a number, got '1,5'"),
    ({"latency_s": "NaN"}, "expected latency_s to be finite, got 'NaN'"),
    ({"latency_s": "inf"}, "expected latency_s to be finite, got 'inf'"),
    ({"latency_s": "0"}, "expected latency_s to be above 0, got '0'"),
    ({"latency_s": "-1"}, "expected latency_s to be above 0, got '-1'"),
    (
        {"latency_s": "86401", "energy_j": None},
        "expected latency_s to be at most 86400 seconds, got '86401'; is it in milliseconds?",
    ),
    ({"input_tokens": "-3"}, "expected input_tokens to be between 0 and 10000000, got '-3'"),
    ({"input_tokens": "3.5"}, "expected input_tokens to be a whole number, got '3.5'"),
    ({"input_tokens": "1e9"}, "expected input_tokens to be between 0 and 10000000, got '1e9'"),
    ({"input_tokens": "inf"}, "expected input_tokens to be finite, got 'inf'"),
    ({"output_tokens": "many"}, "expected output_tokens to be a number, got 'many'"),
    (
        {"output_tokens": "0"},
        "expected output_tokens to be at least 1 in a decode or request, got '0'; "
        "was it cut off?",
    ),
    (
        {"output_tokens": "1", "latency_s": "0"},
        "a decode of one output token takes no step, so there is nothing to learn from",
    ),
    ({"parallel": "0"}, "expected parallel to be at least 1, got '0'"),
    ({"parallel": "1.5"}, "expected parallel to be a whole number, got '1.5'"),
    ({"repeats": "0"}, "expected repeats to be at least 1, got '0'"),
    ({"quality_flags": "fine; Latency_Outlier"}, "the row is flagged 'latency_outlier'"),
    ({"quality_flags": "smoke,other"}, "the row is flagged 'smoke'"),
    (
        {"input_tokens": None, "question": "Who?"},
        "input_tokens is unknown: the question is not in the server workbook",
    ),
    (
        {"phases_s": "2.0", "stated_total_s": "1.5"},
        "expected prefill and decode to fit into inference_time, got a sum in seconds of '2.0'; "
        "are prefill and decode in milliseconds, and inference_time in seconds?",
    ),
)


BAD_ENERGY: tuple[tuple[dict[str, str | None], str], ...] = (
    ({"energy_j": "0"}, "energy_j is not above 0"),
    ({"energy_j": "-1"}, "energy_j is not above 0"),
    ({"energy_j": "nan"}, "energy_j is not finite"),
    ({"energy_j": "much"}, "energy_j is not a number"),
    ({"energy_window_s": "0"}, "energy_window_s is not above 0"),
    ({"energy_window_s": "long"}, "energy_window_s is not a number"),
    ({"energy_window_s": "1.3"}, "energy_window_s is not as long as latency_s"),
    ({"energy_samples": "0"}, "energy_samples is not above 0"),
    ({"energy_samples": "-2"}, "energy_samples is not above 0"),
    ({"energy_samples": "0.5"}, "energy_samples is not at least 1"),
    ({"energy_samples": "several"}, "energy_samples is not a number"),
    ({"energy_samples": "inf"}, "energy_samples is not finite"),
    ({"energy_j": "40000", "energy_window_s": None}, "implausible mean power"),
    ({"energy_j": "0.0008", "energy_window_s": None}, "implausible mean power"),
    ({"energy_j": None, "power_w": "-5"}, "power_w is not above 0"),
    ({"quality_flags": "power_is_idle_only"}, "the meter saw idle power only"),
)
"""Changes that spoil the energy of a row, and the reason its energy is not used."""


def table(*rows: Mapping[str, str | None]) -> pl.LazyFrame:
    """Build a table as loaded from one file."""
    frame = pl.LazyFrame(list(rows), schema=dict.fromkeys(GOOD, pl.String))
    return frame.with_row_index("row", 1).with_columns(file=pl.lit("a.csv"))


def accepted(*rows: Mapping[str, str | None]) -> pl.DataFrame:
    """Collect the accepted rows."""
    return validate(table(*rows)).accepted.collect()


@pytest.mark.parametrize(("change", "reason"), BAD)
def test_a_bad_row_is_rejected_alone(change: dict[str, str | None], reason: str) -> None:
    """The reason states expectation and value; the good rows around it stay."""
    other = {**GOOD, "input_tokens": "256"}
    validated = validate(table(GOOD, {**GOOD, **change}, other))
    rejected = validated.rejected.collect()
    assert rejected.select("reason", "file", "row").rows() == [(reason, "a.csv", 2)]
    assert validated.accepted.collect().get_column("row").to_list() == [1, 3]


@pytest.mark.parametrize(("change", "reason"), BAD_ENERGY)
def test_a_bad_energy_costs_no_latency(change: dict[str, str | None], reason: str) -> None:
    """The row stays without its energy, which is counted by its reason."""
    data = prepare(table({**GOOD, **change}), EDGE, DataConfig())
    assert data.rows.get_column("latency_s").to_list() == [1.5]
    assert data.rows.get_column("energy_j").to_list() == [None]
    assert data.energy_set_aside == {reason: 1}


@settings(deadline=None)
@given(st.lists(st.sampled_from([change for change, _ in BAD]), max_size=8), st.integers(0, 8))
def test_good_rows_are_never_lost(changes: list[dict[str, str | None]], place: int) -> None:
    """One good row among any bad ones is accepted, wherever it stands."""
    rows = [{**GOOD, **change} for change in changes]
    rows.insert(place, dict(GOOD))
    validated = validate(table(*rows))
    assert validated.accepted.collect().height == 1
    assert validated.rejected.collect().height == len(changes)


cells = st.one_of(
    st.none(),
    st.text(max_size=6),
    st.floats().map(str),
    st.integers().map(str),
    st.sampled_from(["prefill", "decode", "request", "1", "64", "0.5"]),
)


@settings(deadline=None)
@given(st.lists(st.fixed_dictionaries(dict.fromkeys(GOOD, cells)), min_size=1, max_size=5))
def test_any_text_is_accepted_or_rejected(rows: list[dict[str, str | None]]) -> None:
    """Every row ends in exactly one of the two tables, and accepted ones keep the schema."""
    validated = validate(table(*rows, GOOD))
    good = validated.accepted.collect()
    bad = validated.rejected.collect()
    numbers = [*good.get_column("row"), *bad.get_column("row")]
    assert sorted(numbers) == list(range(1, len(rows) + 2))
    assert bad.get_column("reason").null_count() == 0
    Measurement.validate(good.select(Measurement.column_names()))


def test_cells_are_read_generously() -> None:
    """Blanks, case and whole floats are fine; defaults fill what is absent."""
    row = {
        **GOOD,
        "phase": " DECODE ",
        "input_tokens": "128.0",
        "parallel": "",
        "power_mode": "MAXN",
    }
    seen = accepted(row).row(0, named=True)
    assert (seen["phase"], seen["input_tokens"], seen["power_mode"]) == ("decode", 128, "maxn")
    assert (seen["parallel"], seen["repeats"]) == (1, 1)


def test_optional_columns_may_be_absent() -> None:
    """A table of required columns only is accepted, without energy."""
    required = table(GOOD).select(
        *("device", "power_mode", "runtime", "precision", "model", "phase"),
        *("input_tokens", "output_tokens", "latency_s", "file", "row"),
    )
    seen = validate(required).accepted.collect().row(0, named=True)
    assert seen["energy_j"] is None
    assert seen["repeats"] == 1


def test_power_becomes_energy_over_the_latency() -> None:
    """A row with power and no energy gets power times latency."""
    row = {**GOOD, "energy_j": None, "energy_window_s": None, "power_w": "20"}
    seen = accepted(row).row(0, named=True)
    assert (seen["energy_j"], seen["energy_window_s"]) == (30.0, 1.5)


@pytest.mark.parametrize(("cell", "samples"), [(None, None), ("1", 1.0), ("16.0", 16.0)])
def test_a_meter_may_count_its_readings(cell: str | None, samples: float | None) -> None:
    """One reading or more, or no word about them."""
    seen = accepted({**GOOD, "energy_samples": cell}).row(0, named=True)
    assert (seen["energy_samples"], seen["energy_j"]) == (samples, 30.0)
    assert seen["energy_set_aside"] is None


def test_readings_go_with_their_energy() -> None:
    """A count of readings of no energy, or of one that is not used, is forgotten."""
    for change in ({"energy_j": None}, {"energy_j": "-1"}):
        seen = accepted({**GOOD, **change, "energy_samples": "16"}).row(0, named=True)
        assert (seen["energy_j"], seen["energy_samples"]) == (None, None)


def test_idle_power_is_not_an_energy() -> None:
    """The latency of a row flagged as idle power stays, its energy goes."""
    seen = accepted({**GOOD, "quality_flags": "power_is_idle_only"}).row(0, named=True)
    assert seen["latency_s"] == 1.5
    assert seen["energy_j"] is None
    assert seen["energy_window_s"] is None
    assert seen["energy_set_aside"] == "the meter saw idle power only"


def test_equal_rows_of_other_sources_are_repeats() -> None:
    """Only rows equal in everything, source included, are duplicates; the first one stays."""
    validated = validate(table(GOOD, {**GOOD, "source": "b"}, GOOD, {**GOOD, "latency_s": "1.50"}))
    assert validated.accepted.collect().get_column("row").to_list() == [1, 2]
    rejected = validated.rejected.collect()
    assert set(rejected.get_column("reason")) == {"duplicate of an earlier row"}


def test_equal_repeats_are_no_duplicates() -> None:
    """Clocks are coarse, so two repeats may take equally long; a copy is told by its number."""
    repeats = [{**GOOD, "repeat": str(repeat)} for repeat in (0, 1, 1)]
    assert validate(table(*repeats)).accepted.collect().get_column("row").to_list() == [1, 2]


def test_a_million_duplicates_are_one_row() -> None:
    """They are counted, in a few seconds."""
    many = pl.concat([table(GOOD).collect()] * 1000).lazy()
    started = time.perf_counter()
    prepared = prepare(pl.concat([many] * (MILLION // 1000)), EDGE, DataConfig())
    assert time.perf_counter() - started < PATIENCE_S
    assert prepared.rows.height == 1
    assert prepared.read_rows == MILLION
    assert prepared.rejected_counts == {"duplicate row": MILLION - 1}


def test_nothing_left_is_an_error_with_the_top_reasons() -> None:
    """The most frequent reasons come first."""
    rows = [{**GOOD, "latency_s": "abc"}] * 3 + [{**GOOD, "phase": "x"}]
    with pytest.raises(DataError, match=r"3 rows: expected latency_s.*; 1 rows: expected phase"):
        prepare(table(*rows), EDGE, DataConfig())


@pytest.mark.parametrize("rows", [1, 5])
def test_one_row_and_constant_columns_are_enough(rows: int) -> None:
    """Nothing here needs variety."""
    tables = [{**GOOD, "source": str(number)} for number in range(rows)]
    prepared = prepare(table(*tables), EDGE, DataConfig())
    assert prepared.rows.height == 1
    assert prepared.rows.item(0, "repeats") == rows
