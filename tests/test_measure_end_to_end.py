"""From a running engine to predictions: measure 60 requests, train, and predict other lengths."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from statistics import median

import polars as pl
import pytest

from tests.conftest import Run
from tests.gguf_server import ServerProcess, prioritised, serving, write_gguf
from token2metrics.architecture import Architecture
from token2metrics.prediction.conditions import ANYWHERE
from token2metrics.prediction.predictor import Predictor
from token2metrics.vocabulary import FITTED_PHASES, Phase

SHAPE = Architecture(
    layers=4, hidden=384, heads=6, kv_heads=2, head_dim=64, ffn=1_024, vocabulary=2_048
)
EXPERIMENT = f'''
"""A model of random weights on the machine that runs the tests."""

from token2metrics.config import Architecture, ExperimentConfig, HardwareConfig, ModelConfig

EXPERIMENT = ExperimentConfig(
    model=ModelConfig(
        id="random-llama", name="random", architecture={SHAPE}, precision="PRECISION"
    ),
    edge=HardwareConfig(name="test-machine", tiled=False),
)
'''
INPUT_TOKENS = tuple(24 + 3 * rank**2 for rank in range(20))
OUTPUT_TOKENS = (24, 48, 72)
REPEATS = 3
HELD_OUT = slice(2, -1, 4)
MOST_APE = 0.10
ATTEMPTS = 3
"""Other work on the machine can spoil a run, which is then measured anew."""

SETTING = ("phase", "input_tokens", "asked_output_tokens")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Return a llama.cpp server with random weights of the shape."""
    model = write_gguf(tmp_path_factory.mktemp("gguf") / "model.gguf", SHAPE)
    with serving(model, is_first=True) as running:
        yield running


def scatter(table: pl.DataFrame) -> float:
    """Return how far repeats of a setting lie apart, as a share of their median."""
    latency_s = pl.col("latency_s")
    spread = (latency_s.max() - latency_s.min()) / latency_s.median()
    return float(median(table.group_by(SETTING).agg(spread)["latency_s"]))


def measure(run: Run, engine: tuple[str, ...], attempt: int) -> pl.DataFrame:
    """Measure 60 requests."""
    lengths = enumerate(INPUT_TOKENS)
    lines = [f"{length},{OUTPUT_TOKENS[rank % len(OUTPUT_TOKENS)]}" for rank, length in lengths]
    Path("grid.csv").write_text("\n".join(["input_tokens,output_tokens", *lines]) + "\n")
    what = ("--model", "random", "--config", "experiment.py", "--device", "test-machine")
    effort = ("--plan", "grid.csv", "--max-repeats", REPEATS, "--power", "none")
    output = f"rows{attempt}.parquet"
    outcome = run("measure", *what, *engine, *effort, "--output", output)
    assert outcome.code == 0, outcome.err
    return pl.read_parquet(output)


def check_counts(table: pl.DataFrame) -> None:
    """Assert that every request was as long as asked for."""
    assert table.height == 2 * REPEATS * len(INPUT_TOKENS)
    assert table["input_tokens"].to_list() == table["asked_input_tokens"].to_list()
    decode = table.filter(pl.col("phase") == "decode")
    assert decode["output_tokens"].to_list() == decode["asked_output_tokens"].to_list()


def errors(rows: pl.DataFrame, artifact: Path) -> list[float]:
    """Return the relative errors of predictions of median latencies."""
    (predict,) = Predictor.load(artifact).choose(("random",), ANYWHERE)
    found = []
    for phase, prompt, answer, latency_s in (
        rows.group_by(SETTING).agg(pl.col("latency_s").median()).iter_rows()
    ):
        predicted_s = getattr(predict(prompt, answer), phase).latency_s
        found.append(abs(predicted_s / latency_s - 1))
    return found


@pytest.mark.parametrize("kind", ["llama.cpp", "openai", "local"])
def test_measured_requests_predict_others(
    run: Run, server: ServerProcess, clean_place: Path, kind: str
) -> None:
    """Held-out lengths are predicted within a median error of a tenth, per phase.

    Where the machine is busy, within what repeats of one length differ by: no prediction can be
    closer to them than they are to each other.
    """
    precision = "fp32" if kind == "local" else "q8_0"
    Path("experiment.py").write_text(EXPERIMENT.replace("PRECISION", precision))
    target = () if kind == "local" else ("--target", server.address)
    for attempt in range(ATTEMPTS):
        with prioritised():
            engine = ("--engine", kind, "--precision", precision, *target)
            table = measure(run, engine, attempt)
        check_counts(table)
        excesses = held_out_excesses(run, table, Path(f"out{attempt}"))
        if max(excesses.values()) <= 0.0:
            return
    pytest.fail(f"in {ATTEMPTS} runs, above the bound at last by {excesses}")


def held_out_excesses(run: Run, table: pl.DataFrame, artifact: Path) -> dict[Phase, float]:
    """Train on most lengths, and return by how much the errors at the others exceed the bound."""
    held_out = pl.col("input_tokens").is_in(list(INPUT_TOKENS[HELD_OUT]))
    table.filter(~held_out).write_parquet("training.parquet")
    command = ("train", "--config", "experiment.py", "--data", "training.parquet", "-o", artifact)
    trained = run(*command)
    assert trained.code == 0, trained.err
    excesses = {}
    for phase in FITTED_PHASES:
        rows = table.filter(held_out, pl.col("phase") == phase)
        found = errors(rows, artifact)
        assert len(found) == 5
        excesses[phase] = median(found) - max(MOST_APE, scatter(rows))
    return excesses
