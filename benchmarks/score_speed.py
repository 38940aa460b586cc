"""How fast ``score`` is, and how much memory it takes: a part of ``python benchmarks/speed.py``.

- **Parquet to Parquet**: drawn traces to priced partitions, as the command does it, records, totals
  and percentiles included. The limit is Polars writing as many columns of the same types from the
  same files, each one a constant times a column; what is null for every row is null there too. Same
  compression, statistics, row groups, and files; what one has written is on the disk before the
  next begins, so that none waits for another's.
- **LightGBM**: a booster per number, of the library's own size (100 trees of 31 leaves), fitted
  on our predictions; ``Booster.predict`` on floats in memory, ``num_threads`` the cores. It neither
  reads nor writes, so there is a figure of ours that does not either: rows in memory, priced there.
- **Memory**: largest resident set of the whole command, a process of its own.
- **Ray**: the same run by tasks of a local cluster that has been started, on one core and on two.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import lightgbm
import numpy as np
import polars as pl

from benchmarks.paired import median_ratio, rounds_s, timed_s
from benchmarks.protocol import Bound, Floats, Row, Target, judged_rows, median
from benchmarks.score_memory import memory_rows
from benchmarks.score_traces import (
    AS_TRAINED,
    COLUMNS,
    FILE_ROWS,
    MODEL,
    TASK,
    save_metered,
    write_traces,
)
from benchmarks.trained import run
from token2metrics.prediction.expressions import PREDICTED_COLUMNS
from token2metrics.prediction.look_ups import LookUps
from token2metrics.prediction.predictor import Predictor
from token2metrics.prediction.program import build_program
from token2metrics.prediction.quantities import EXTRAPOLATED
from token2metrics.prediction.staged import NOT_SEARCHED, with_program
from token2metrics.scoring.defaults import DEFAULT_COMPRESSION
from token2metrics.scoring.directory import Existing
from token2metrics.scoring.request import ScoreRequest
from token2metrics.scoring.run import score
from token2metrics.workers.ray_workers import RayWorkers
from token2metrics.workers.workers import ThreadWorkers, Workers

METERED = f"{MODEL}, both phases metered"
ROWS, QUICK_ROWS = 4_000_000, 250_000
ROUNDS, QUICK_ROUNDS = 5, 1
LEAST_SHARE_OF_LIMIT = 0.5
LEAST_OVER_LIGHTGBM = 100.0
LIGHTGBM_ROWS, QUICK_LIGHTGBM_ROWS = 100_000, 5_000
LIGHTGBM_FITTED_ROWS, QUICK_LIGHTGBM_FITTED_ROWS = 20_000, 2_000
RAY_PARTITION_ROWS = 125_000
MOST_WORKERS = 2
MILLION = 1e6
STEP = 0.01
EDGE_TOKENS = 1_000.0
CORES = os.cpu_count() or 1


class Unwatched:
    """Follows a run without showing it."""

    def expect(self, rows: int | None, partitions: int, finished: int) -> None:
        """Learn how much is left."""

    def step(self, rows: int) -> None:
        """Learn that a partition is done."""


def score_rows(quick: bool) -> list[Row]:
    """Measure everything about scoring.

    Args:
        quick: Whether to take fewer rows and rounds.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        trained = folder / "trained"
        run("train", "--model", MODEL, "--output", trained)
        metered = save_metered(trained, folder / "metered")
        traces = write_traces(folder / "traces", QUICK_ROWS if quick else ROWS)
        rows = []
        judged = {AS_TRAINED: trained} if quick else {AS_TRAINED: trained, METERED: metered}
        for model, artifact in judged.items():
            rows += _against_limit(model, artifact, traces, folder / "out", quick)
        rows += _on_ray(trained, traces, folder / "ray", quick)
        rows += memory_rows(trained, folder, quick)
    return rows


def scoring(
    artifact: Path,
    traces: Path,
    target: Path,
    workers: Workers | None = None,
    partition_rows: int = 1_000_000,
) -> Callable[[], object]:
    """Return the work of scoring traces into a directory that is emptied before.

    Args:
        artifact: The models.
        traces: Directory of the traces.
        target: Where the partitions go.
        workers: Who prices them; None for this process.
        partition_rows: Rows of each partition.
    """
    predictor = Predictor.load(artifact)
    request = ScoreRequest((str(traces),), target, MODEL, partition_rows=partition_rows)
    who = workers or ThreadWorkers()
    return lambda: score(predictor, request, Existing.OVERWRITE, who, Unwatched())


def limit(traces: Path, target: Path, unknown: Sequence[str]) -> Callable[[], object]:
    """Return the work of writing as many columns without computing anything.

    Args:
        traces: Directory of the traces.
        target: Where the files go.
        unknown: Columns that are null.
    """
    columns = [
        _constant_times(name, 1.0 + STEP * place, name in unknown)
        for place, name in enumerate(PREDICTED_COLUMNS)
    ]
    target.mkdir(parents=True, exist_ok=True)

    def write() -> None:
        for file in sorted(traces.iterdir()):
            priced = pl.scan_parquet(file).with_columns(columns)
            priced.sink_parquet(target / file.name, compression=DEFAULT_COMPRESSION)

    return write


def _constant_times(name: str, factor: float, unknown: bool) -> pl.Expr:
    """Return a column of the type of a predicted one, by one multiplication."""
    if unknown:
        return pl.lit(None, dtype=pl.Float64).alias(name)
    product = pl.col(COLUMNS[0]) * factor
    return (product > EDGE_TOKENS if name == EXTRAPOLATED else product).alias(name)


def _against_limit(
    model: str, artifact: Path, traces: Path, target: Path, quick: bool
) -> list[Row]:
    """Time scoring beside its limit and beside LightGBM."""
    ours = scoring(artifact, traces, target / "ours")
    ours()
    priced = pl.scan_parquet(target / "ours" / "part-*.parquet")
    counts = priced.select(pl.col(PREDICTED_COLUMNS).count()).collect().row(0, named=True)
    unknown = [name for name, count in counts.items() if not count]
    rows = int(priced.select(pl.len()).collect().item())
    fitted_rows = QUICK_LIGHTGBM_FITTED_ROWS if quick else LIGHTGBM_FITTED_ROWS
    sample = priced.head(fitted_rows).collect()
    known = [one for one in PREDICTED_COLUMNS if one not in (*unknown, EXTRAPOLATED)]
    boosted_rows = QUICK_LIGHTGBM_ROWS if quick else LIGHTGBM_ROWS
    contenders = {
        "ours": ours,
        "ours, settling": os.sync,
        "limit": limit(traces, target / "limit", unknown),
        "limit, settling": os.sync,
        "memory": _in_memory(artifact, traces),
        "lightgbm": _boosted(sample, known, traces, boosted_rows),
    }
    rounds = QUICK_ROUNDS if quick else ROUNDS
    taken = rounds_s(contenders, rounds)
    shutil.rmtree(target)
    protocol = (
        f"{rows:,} rows of {len(PREDICTED_COLUMNS)} columns, {len(unknown)} of them null, "
        f"{DEFAULT_COMPRESSION}, {CORES} cores, medians of {rounds} paired rounds; LightGBM on "
        f"{boosted_rows:,} rows, {len(known)} numbers each; in memory {FILE_ROWS:,} rows at most"
    )
    boosted = taken["lightgbm"] * (rows / boosted_rows)
    in_memory = taken["memory"] * (rows / min(rows, FILE_ROWS))
    return [
        *_speed(model, "rows/s, million", rows, taken["ours"], protocol),
        *_speed(model, "limit, rows/s, million", rows, taken["limit"], protocol),
        *_speed(model, "LightGBM predict, rows/s, million", rows, boosted, protocol),
        *judged_rows(
            TASK,
            model,
            "share of the limit",
            median_ratio(taken["limit"], taken["ours"]),
            (Target(LEAST_SHARE_OF_LIMIT, Bound.AT_LEAST),),
            protocol,
        ),
        *_over_lightgbm(model, "Parquet to Parquet", boosted, taken["ours"], protocol),
        *_over_lightgbm(model, "in memory", boosted, in_memory, protocol),
    ]


def _speed(model: str, statistic: str, rows: int, taken_s: Floats, protocol: str) -> list[Row]:
    """Return millions of rows per second."""
    return judged_rows(TASK, model, statistic, rows / median(taken_s) / MILLION, (), protocol)


def _over_lightgbm(
    model: str, what: str, boosted_s: Floats, ours_s: Floats, protocol: str
) -> list[Row]:
    """Return by how much LightGBM's prediction takes longer."""
    target = Target(LEAST_OVER_LIGHTGBM, Bound.AT_LEAST)
    ratio = median_ratio(boosted_s, ours_s)
    return judged_rows(TASK, model, f"times LightGBM predict, {what}", ratio, (target,), protocol)


def _in_memory(artifact: Path, traces: Path) -> Callable[[], object]:
    """Return the work of pricing the rows of the first file, which lie in memory."""
    model = Predictor.load(artifact).select(MODEL).model
    program = build_program(model, PREDICTED_COLUMNS)
    frame = pl.read_parquet(min(traces.iterdir()))
    floats = frame.lazy().with_columns(pl.col(COLUMNS).cast(pl.Float64)).collect()
    longest = dict(zip(COLUMNS, floats.select(pl.max(*COLUMNS)).row(0), strict=True))
    (known,) = LookUps((program,)).known(longest, frame.height)
    priced = with_program(floats.lazy(), program, dict(zip(COLUMNS, COLUMNS, strict=True)), known)
    wanted = priced.select(PREDICTED_COLUMNS)
    return lambda: wanted.collect(engine="streaming", optimizations=NOT_SEARCHED)


def _boosted(
    sample: pl.DataFrame, known: Sequence[str], traces: Path, rows: int
) -> Callable[[], object]:
    """Return the work of predicting every number of some rows with LightGBM."""
    features = sample.select(COLUMNS).to_numpy().astype(np.float64)
    parameters = {"num_threads": CORES, "verbosity": -1}
    boosters = [
        lightgbm.train(parameters, lightgbm.Dataset(features, sample[name].to_numpy()))
        for name in known
    ]
    first = min(traces.iterdir())
    asked = pl.read_parquet(first, n_rows=rows).select(COLUMNS).to_numpy()
    floats = np.ascontiguousarray(asked, dtype=np.float64)
    return lambda: [booster.predict(floats, num_threads=CORES) for booster in boosters]


def _on_ray(artifact: Path, traces: Path, target: Path, quick: bool) -> list[Row]:
    """Time the same run by Ray tasks on one core and on two, and by this process."""
    rounds = QUICK_ROUNDS if quick else ROUNDS
    cluster = RayWorkers(MOST_WORKERS)
    start_s = timed_s(cluster.__enter__)
    try:
        contenders = {
            "one": scoring(artifact, traces, target, RayWorkers(1), RAY_PARTITION_ROWS),
            "two": scoring(artifact, traces, target, cluster, RAY_PARTITION_ROWS),
            "local": scoring(artifact, traces, target, None, RAY_PARTITION_ROWS),
        }
        contenders["two"]()
        taken = rounds_s(contenders, rounds)
    finally:
        cluster.__exit__(None, None, None)
    shutil.rmtree(target)
    protocol = (
        f"partitions of {RAY_PARTITION_ROWS:,} rows, a local cluster on loopback, medians of "
        f"{rounds} rounds after one to warm up"
    )
    figures = {
        "Ray on two workers over this process, time": median_ratio(taken["two"], taken["local"]),
        "Ray, speed-up from one worker to two": median_ratio(taken["one"], taken["two"]),
        "Ray, start of a local cluster, s": start_s,
    }
    return [
        row
        for statistic, value in figures.items()
        for row in judged_rows(TASK, AS_TRAINED, statistic, value, (), protocol)
    ]
