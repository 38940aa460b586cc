"""Accuracy on public measurements: ``python benchmarks/accuracy.py --data FOLDER [--json FILE]``.

Prints every figure with its target and whether it holds, and those of every rival. Default settings
throughout: nothing is tuned per task, and test rows take no part in any choice.
"""

from __future__ import annotations

import logging
import os
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.contenders import CONTENDERS, RIVALS, Ours
from benchmarks.protocol import Row
from benchmarks.rivals import AGAINST_RIVALS, Contest, compare, rival_rows
from benchmarks.tables import print_contests, print_rows, write_tables
from benchmarks.tasks.registry import GROUPS, TASKS, compared_items, do
from benchmarks.work import Answer, Bench, Item, Job

WORKERS = 2
ONE_THREAD = {"OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}


def start_worker() -> None:
    """Keep a process to one core, and quiet: what a training warns of is not about the table."""
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)


def finished(
    jobs: Sequence[Job], bench: Bench, workers: int
) -> Iterator[tuple[Job, Future[dict[str, Answer]]]]:
    """Do the jobs in processes of their own and yield each as it ends.

    What fails for several protocols at once is tried again for each by itself.
    """
    os.environ.update(ONE_THREAD)
    context = get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=start_worker) as pool:
        pending = {pool.submit(do, job, bench): job for job in jobs}
        while pending:
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                job = pending.pop(future)
                parts = [] if future.exception() is None else job.parts()
                pending |= {pool.submit(do, part, bench): part for part in parts}
                if not parts:
                    yield job, future


def measure(
    bench: Bench, wanted: frozenset[str], quick: bool, workers: int
) -> tuple[list[Row], list[Contest]]:
    """Run the wanted protocols and judge them."""
    items = [
        item
        for group in GROUPS.values()
        if wanted & set(group.tasks)
        for item in group.items(bench, wanted & set(group.tasks), quick)
    ]
    compared = compared_items(bench, quick) if AGAINST_RIVALS in wanted and bench.is_ours else []
    given = {item.training for item in items}
    more = [item for item in compared if item.training not in given]
    jobs = [Job(item, (bench.contender,)) for item in (*items, *more)]
    jobs += [Job(item, RIVALS) for item in compared]
    found, broken = gathered(jobs, bench, workers)
    rows = []
    for name, group in GROUPS.items():
        own = [item.training for item in items if item.group == name]
        figures = [f for item in own for f in found[bench.contender][item].figures]
        rows += group.rows(figures, quick)
    contests = []
    for name, group in GROUPS.items():
        shared = [item.training for item in compared if item.group == name]
        contests += compare(group, shared, found, quick)
    return [*rows, *broken, *rival_rows(contests)], contests


def gathered(
    jobs: Sequence[Job], bench: Bench, workers: int
) -> tuple[dict[str, dict[Item, Answer]], list[Row]]:
    """Do the jobs; return all answers by contender and training, and a row per failure."""
    found: dict[str, dict[Item, Answer]] = {name: defaultdict(Answer) for name in CONTENDERS}
    broken: dict[Row, None] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as progress:
        bar = progress.add_task("trainings", total=sum(_size(job) for job in jobs))
        for job, future in finished(jobs, bench, workers):
            error = future.exception()
            if error is not None:
                reason = f"{type(error).__name__}: {error}"
                broken |= dict.fromkeys(_broken(job, reason, excused=False))
            else:
                for name, answer in future.result().items():
                    found[name][job.item.training].join(answer)
                    if name == bench.contender and answer.refusal is not None:
                        excused = not bench.is_ours
                        broken |= dict.fromkeys(_broken(job, answer.refusal, excused))
            progress.advance(bar, _size(job))
    return found, list(broken)


def _size(job: Job) -> int:
    """Return how many draws a job judges."""
    return len(job.item.draws) * len(job.item.tasks)


def _broken(job: Job, reason: str, excused: bool) -> list[Row]:
    """Say which protocols a job could not serve; what a rival cannot learn is no miss."""
    item = job.item
    tasks = [AGAINST_RIVALS] if len(job.contenders) > 1 else sorted(item.tasks)
    statistic = f"failed {item.variant}".strip()
    fails = None if excused else False
    return [Row(task, item.model, statistic, None, None, None, fails, reason) for task in tasks]


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
    rows, contests = measure(Bench(data.resolve(), contender), wanted, quick, workers)
    console = Console()
    print_rows(rows, console)
    print_contests(contests, console)
    if json is not None:
        write_tables(rows, contests, json)
    if any(item.holds is False and item.rival is None for item in rows):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
