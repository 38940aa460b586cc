"""Preparation selects, aggregates and counts, whatever the order of the rows."""

import random
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from token2metrics.columns import CANONICAL, REQUIRED
from token2metrics.config import DataConfig
from token2metrics.processors.batch import to_measurements
from token2metrics.processors.pipeline import PreparedData, prepare

EDGE = "edge"
SERVER = "server"
GOOD: dict[str, Any] = {
    "device": EDGE,
    "power_mode": "maxn",
    "runtime": "vllm",
    "precision": "bf16",
    "model": "m",
    "phase": "decode",
    "input_tokens": 128,
    "output_tokens": 64,
    "latency_s": 1.0,
    "parallel": 1,
    "energy_j": 20.0,
    "energy_window_s": 1.0,
    "energy_samples": None,
    "power_rail": "gpu",
    "repeats": 1,
    "source": "a",
}

measurements = st.fixed_dictionaries(
    {
        "device": st.sampled_from([EDGE, SERVER]),
        "power_mode": st.sampled_from(["maxn", "30w"]),
        "runtime": st.sampled_from(["vllm", "llama.cpp"]),
        "precision": st.just("bf16"),
        "model": st.sampled_from(["m", "n"]),
        "phase": st.sampled_from(["prefill", "decode", "request", "wrong"]),
        "input_tokens": st.sampled_from([0, 1, 128]),
        "output_tokens": st.sampled_from([0, 1, 64]),
        "latency_s": st.floats(0.01, 100.0) | st.just(0.0),
        "parallel": st.sampled_from([1, 1, 1, 2]),
        "energy_j": st.none() | st.floats(1.0, 1000.0),
        "energy_window_s": st.none() | st.just(100.0),
        "energy_samples": st.none() | st.sampled_from([0.0, 0.5, 1.0, 40.0]),
        "power_rail": st.sampled_from(["gpu", "all", None]),
        "repeats": st.integers(1, 3),
        "source": st.sampled_from(["a", "b"]),
    }
)


def table(rows: list[dict[str, Any]]) -> pl.LazyFrame:
    """Build a table as loaded from one file."""
    frame = pl.DataFrame([{**GOOD, **row} for row in rows], infer_schema_length=None)
    return frame.lazy().with_row_index("row", 1).with_columns(file=pl.lit("a.csv"))


def prepared(rows: list[dict[str, Any]], **choices: Any) -> PreparedData:
    """Prepare rows that differ from a good one."""
    return prepare(table(rows), EDGE, DataConfig(**choices))


@settings(deadline=None)
@given(st.lists(measurements, max_size=12), st.randoms(use_true_random=False))
def test_preparation_ignores_row_order(rows: list[dict[str, Any]], chance: random.Random) -> None:
    """Shuffled rows give the same rows, counts and fingerprint."""
    rows = [GOOD, *rows]
    shuffled = list(rows)
    chance.shuffle(shuffled)
    first, second = prepared(rows), prepared(shuffled)
    assert first.rows.equals(second.rows)
    assert first.fingerprint == second.fingerprint
    assert first.rejected_counts == second.rejected_counts
    assert first.energy_set_aside == second.energy_set_aside
    assert first.sources == second.sources


@settings(deadline=None)
@given(st.lists(measurements, max_size=12))
def test_every_row_is_used_or_counted(rows: list[dict[str, Any]]) -> None:
    """What is read is kept, kept beside or rejected, and every rejected row has a reason."""
    result = prepared([{**GOOD, "device": "third"}, *[{**row, "repeats": 1} for row in rows]])
    assert result.read_rows == len(rows) + 1
    kept = sum(table.get_column("repeats").sum() for table in (result.rows, result.beside))
    assert kept + result.rejected.height == result.read_rows
    assert sum(result.rejected_counts.values()) == result.rejected.height
    assert result.rejected.get_column("reason").null_count() == 0
    assert tuple(result.rows.columns) == CANONICAL


@settings(deadline=None)
@given(st.lists(measurements, max_size=12))
def test_preparation_is_idempotent(rows: list[dict[str, Any]]) -> None:
    """Prepared latencies prepared again are the same rows."""
    unmetered = {"energy_j": None, "energy_window_s": None}
    once = prepared([{**row, **unmetered} for row in (GOOD, *rows)]).rows
    again = prepare(
        once.lazy().with_row_index("row", 1).with_columns(file=pl.lit("b")), EDGE, DataConfig()
    )
    assert again.rejected.is_empty()
    assert again.rows.equals(once)


def test_a_changed_value_changes_the_fingerprint() -> None:
    """The fingerprint is of the values."""
    assert prepared([{}]).fingerprint != prepared([{"latency_s": 1.001}]).fingerprint


def test_repeats_become_medians() -> None:
    """Energy and window count metered repeats only; repeats add up."""
    result = prepared(
        [
            {"latency_s": 1.0, "energy_j": 10.0, "repeats": 3},
            {"latency_s": 1.1, "energy_j": None, "source": "b"},
            {"latency_s": 5.0, "energy_j": 30.0, "energy_window_s": 6.0},
        ]
    ).rows.row(0, named=True)
    assert (result["latency_s"], result["energy_j"], result["energy_window_s"]) == (1.1, 20.0, 3.5)
    assert (result["repeats"], result["source"], result["power_rail"]) == (5, "a", "gpu")


def test_readings_are_medians_of_metered_repeats() -> None:
    """Of those that state them; another rail's are forgotten with its energy."""
    repeats: list[dict[str, Any]] = [
        {"energy_samples": 10.0},
        {"energy_samples": 14.0, "energy_j": 21.0},
        {"energy_samples": None, "energy_j": 22.0},
        {"energy_samples": 90.0, "energy_j": None, "latency_s": 1.1},
        {"energy_samples": 70.0, "power_rail": "all"},
    ]
    result = prepared(repeats)
    assert result.rows.get_column("energy_samples").to_list() == [12.0]
    assert result.rows.get_column("energy_j").to_list() == [21.0]


def test_a_period_is_the_window_over_its_readings() -> None:
    """Zero, a meter that integrates, where nothing is said of readings or nothing was metered."""
    rows = prepared(
        [
            {"input_tokens": 1, "energy_window_s": 4.0, "energy_samples": 8.0},
            {"input_tokens": 2, "energy_window_s": None, "energy_samples": 10.0},
            {"input_tokens": 3, "energy_window_s": 4.0},
            {"input_tokens": 4, "energy_j": None, "energy_samples": 8.0},
        ]
    ).rows
    batch = to_measurements(rows, EDGE, ["m"])
    assert batch.sample_period_s.tolist() == [0.5, 0.1, 0.0, 0.0]


@pytest.mark.parametrize("column", ["runtime", "precision"])
def test_the_most_frequent_condition_is_kept(column: str) -> None:
    """Per device; the configured one wins on the edge device only."""
    rows: list[dict[str, Any]] = [
        {column: "x", "input_tokens": 1},
        {column: "x", "input_tokens": 2},
        {column: "y", "input_tokens": 3},
        {column: "z", "input_tokens": 3, "device": SERVER},
    ]
    frequent = prepared(rows)
    assert sorted(frequent.rows.get_column(column)) == ["x", "x", "z"]
    assert frequent.rejected.get_column("reason").to_list() == [
        f"set aside: {column} y, trained on x"
    ]
    configured = prepared(rows, **{column: "Y"})
    assert sorted(configured.rows.get_column(column)) == ["y", "z"]
    assert configured.rejected_counts == {f"set aside: {column}": 2}


def test_other_power_modes_are_kept_beside() -> None:
    """Of the edge device, under the chosen runtime and precision; on other devices not."""
    rows: list[dict[str, Any]] = [
        *({"input_tokens": tokens} for tokens in (1, 2, 9, 10)),
        {"input_tokens": 3, "power_mode": "30w"},
        {"input_tokens": 3, "power_mode": "30w", "latency_s": 3.0},
        {"input_tokens": 4, "power_mode": "30w", "runtime": "llama.cpp"},
        {"input_tokens": 5, "device": SERVER},
        {"input_tokens": 6, "device": SERVER},
        {"input_tokens": 7, "device": SERVER, "power_mode": "30w"},
    ]
    result = prepared(rows)
    assert set(result.rows.get_column("power_mode")) == {"maxn"}
    assert result.beside.select("input_tokens", "power_mode", "latency_s", "repeats").rows() == [
        (3, "30w", 2.0, 2),
    ]
    assert result.rejected_counts == {"set aside: power_mode": 1, "set aside: runtime": 1}
    other = prepared(rows, power_mode="30W")
    assert other.rows.filter(device=EDGE).get_column("input_tokens").to_list() == [3]
    assert other.beside.get_column("input_tokens").to_list() == [1, 2, 9, 10]


def test_all_rows_vote_where_those_to_train_on_do_not_decide() -> None:
    """Precision of a model measured in another mode, and the mode of several samples alone."""
    elsewhere = [
        {"model": "n", "power_mode": "30w", "precision": precision, "input_tokens": tokens}
        for precision, count in (("bf16", 1), ("int4", 3))
        for tokens in range(1, count + 1)
    ]
    result = prepared([*({"input_tokens": tokens} for tokens in range(1, 9)), *elsewhere])
    assert set(result.beside.get_column("precision")) == {"int4"}
    several = [{"parallel": 4, "input_tokens": tokens} for tokens in (1, 2, 3)]
    other = {"parallel": 4, "power_mode": "30w", "input_tokens": 4}
    alone = prepared([{"device": SERVER}, *several, other])
    assert set(alone.beside.get_column("power_mode")) == {"maxn"}


def test_an_unstated_mode_informs_nothing() -> None:
    """Nobody knows whether it is another one."""
    rows: list[dict[str, Any]] = [{"input_tokens": tokens} for tokens in (1, 2, 3)]
    result = prepared([*rows, {"input_tokens": 4, "power_mode": None}])
    assert result.beside.is_empty()
    assert result.rejected_counts == {"set aside: power_mode": 1}


def test_requests_of_several_samples_are_kept_beside() -> None:
    """Curves are of single requests; on other devices and in other modes several are set aside."""
    rows: list[dict[str, Any]] = [
        {},
        {"parallel": 4},
        {"parallel": 4, "latency_s": 2.0},
        {"parallel": 8},
        {"parallel": 4, "power_mode": "30w"},
        {"parallel": 4, "device": SERVER},
    ]
    result = prepared(rows)
    assert result.rows.get_column("parallel").to_list() == [1]
    assert result.beside.select("parallel", "latency_s").rows() == [(4, 1.5), (8, 1.0)]
    reasons = sorted(result.rejected.get_column("reason"))
    assert reasons == [
        "set aside: parallel 4, trained on 1",
        "set aside: power_mode 30w, trained on maxn",
    ]


def test_energies_of_another_rail_are_forgotten() -> None:
    """The latency stays, the energy is counted."""
    rows: list[dict[str, Any]] = [
        {"input_tokens": 1},
        {"input_tokens": 2},
        {"input_tokens": 3, "power_rail": "all"},
        {"input_tokens": 4, "power_rail": None},
        {"input_tokens": 5, "device": SERVER, "power_rail": "wall"},
    ]
    frequent = prepared(rows)
    assert frequent.energy_set_aside == {"metered on another rail": 2}
    assert frequent.rows.get_column("power_rail").to_list() == ["gpu", "gpu", None, None, "wall"]
    assert frequent.rows.get_column("energy_j").null_count() == 2
    configured = prepared(rows, power_rail="all")
    assert configured.rows.get_column("power_rail").to_list() == [None, None, "all", None, "wall"]


def test_the_first_repeats_are_warm_up() -> None:
    """The first ones in file order of every setting go."""
    latencies_s = (9.0, 1.0, 2.0)
    bare: dict[str, Any] = {"energy_j": None, "energy_window_s": None}
    rows = [{"latency_s": latency_s, **bare} for latency_s in latencies_s]
    rows.insert(2, {"input_tokens": 7, **bare})
    result = prepared(rows, warmup_repeats=1)
    assert result.rows.get_column("latency_s").to_list() == [1.5]
    assert result.rejected.get_column("row").to_list() == [1, 3]
    assert result.rejected_counts == {"set aside: warm-up": 2}


def test_rejected_rows_keep_what_was_read() -> None:
    """The cells are there as text, to be mended."""
    rejected = prepared([{}, {"input_tokens": 1.5}]).rejected
    assert rejected.item(0, "input_tokens") == "1.5"
    assert set(REQUIRED) < set(rejected.columns)


def test_arrays_have_no_gaps_but_unmetered_energy() -> None:
    """A missing window is the latency; phases become the parts that a latency covers."""
    rows = prepared(
        [
            {"phase": "decode", "energy_window_s": None},
            {"phase": "prefill", "energy_j": None},
            {"phase": "request"},
            {"model": "n"},
            {"device": SERVER},
        ]
    ).rows
    batch = to_measurements(rows, EDGE, ["m"])
    assert len(batch) == 3
    assert batch.in_prefill.tolist() == [False, True, True]
    assert batch.in_decode.tolist() == [True, False, True]
    assert batch.energy_window_s.tolist() == [1.0, 1.0, 1.0]
    unmetered = batch.energy_j[batch.in_prefill & ~batch.in_decode]
    assert np.isnan(unmetered).tolist() == [True]
    assert len(to_measurements(rows, "nowhere", ["m"])) == 0
