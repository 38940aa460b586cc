"""What the accuracy protocols show and write."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.columns import Columns
from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks.contenders import CONTENDERS
from benchmarks.protocol import Row
from benchmarks.rivals import AGAINST_RIVALS, Contest

BEST = "bold"


def print_rows(rows: Sequence[Row], console: Console) -> None:
    """Print the table, a line per figure."""
    table = Table("task", "model", "statistic", "value", "target", "holds")
    for item in rows:
        value = "-" if item.value is None else f"{item.value:.3f}"
        target = "" if item.target is None else f"{item.bound} {item.target:.4g}"
        rival = "" if item.rival is None else f" ({item.rival})"
        holds = "" if item.holds is None else ("yes" if item.holds else "NO")
        table.add_row(item.task, item.model, item.statistic, value, target + rival, holds)
    console.print(table)
    for protocol in dict.fromkeys(f"{item.task}: {item.protocol}" for item in rows):
        console.print(protocol, markup=False)


def print_contests(contests: Sequence[Contest], console: Console) -> None:
    """Print a table per protocol and statistic: a line per contender, the best in bold."""
    by_statistic: dict[tuple[str, str], list[Contest]] = {}
    for contest in contests:
        by_statistic.setdefault((contest.task, contest.statistic), []).append(contest)
    tables = [
        _table(f"{AGAINST_RIVALS}: {' '.join(key)}", found) for key, found in by_statistic.items()
    ]
    console.print(Columns(tables))
    for words in _absences(contests):
        console.print(words, markup=False)


def _table(title: str, contests: Sequence[Contest]) -> Table:
    """Compare everyone who has a figure for one of the models."""
    table = Table("contender", title=title, box=SIMPLE_HEAD)
    for contest in contests:
        table.add_column(contest.model, justify="right")
    for name in CONTENDERS:
        if any(name in contest.figures for contest in contests):
            table.add_row(name, *(_cell(contest, name) for contest in contests))
    return table


def _cell(contest: Contest, name: str) -> Text:
    """Show one figure."""
    if name not in contest.figures:
        return Text("-")
    return Text(f"{contest.figures[name]:.3g}", style=BEST if name == contest.best else "")


def _absences(contests: Sequence[Contest]) -> list[str]:
    """Say who has no figure where and why, once per reason; the JSON has every single one."""
    where: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
    for contest in contests:
        for name, reason in contest.absent.items():
            names, tasks = where.setdefault(reason, ({}, {}))
            names[name] = None
            tasks[contest.task] = None
    return [
        f"no figure of {', '.join(names)} (in {', '.join(tasks)}): {reason}"
        for reason, (names, tasks) in where.items()
    ]


def write_tables(rows: Sequence[Row], contests: Sequence[Contest], file: Path) -> None:
    """Write both tables as JSON."""
    found = {"rows": [asdict(row) for row in rows], "rivals": [asdict(one) for one in contests]}
    file.write_text(json.dumps(found, indent=1) + "\n")
