"""Accuracy on public measurements: ``python benchmarks/accuracy.py --data FOLDER [--json FILE]``.

Prints every figure with its target and whether it holds. Default settings throughout: nothing
is tuned per task, and test rows take no part in any choice.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.contenders import CONTENDERS, Ours
from benchmarks.protocol import Figure, Row, write_rows
from benchmarks.tasks.registry import GROUPS, TASKS, do
from benchmarks.work import Bench, Item
from token2metrics.bench.contender import NotApplicableError

WORKERS = 2
ONE_THREAD = {"OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}


def start_worker() -> None:
    """Keep a process to one core, and quiet: what a training warns of is not about the table."""
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)


def finished(
    items: Sequence[Item], bench: Bench, workers: int
) -> Iterator[tuple[Item, Future[list[Figure]]]]:
    """Do the items in processes of their own and yield each as it ends."""
    os.environ.update(ONE_THREAD)
    context = get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=start_worker) as pool:
        pending = {pool.submit(do, item, bench): item for item in items}
        for future in as_completed(pending):
            yield pending[future], future


def measure(bench: Bench, wanted: frozenset[str], quick: bool, workers: int) -> list[Row]:
    """Run the wanted protocols and judge them."""
    items = [
        item
        for group in GROUPS.values()
        if wanted & set(group.tasks)
        for item in group.items(bench, wanted & set(group.tasks), quick)
    ]
    found: dict[Item, list[Figure]] = {}
    broken: dict[Row, None] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as progress:
        bar = progress.add_task("trainings", total=sum(len(item.draws) for item in items))
        for item, future in finished(items, bench, workers):
            error = future.exception()
            if error is None:
                found[item] = future.result()
            else:
                broken |= dict.fromkeys(_broken(item, error, bench))
            progress.advance(bar, len(item.draws))
    rows = []
    for name, group in GROUPS.items():
        figures = [f for item in items if item.group == name for f in found.get(item, ())]
        rows += group.rows(figures, quick)
    return rows + list(broken)


def _broken(item: Item, error: BaseException, bench: Bench) -> list[Row]:
    """Say which protocols an item could not serve; what a rival cannot learn is no miss."""
    excused = isinstance(error, NotApplicableError) and not bench.is_ours
    fails = None if excused else False
    reason = f"{type(error).__name__}: {error}"
    return [
        Row(task, item.model, f"failed {item.variant}", None, None, None, fails, reason)
        for task in sorted(item.tasks)
    ]


def print_rows(rows: Sequence[Row], console: Console) -> None:
    """Print the table, a line per figure."""
    table = Table("task", "model", "statistic", "value", "target", "holds")
    for item in rows:
        value = "-" if item.value is None else f"{item.value:.3f}"
        target = "" if item.target is None else f"{item.bound} {item.target:.4g}"
        holds = "" if item.holds is None else ("yes" if item.holds else "NO")
        table.add_row(item.task, item.model, item.statistic, value, target, holds)
    console.print(table)
    for protocol in dict.fromkeys(f"{item.task}: {item.protocol}" for item in rows):
        console.print(protocol, markup=False)


def main(
    data: Annotated[Path, typer.Option(help="Folder of the public measurements.")],
    json: Annotated[Path | None, typer.Option(help="Write the table here too.")] = None,
    quick: Annotated[bool, typer.Option(help="Fewer draws.")] = False,
    task: Annotated[list[str] | None, typer.Option(help="Only this protocol; repeatable.")] = None,
    contender: Annotated[str, typer.Option(help="Who is judged.")] = Ours.name,
    workers: Annotated[int, typer.Option(help="Processes.", min=1)] = WORKERS,
) -> None:
    """Run the accuracy protocols and print target, value and whether it holds."""
    if not (data / "edgereasoning").is_dir():
        raise typer.BadParameter(f"expected the folder edgereasoning in {data}")
    wanted = frozenset(task or TASKS)
    if wanted - set(TASKS):
        raise typer.BadParameter(f"expected --task among {', '.join(TASKS)}")
    if contender not in CONTENDERS:
        raise typer.BadParameter(f"expected --contender among {', '.join(CONTENDERS)}")
    rows = measure(Bench(data.resolve(), contender), wanted, quick, workers)
    print_rows(rows, Console())
    if json is not None:
        write_rows(rows, json)
    if any(item.holds is False for item in rows):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
