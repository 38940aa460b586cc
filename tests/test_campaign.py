"""The benchmark that measures server curves: its plan, its devices, its table, its errors."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.console import Console

from benchmarks.campaign import Place, joined, machine, measure_shape, meter_spec, shapes, stages
from token2metrics.architecture import Architecture
from token2metrics.data.save_records import save_records
from token2metrics.records import Record
from token2metrics.vocabulary import Phase

SCRIPT = Path(__file__).parent.parent / "benchmarks" / "campaign.py"
ONE_LAYER = Architecture(
    layers=1, hidden=64, heads=4, kv_heads=2, head_dim=16, ffn=96, vocabulary=300
)
DAY_S = 1_780_000_000.0
ROW = Record(
    phase=Phase.PREFILL,
    input_tokens=64,
    output_tokens=1,
    device="bench",
    runtime="transformers",
    runtime_version="5.0",
    precision="bf16",
    model="tiny",
    source="here",
    started_at_s=DAY_S,
)


def row(latency_s: float, **changes: object) -> Record:
    """Return a row of a prefill."""
    return replace(ROW, latency_s=latency_s, **changes)


@given(st.integers(8, 20_000), st.integers(8, 2_000))
def test_stages_have_every_point_once(longest_input: int, longest_output: int) -> None:
    """Points lie within the limits, three slopes come first, and no stage is empty."""
    plan = stages(longest_input, longest_output)
    points = [point for stage in plan for point in stage.points]
    assert len(set(points)) == len(points)
    assert all(1 <= point.input_tokens <= longest_input for point in points)
    assert all(1 <= point.output_tokens <= longest_output for point in points)
    assert max(point.input_tokens for point in points) == longest_input
    assert max(point.output_tokens for point in points) == longest_output
    assert len(plan[0].points) == 3
    assert all(stage.points for stage in plan)
    assert [stage.name for stage in plan] == sorted({stage.name for stage in plan})


def test_a_processor_has_a_slug() -> None:
    """It can be part of a file name, and tells the threads."""
    slug = machine("cpu")
    assert slug == slug.lower()
    assert slug.replace("-", "").isalnum()
    assert slug.endswith("1-threads")


@pytest.mark.parametrize(
    ("power", "torch_device", "spec"),
    [
        ("auto", "cuda:1", "nvml:1"),
        ("auto", "cuda:0", "auto"),
        ("auto", "cuda", "auto"),
        ("auto", "cpu", "auto"),
        ("rapl", "cuda:1", "rapl"),
    ],
)
def test_the_meter_is_that_of_the_device_in_use(power: str, torch_device: str, spec: str) -> None:
    """Else the energy would be that of an idle card."""
    assert meter_spec(power, torch_device) == spec


def test_tables_are_joined_by_medians(tmp_path: Path) -> None:
    """Repeats become one row; what has a flag, or is of another device, stays out."""
    first = [row(seconds) for seconds in (0.1, 0.3, 0.2)]
    save_records(tmp_path / "bench_tiny_1-slopes.parquet", first)
    flagged = row(9.0, quality_flags="stopped_early")
    burst = row(0.2, energy_j=3.0, energy_window_s=0.2, repeats=5)
    longer = row(0.4, input_tokens=65)
    save_records(tmp_path / "bench_tiny_2-ends.parquet", [flagged, longer, burst])
    save_records(tmp_path / "other_tiny_1-slopes.parquet", [row(5.0, device="other")])
    path = joined(tmp_path, "bench")
    assert path == tmp_path / "server_bench.csv"
    table = pl.read_csv(path)
    assert table["input_tokens"].to_list() == [64, 65]
    assert table["latency_s"].to_list() == [0.2, 0.4]
    assert table["repeats"].to_list() == [8, 1]
    assert table["energy_j"].to_list() == [3.0, None]
    assert "measured 2026-05-28: benchmarks/campaign.py, transformers 5.0" in table["source"][0]


def test_a_window_shorter_than_the_work_leaves_no_energy(tmp_path: Path) -> None:
    """Medians of scattered repeats can contradict each other; what is written, train accepts."""
    rows = [
        row(latency_s, energy_j=1.0, energy_window_s=window_s, power_rail="gpu0")
        for latency_s, window_s in ((0.5, 0.6), (1.0, 0.6), (1.0, 1.1))
    ]
    save_records(tmp_path / "bench_tiny.parquet", rows)
    path = joined(tmp_path, "bench")
    assert path is not None
    (told,) = pl.read_csv(path).to_dicts()
    assert told["latency_s"] == 1.0
    assert told["energy_j"] is None


def test_nothing_measured_is_no_table(tmp_path: Path) -> None:
    """There is nothing to join."""
    assert joined(tmp_path, "bench") is None
    assert list(tmp_path.iterdir()) == []


def test_a_shape_is_measured_stage_by_stage(tmp_path: Path) -> None:
    """One layer on the processor: every point three times, and resumed at no cost."""
    known = shapes(["1.5B"])[0]
    model = known.model.model_copy(update={"id": "tiny", "architecture": ONE_LAYER})
    experiment = known.model_copy(update={"model": model})
    plan = stages(8, 8)
    place = Place("bench", "cpu", tmp_path, time.monotonic() + 600.0)
    for _ in range(2):
        measure_shape(experiment, plan, place, 300.0, None, Console(quiet=True))
    path = joined(tmp_path, "bench")
    assert path is not None
    table = pl.read_csv(path)
    points = [point for stage in plan for point in stage.points]
    decodes = [point for point in points if point.output_tokens > 1]
    assert table.filter(pl.col("phase") == "decode")["repeats"].to_list() == [3] * len(decodes)
    assert table["repeats"].sum() == 3 * (len(points) + len(decodes))


def test_a_wrong_option_is_one_line(tmp_path: Path) -> None:
    """As of the program: no traceback, and the code of an error of use."""
    output = ("--output", str(tmp_path / "out"))
    command = (sys.executable, str(SCRIPT), *output, "--shape", "unheard-of")
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert line.startswith("error: ")
    assert "unheard-of" in line
