"""Read tables as the package does, and go on as its commands do; see ``readers``."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.fuzzing import sound
from token2metrics.config import DataConfig
from token2metrics.data.damage import TABLE_ERRORS
from token2metrics.data.formats import FormatContext
from token2metrics.doctor.examine import examine
from token2metrics.doctor.read import read_files
from token2metrics.doctor.screen import Screen
from token2metrics.errors import DataError, Token2MetricsError
from token2metrics.fleet.read import read as read_fleet
from token2metrics.prediction.batch import BatchRequest, price_table
from token2metrics.prediction.conditions import ANYWHERE
from token2metrics.prediction.workload_file import read_workload
from token2metrics.processors.pipeline import prepare_measurements
from token2metrics.scoring.directory import MANIFEST, Existing
from token2metrics.scoring.request import ScoreRequest
from token2metrics.scoring.run import score
from token2metrics.scoring.task import RECORDS_FOLDER
from token2metrics.workers.workers import LocalWorkers

DEVICE, SERVER = "jetson-agx-orin-64gb", "a100"
CONTEXT = FormatContext(DEVICE, SERVER, {"8B": "llama-3-8b"}.get)
"""What measurement files may leave unsaid."""

PARTITION_ROWS = 500
BY = ("device", "model", "phase")


class Unwatched:
    """A watcher that shows nothing."""

    def expect(self, rows: int | None, partitions: int, finished: int) -> None:
        """Learn how much is left."""

    def step(self, rows: int) -> None:
        """Learn that a partition is done."""


def measurements(path: Path) -> None:
    """Prepare the rows of the file as training does, and examine them as the doctor does."""
    refusals: list[Token2MetricsError] = []
    for work in (_prepared, _examined):
        try:
            work(path)
        except Token2MetricsError as error:
            refusals.append(error)
    if refusals:
        raise refusals[0]


def _prepared(path: Path) -> None:
    """Prepare rows."""
    prepare_measurements((path,), CONTEXT, DataConfig(), Screen((path,)))


def _examined(path: Path) -> None:
    """Examine rows."""
    table, _ = read_files((path,), CONTEXT)
    examine(table)


def fleet(path: Path) -> None:
    """Read the rows of a fleet."""
    read = read_fleet((path,), BY)
    with _polars_errors(path):
        read.rows.collect()
        read.rejected.collect()


@contextmanager
def _polars_errors(path: Path) -> Iterator[None]:
    """Refuse what Polars refuses, as ``fit-fleet`` does around its whole run."""
    try:
        yield
    except TABLE_ERRORS as error:
        raise DataError(f"{path}: {error}") from error


def workload(path: Path) -> None:
    """Read the requests of a trace."""
    read_workload((path,))


def batch(path: Path) -> None:
    """Price a table, to CSV and to Parquet."""
    for ending in (".csv", ".parquet"):
        output = path.parent / f"priced{ending}"
        price_table(sound.predictor(), BatchRequest(path, output, "m0", ANYWHERE))


def _scored(path: Path, directory: Path, existing: Existing) -> None:
    """Score a trace into a directory."""
    request = ScoreRequest((str(path),), directory, model="m0", partition_rows=PARTITION_ROWS)
    score(sound.predictor(), request, existing, LocalWorkers(), Unwatched())


def traces(path: Path) -> None:
    """Score a trace anew."""
    directory = path.parent / "scored"
    shutil.rmtree(directory, ignore_errors=True)
    _scored(path, directory, Existing.REFUSE)


def _begun() -> tuple[Path, Path]:
    """Return a trace and the directory of its finished run."""
    trace = sound.scratch() / "trace.csv"
    directory = sound.scratch() / "finished"
    if not directory.exists():
        trace.write_bytes(sound.as_csv(sound.requests())[0])
        _scored(trace, directory, Existing.REFUSE)
    return trace, directory


def pins() -> Sequence[bytes]:
    """Return what a run of ``score`` was asked."""
    return ((_begun()[1] / MANIFEST).read_bytes(),)


def partitions() -> Sequence[bytes]:
    """Return the records of finished partitions."""
    folder = _begun()[1] / RECORDS_FOLDER
    return tuple(file.read_bytes() for file in sorted(folder.iterdir()))


def pinned(path: Path) -> None:
    """Go on with a run of which the file says what it was asked."""
    trace, finished_run = _begun()
    directory = path.parent / "resumed"
    shutil.rmtree(directory, ignore_errors=True)
    shutil.copytree(finished_run, directory)
    shutil.copy(path, directory / MANIFEST)
    _scored(trace, directory, Existing.RESUME)


def partition(path: Path) -> None:
    """Go on with a run of which the file is the record of a finished partition."""
    trace, finished_run = _begun()
    directory = path.parent / "resumed"
    shutil.rmtree(directory, ignore_errors=True)
    shutil.copytree(finished_run, directory)
    first, *_ = sorted((directory / RECORDS_FOLDER).iterdir())
    shutil.copy(path, first)
    _scored(trace, directory, Existing.RESUME)
