"""Fit a fleet: cut the table into parts, fit each, learn what curves share, fit again, join."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from os.path import realpath
from pathlib import Path
from typing import Protocol

import polars as pl

from token2metrics.data.damage import TABLE_ERRORS
from token2metrics.errors import DataError
from token2metrics.files import replacing
from token2metrics.fleet.parts import cut, parts_for, usable_rows
from token2metrics.fleet.read import PARQUET, read
from token2metrics.fleet.result import FleetSummary
from token2metrics.fleet.shapes import Belief, learn
from token2metrics.fleet.sharing import PHASE, Sharing
from token2metrics.fleet.strength import choose_strengths, sampled
from token2metrics.fleet.summarise import counted_curves, fleet_errors
from token2metrics.fleet.table import Fitting, fit_table
from token2metrics.vocabulary import Phase
from token2metrics.workers.workers import Workers


class Watcher(Protocol):
    """Learns how far a run has come."""

    def expect(self, steps: int) -> None:
        """Learn how many steps there will be."""

    def step(self, what: str) -> None:
        """Learn that a step is done."""


@dataclass(frozen=True, slots=True)
class FleetRequest:
    """A table whose curves are wanted.

    Attributes:
        data: Canonical measurement tables.
        output_file: Parquet file of the curves.
        fitting: How they are fitted.
        sharing: Whose curves share a prior.
        engine: Name of the engine.
    """

    data: tuple[Path, ...]
    output_file: Path
    fitting: Fitting
    sharing: Sharing
    engine: str


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of some curves, and where their fits go.

    Attributes:
        rows: Parquet file of the rows.
        curves: Parquet file to write.
    """

    rows: Path
    curves: Path


def fit_part(part: Part, fitting: Fitting, belief: Belief | None) -> Path:
    """Fit the curves of a part, and write them in one step; doing it again changes nothing."""
    curves = fit_table(pl.read_parquet(part.rows, glob=False), fitting, belief).sort(fitting.by)
    with replacing(part.curves) as partial_file:
        curves.write_parquet(partial_file)
    return part.curves


def run_fleet(request: FleetRequest, workers: Workers, watcher: Watcher) -> FleetSummary:
    """Fit every curve of a table, and write them.

    Args:
        request: The table, and what is wanted.
        workers: Who fits the parts.
        watcher: Learns how far it has come.

    Raises:
        DataError: If a file cannot be read, or holds no row of any curve.
        ConfigurationError: If the output cannot be written.
    """
    began_s = time.perf_counter()
    _refuse_files(request)
    request.sharing.columns(request.fitting.by)
    try:
        with tempfile.TemporaryDirectory(
            dir=_folder(request.output_file), prefix=f".{request.output_file.name}."
        ) as folder:
            return _fitted(request, workers, watcher, Path(folder), began_s)
    except TABLE_ERRORS as error:
        first_line = str(error).partition("\n")[0]
        names = ", ".join(map(str, request.data))
        raise DataError(
            f"expected whole measurement files in {names}, got: {first_line}"
        ) from error


def _refuse_files(request: FleetRequest) -> None:
    """Refuse a table that is named twice, and a file that is no place for curves."""
    output, named = request.output_file, set[str]()
    if output.suffix.lower() != PARQUET:
        raise DataError(f"expected --output to end in {PARQUET}, got {output}")
    for file in request.data:
        place = realpath(file)
        if place == realpath(output):
            raise DataError(f"writing {file} would overwrite the input; choose another --output")
        if place in named:
            raise DataError(f"expected every file once, got {file} again; name it once")
        named.add(place)


def _folder(file: Path) -> Path:
    """Return the folder of a file, made where it is missing."""
    with replacing(file):
        return file.parent


def _fitted(
    request: FleetRequest, workers: Workers, watcher: Watcher, folder: Path, began_s: float
) -> FleetSummary:
    """Fit the parts in a folder, and join them."""
    reading = read(request.data, request.fitting.by)
    number = parts_for(reading)
    passes = 1 if request.sharing is Sharing.NONE else 2
    files, rejected = cut(reading, request.fitting.by, folder, number)
    if not files:
        reasons = "; ".join(f"{count:,} rows: {rule}" for rule, count in rejected.items())
        raise DataError(f"expected rows of at least one curve, got none; {reasons or 'no row'}")
    watcher.expect(passes * len(files))
    parts = _parts(files, folder / "alone")
    done = _fit_all(parts, request.fitting, None, workers, watcher)
    belief = None
    if request.sharing is not Sharing.NONE:
        belief = learned(files, done, request.fitting, request.sharing)
        parts = _parts(files, folder / "sharing")
        done = _fit_all(parts, request.fitting, belief, workers, watcher)
    with replacing(request.output_file) as output:
        pl.scan_parquet(done, glob=False).sink_parquet(output)
    strengths = {} if belief is None else belief.strengths
    return _summary(request, files, rejected, strengths, time.perf_counter() - began_s)


def _summary(
    request: FleetRequest,
    files: list[Path],
    rejected: dict[str, int],
    strengths: Mapping[Phase, float],
    seconds: float,
) -> FleetSummary:
    """Say what became of the rows and curves."""
    counted = counted_curves(request.output_file)
    return FleetSummary(
        output_file=str(request.output_file),
        family=str(request.fitting.family),
        by=request.fitting.by,
        prior=str(request.sharing),
        engine=request.engine,
        torch_device=request.fitting.torch_device,
        parts=len(files),
        used_rows=usable_rows(files),
        rejected_counts=rejected,
        curves=counted.curves,
        fitted=counted.fitted,
        failed_counts=counted.failed,
        errors=fleet_errors(request.output_file, strengths),
        seconds=seconds,
        curves_per_s=counted.curves / seconds,
    )


def _parts(files: Sequence[Path], folder: Path) -> list[Part]:
    """Pair the rows of each part with a file for its curves."""
    return [Part(file, folder / f"{number}.parquet") for number, file in enumerate(files)]


def _fit_all(
    parts: Sequence[Part],
    fitting: Fitting,
    belief: Belief | None,
    workers: Workers,
    watcher: Watcher,
) -> list[Path]:
    """Fit every part, and return the files of curves in the order of the parts."""
    for _ in workers.run(partial(fit_part, fitting=fitting, belief=belief), parts):
        watcher.step("fitting alone" if belief is None else "fitting with what curves share")
    return [part.curves for part in parts]


def learned(
    rows: list[Path], curves: list[Path], fitting: Fitting, sharing: Sharing
) -> Belief | None:
    """Return what the curves of each group share; None where too few curves tell.

    Args:
        rows: Files of the rows.
        curves: Files of the curves, fitted alone.
        fitting: How.
        sharing: Whose curves share.
    """
    group = sharing.columns(fitting.by)
    fitted = pl.scan_parquet(curves, glob=False)
    whole = learn(fitted, fitting.family, (PHASE,))
    if whole.is_empty():
        return None
    shapes = whole if group == (PHASE,) else learn(fitted, fitting.family, group)
    belief = Belief(str(sharing), fitting.family, group, shapes, whole, {})
    keys = sampled(fitted, fitting.by)
    sample = pl.scan_parquet(rows, glob=False).join(
        keys.lazy(), on=fitting.by, how="semi", maintain_order="left"
    )
    found = sample.collect(engine="streaming").sort(fitting.by, maintain_order=True)
    return replace(belief, strengths=choose_strengths(found, belief, fitting))
