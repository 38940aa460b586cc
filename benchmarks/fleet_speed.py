"""How fast ``fit-fleet`` is: a part of ``python benchmarks/speed.py``.

- **Against loops**: the same table in memory, the same relative non-negative least squares; a table
  of weights and mean errors at the end. The loop groups the table with Polars, builds the features
  with NumPy and calls SciPy once per curve; it runs on fewer curves of the same table, and counts
  per curve. Ours fits all of them, and says held-out errors, R2 and half-widths too.
- **Growth**: the whole run, Parquet to Parquet with a prior, over the curves.
- **Accelerator**: the fit of a million decode curves whose rows lie on it, against copying as many
  bytes as a fit has to read and write at least.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import torch

from benchmarks.fleet_loops import by_curve_fit, by_nnls, loop
from benchmarks.fleet_tables import imagined, real
from benchmarks.paired import Work, median_ratio, rounds_s, timed_s
from benchmarks.protocol import Bound, Floats, Row, Target, judged_rows
from token2metrics.fleet.columns import DEFAULT_BY
from token2metrics.fleet.curve_rows import CurveRows
from token2metrics.fleet.families import FleetFamily, features, weight_names
from token2metrics.fleet.fit import fit_curves
from token2metrics.fleet.run import FleetRequest, run_fleet
from token2metrics.fleet.sharing import Sharing
from token2metrics.fleet.table import Fitting, fit_table
from token2metrics.prediction.polars_algebra import ALGEBRA
from token2metrics.vocabulary import FITTED_PHASES, Phase
from token2metrics.workers.workers import LocalWorkers

TASK = "fit-fleet"
CURVES = 10_000
LOOPED, QUICK_LOOPED = 2_000, 400
SLOWLY_LOOPED, QUICK_SLOWLY_LOOPED = 400, 100
ROUNDS, QUICK_ROUNDS = 7, 2
LEAST_TIMES = 50.0
MOST_ERROR_RATIO = 1.0 + 1e-9
"""Equal losses differ in the last digits of a double."""

GROWN = (10_000, 100_000, 1_000_000)
QUICK_GROWN = (1_000, 10_000)
MOST_EXPONENT = 1.05
CUDA_CURVES = 1_000_000
CUDA_ROWS = 10
CUDA_RUNS = 5
COPIED_BYTES = 1 << 30
DOUBLE_BYTES = 8
CORES = os.cpu_count() or 1
MIB = float(1 << 20)


class Silent:
    """A watcher that shows nothing."""

    def expect(self, steps: int) -> None:
        """Learn how many steps there will be."""

    def step(self, what: str) -> None:
        """Learn that a step is done."""


def fleet_rows(quick: bool, data: Path | None = None) -> list[Row]:
    """Measure everything.

    Args:
        quick: Whether few and small runs do.
        data: Folder of the public measurements; None leaves the real rows out.
    """
    rows = loop_rows(quick) + growth_rows(QUICK_GROWN if quick else GROWN)
    if data is not None:
        rows += real_rows(real(data))
    return rows + accelerator_rows()


def loop_rows(quick: bool) -> list[Row]:
    """Compare with loops over curves."""
    curves = CURVES
    table = imagined(curves)
    looped = _some(table, QUICK_LOOPED if quick else LOOPED)
    slowly = _some(table, QUICK_SLOWLY_LOOPED if quick else SLOWLY_LOOPED)
    fitting = Fitting(DEFAULT_BY, threads=CORES)
    contenders = {
        "ours": partial(fit_table, table, fitting),
        "nnls": partial(loop, looped, by_nnls),
        "curve_fit": partial(loop, slowly, by_curve_fit),
    }
    for work in contenders.values():
        work()
    taken_s = rounds_s(contenders, QUICK_ROUNDS if quick else ROUNDS)
    ours_s = taken_s["ours"] / curves
    protocol = (
        f"{curves:,} curves of {table.height:,} imagined rows, {CORES} threads; loops on "
        f"{_curves(looped):,} and {_curves(slowly):,} of the curves, counted per curve; median of "
        f"{len(ours_s)} paired rounds"
    )
    model = f"{curves:,} curves"
    rows = judged_rows(
        TASK, model, "ours, median µs per curve", float(np.median(ours_s)) * 1e6, (), protocol
    )
    for name, some in (("nnls", looped), ("curve_fit", slowly)):
        times = median_ratio(taken_s[name] / _curves(some), ours_s)
        target = Target(LEAST_TIMES, Bound.AT_LEAST)
        rows += judged_rows(
            TASK, model, f"times a loop of scipy {name}", times, (target,), protocol
        )
        ratio = _loss_ratio(some, fit_table(some, fitting), contenders[name]())
        rows += judged_rows(
            TASK, model, f"loss over that of {name}", ratio, (Target(MOST_ERROR_RATIO),), protocol
        )
    return rows


def _some(table: pl.DataFrame, curves: int) -> pl.DataFrame:
    """Return the rows of the first so many curves."""
    keys = table.select(DEFAULT_BY).unique(maintain_order=True).head(curves)
    return table.join(keys, on=DEFAULT_BY, how="semi", maintain_order="left")


def _curves(table: pl.DataFrame) -> int:
    """Count the curves of a table."""
    return table.select(DEFAULT_BY).n_unique()


def _loss_ratio(table: pl.DataFrame, ours: pl.DataFrame, theirs: pl.DataFrame) -> float:
    """Return the sum of squared relative errors of all rows, ours over theirs."""
    return _loss(table, ours) / _loss(table, theirs)


def _loss(table: pl.DataFrame, curves: pl.DataFrame) -> float:
    """Return the sum of squared relative errors of all rows."""
    errors = _errors(table, curves)
    return float((errors * errors).sum())


def _errors(table: pl.DataFrame, curves: pl.DataFrame) -> Floats:
    """Return the relative error of each row that has a curve."""
    joined = table.join(curves, on=DEFAULT_BY, how="inner")
    prompts, answers = (pl.col(name).cast(pl.Float64) for name in ("input_tokens", "output_tokens"))
    seconds = pl.sum_horizontal(
        pl.col(name) * feature
        for phase in FITTED_PHASES
        for name, feature in features(FleetFamily.LINEAR, phase, ALGEBRA, prompts, answers).items()
    )
    return joined.select(1.0 - seconds / pl.col("latency_s")).to_series().to_numpy()


def growth_rows(sizes: Sequence[int]) -> list[Row]:
    """Fit ever more curves, Parquet to Parquet."""
    taken_s = {}
    with tempfile.TemporaryDirectory() as folder:
        for size in (sizes[0], *sizes):
            file = Path(folder) / f"{size}.parquet"
            imagined(size).write_parquet(file)
            fitting = Fitting(DEFAULT_BY, threads=CORES)
            output = Path(folder) / "curves.parquet"
            request = FleetRequest((file,), output, fitting, Sharing.FLEET, "local")
            taken_s[size] = timed_s(partial(run_fleet, request, LocalWorkers(), Silent()))
    exponent = float(np.polyfit(np.log(sizes), np.log([taken_s[one] for one in sizes]), 1)[0])
    protocol = (
        f"the whole run with a prior, Parquet to Parquet, {', '.join(f'{s:,}' for s in sizes)} "
        f"curves of 10 rows, {CORES} threads, one run each after one to warm up: "
        + ", ".join(f"{one:.2f} s" for one in taken_s.values())
    )
    model = f"up to {sizes[-1]:,} curves"
    rows = judged_rows(TASK, model, "growth exponent", exponent, (Target(MOST_EXPONENT),), protocol)
    return rows + judged_rows(
        TASK, model, "curves per second", sizes[-1] / taken_s[sizes[-1]], (), protocol
    )


def real_rows(table: pl.DataFrame) -> list[Row]:
    """Compare errors on measured rows: every other row of a curve is fitted, the rest predicted."""
    place = pl.int_range(pl.len()).over(DEFAULT_BY)
    fitted_rows, rest = (table.filter(place % 2 == parity) for parity in (0, 1))
    with tempfile.TemporaryDirectory() as folder:
        file, output = Path(folder) / "rows.parquet", Path(folder) / "curves.parquet"
        fitted_rows.write_parquet(file)
        fitting = Fitting(DEFAULT_BY, threads=CORES)
        tables = {}
        for sharing in (Sharing.NONE, Sharing.FLEET):
            request = FleetRequest((file,), output, fitting, sharing, "local")
            run_fleet(request, LocalWorkers(), Silent())
            tables[f"ours, prior {sharing}"] = pl.read_parquet(output)
    ours = tables["ours, prior none"].filter(pl.col("status") == "fitted")
    both = fitted_rows.join(ours, on=DEFAULT_BY, how="semi")
    tables |= {"scipy nnls": loop(both, by_nnls), "scipy curve_fit": loop(both, by_curve_fit)}
    kept = rest.join(ours, on=DEFAULT_BY, how="semi")
    protocol = (
        f"every other of {table.height:,} measured rows of {_curves(table)} curves (phones, "
        f"laptops and servers) fitted, the others of {_curves(kept)} curves "
        "predicted; curves that the rows alone do not tell are left out for all"
    )
    figures = {
        name: 100.0 * float(np.median(np.abs(_errors(kept, curves))))
        for name, curves in tables.items()
    }
    best = min(figures["scipy nnls"], figures["scipy curve_fit"])
    rows = []
    for name, figure in figures.items():
        judged = (Target(best * MOST_ERROR_RATIO),) if name == "ours, prior fleet" else ()
        rows += judged_rows(TASK, "real rows", f"{name}: median APE %", figure, judged, protocol)
    return rows


def accelerator_rows() -> list[Row]:
    """Fit a million curves on an accelerator, where there is one."""
    statistic = "share of the memory bandwidth, CUDA"
    if not torch.cuda.is_available():
        reason = "not run: no CUDA device here"
        return [Row(TASK, f"{CUDA_CURVES:,} curves", statistic, None, None, None, None, reason)]
    rows = _on_accelerator(torch.device("cuda"))
    fit_s = _cuda_s(partial(fit_curves, rows, FleetFamily.LINEAR))
    source = torch.empty(COPIED_BYTES, dtype=torch.uint8, device="cuda")
    bytes_per_s = 2 * COPIED_BYTES / _cuda_s(source.clone)
    results = len(weight_names(FleetFamily.LINEAR, rows.phase)) + 6
    moved = DOUBLE_BYTES * (3 * len(rows.latency_s) + results * len(rows))
    protocol = (
        f"{CUDA_CURVES:,} decode curves of {CUDA_ROWS} rows on {torch.cuda.get_device_name()}: "
        f"{moved / MIB:,.0f} MiB at the {bytes_per_s / 1e9:,.0f} GB/s of a copy, over the fit's "
        f"{fit_s * 1e3:.1f} ms; median of {CUDA_RUNS}"
    )
    model = f"{CUDA_CURVES:,} curves"
    share = judged_rows(TASK, model, statistic, moved / bytes_per_s / fit_s, (), protocol)
    speed = judged_rows(TASK, model, "curves per second, CUDA", CUDA_CURVES / fit_s, (), protocol)
    return share + speed


def _on_accelerator(device: torch.device) -> CurveRows:
    """Return rows of decode curves that lie on a device."""
    chance = np.random.default_rng(0)
    rows = CUDA_CURVES * CUDA_ROWS
    prompts = chance.integers(16, 4_097, rows).astype(float)
    answers = chance.integers(2, 1_025, rows).astype(float)
    steps = answers - 1.0
    latency_s = 0.02 * steps + 2e-6 * steps * (prompts + (steps + 1.0) / 2.0) + 0.03
    latency_s *= np.exp(chance.normal(0.0, 0.03, rows))
    counts = np.full(CUDA_CURVES, CUDA_ROWS)
    tensors = (torch.from_numpy(one).to(device) for one in (prompts, answers, latency_s))
    return CurveRows(Phase.DECODE, counts.cumsum() - counts, counts, *tensors)


def _cuda_s(work: Work) -> float:
    """Return the median seconds of work on the accelerator, after one run to warm up."""
    taken = []
    for _ in range(CUDA_RUNS + 1):
        torch.cuda.synchronize()
        started_s = time.perf_counter()
        work()
        torch.cuda.synchronize()
        taken.append(time.perf_counter() - started_s)
    return float(np.median(taken[1:]))
