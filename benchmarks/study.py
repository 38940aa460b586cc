"""What helped and what did not: ``python benchmarks/study.py --data FOLDER --output FOLDER``.

Measures ablations that differ in data and configuration alone, draws the pictures of
``docs/accuracy.md`` and writes their numbers beside them. Nothing is chosen by these numbers.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import track
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.accuracy import ONE_THREAD, WORKERS, start_worker
from benchmarks.datasets import SHORT_NAMES
from benchmarks.study_base import Found, Piece, Point
from benchmarks.study_energy import ENERGY, energy_pieces, energy_points, readings
from benchmarks.study_fits import meter_figure, staircase_figure
from benchmarks.study_pictures import intervals_figure, priors_figure, shots_figure
from benchmarks.study_requests import REQUESTS, request_pieces, request_points
from benchmarks.study_sweep import SWEEP, staircase, sweep_pieces, sweep_points
from token2metrics.figures.drawing import write_picture
from token2metrics.figures.suffixes import SVG

NUMBERS = "study.json"
JUDGES = {REQUESTS: request_points, SWEEP: sweep_points, ENERGY: energy_points}


def points_of(piece: Piece, folder: Path) -> list[Point]:
    """Do one piece of work, in whichever process."""
    return list(JUDGES[piece.study](piece, folder))


def measure(folder: Path, workers: int, quick: bool) -> Found:
    """Do all work in processes of their own, that with most rows first."""
    pieces = [*energy_pieces(folder), *request_pieces(), *sweep_pieces()]
    pieces.sort(key=lambda piece: -piece.count)
    if quick:
        pieces = [replace(piece, draws=piece.draws[:1]) for piece in _first_draws(pieces)]
    os.environ.update(ONE_THREAD)
    context = get_context("spawn")
    points: list[Point] = []
    with ProcessPoolExecutor(workers, mp_context=context, initializer=start_worker) as pool:
        pending = [pool.submit(points_of, piece, folder) for piece in pieces]
        for done in track(
            as_completed(pending), "fits", len(pending), console=Console(stderr=True)
        ):
            points += done.result()
    return Found.of(_in_order(points))


def _first_draws(pieces: Sequence[Piece]) -> list[Piece]:
    """Return the first piece of each case."""
    found: dict[Piece, Piece] = {}
    for piece in pieces:
        found.setdefault(replace(piece, draws=()), piece)
    return list(found.values())


def _in_order(points: Sequence[Point]) -> list[Point]:
    """Sort points by their draws, so that no sum depends on which process was faster."""
    return sorted(points, key=lambda point: point.piece.draws)


def draw(found: Found, folder: Path, output: Path) -> None:
    """Draw every picture."""
    figures = (
        shots_figure(found),
        priors_figure(found),
        staircase_figure(found, staircase(folder)),
        meter_figure(found, readings(folder)),
        intervals_figure(found),
    )
    for figure in figures:
        write_picture(figure, output / f"{figure.name}{SVG}")


def show(found: Found, console: Console) -> None:
    """Print every number."""
    columns = ("study", "model", "case", "known", "part", "median", "p10", "p90", "mean", "points")
    table = Table(*columns, box=SIMPLE_HEAD)
    for one in found.summaries:
        values = (one.median, one.low, one.high, one.mean)
        table.add_row(
            one.study,
            SHORT_NAMES[one.model],
            one.case,
            str(one.count or "-"),
            one.part,
            *(f"{value:.3g}" for value in values),
            str(one.points),
        )
    console.print(table)


def show_misses(results: Path, console: Console) -> None:
    """Print the lines of an accuracy run that miss their target, rivals' included."""
    table = Table("task", "model", "statistic", "value", "target", "of", box=SIMPLE_HEAD)
    for row in json.loads(results.read_text())["rows"]:
        if row["holds"] is False:
            shown = [row[name] for name in ("task", "model", "statistic", "value", "target")]
            table.add_row(*map(str, shown), str(row.get("rival") or "target"))
    console.print(table)


def main(
    data: Annotated[Path, typer.Option(help="Folder of the public measurements.")],
    output: Annotated[Path, typer.Option(help="Where pictures and study.json go.")],
    redraw: Annotated[bool, typer.Option(help="Draw what study.json says already.")] = False,
    results: Annotated[Path | None, typer.Option(help="JSON of accuracy.py: list misses.")] = None,
    quick: Annotated[bool, typer.Option(help="One draw of everything.")] = False,
    workers: Annotated[int, typer.Option(help="Processes.", min=1)] = WORKERS,
) -> None:
    """Measure the ablations, draw them and write their numbers."""
    if not (data / "edgereasoning").is_dir():
        raise typer.BadParameter(f"expected the folder edgereasoning in {data}")
    folder, console = data.resolve(), Console()
    output.mkdir(parents=True, exist_ok=True)
    if redraw:
        draw(Found.read(output / NUMBERS), folder, output)
        return
    found = measure(folder, workers, quick)
    found.write(output / NUMBERS)
    draw(found, folder, output)
    show(found, console)
    if results is not None:
        show_misses(results, console)


if __name__ == "__main__":
    typer.run(main)
