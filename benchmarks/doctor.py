"""Which known defects of public measurements the data doctor finds.

What is bad is known from the data's own flags and columns, never from the doctor's rules; where
public data holds no example of a defect, it is put into real rows, and the table says so. The
flags themselves are taken off before the doctor looks.
"""

from __future__ import annotations

import json as json_format
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from rich.console import Console
from rich.table import Table as ConsoleTable

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.doctor_cases import CASES, FILE_CASES, Case, FileCase
from token2metrics.columns import FILE, ROW
from token2metrics.data.formats import FormatContext
from token2metrics.doctor.examination import examine_files
from token2metrics.doctor.examine import examine
from token2metrics.doctor.severity import Severity
from token2metrics.doctor.table import Table, build_table
from token2metrics.processors.validate import validate

MOST_GOOD_FLAGGED_PERCENT = 1.0
PERCENT = 100.0
FIRST_ROW = 1
CASE_FILE = "rows.csv"
UNNAMED = "unnamed"


@dataclass(frozen=True, slots=True)
class Score:
    """How the doctor did on one defect of one data set.

    Attributes:
        defect: The defect.
        data: The data set.
        rows: Rows examined.
        known: Rows with the defect.
        found: How many of them its rule names.
        missed: How many it does not.
        good_flagged_by_rule: Good rows that the same rule names; a row with another known
            defect is no good one.
        good_flagged: Good rows that any rule names as a warning or an error.
        good_flagged_percent: The latter, of all good rows.
        holds: Whether none is missed and few enough good rows are flagged.
    """

    defect: str
    data: str
    rows: int
    known: int
    found: int
    missed: int
    good_flagged_by_rule: int
    good_flagged: int
    good_flagged_percent: float
    holds: bool


def score(case: Case, folder: Path) -> Score:
    """Examine one data set.

    Args:
        case: The defect and its data.
        folder: The public measurements.
    """
    frame, bad, otherwise_bad = case.build(folder)
    diagnoses = examine(as_table(frame))
    known = set((bad.arg_true() + FIRST_ROW).to_list())
    by_rule, by_any = set[int](), set[int]()
    for one in diagnoses:
        rows = set(one.findings.get_column(ROW).to_list())
        by_rule |= rows if one.rule.name in case.rules else set()
        by_any |= rows if one.rule.severity is not Severity.NOTE else set()
    bad_rows = known | set((otherwise_bad.arg_true() + FIRST_ROW).to_list())
    good = frame.height - len(bad_rows)
    flagged = by_any - bad_rows
    percent = PERCENT * len(flagged) / max(1, good)
    return Score(
        defect=case.defect,
        data=case.data,
        rows=frame.height,
        known=len(known),
        found=len(known & by_rule),
        missed=len(known - by_rule),
        good_flagged_by_rule=len(by_rule - bad_rows),
        good_flagged=len(flagged),
        good_flagged_percent=percent,
        holds=known <= by_rule and percent <= MOST_GOOD_FLAGGED_PERCENT,
    )


def score_file(case: FileCase, folder: Path) -> Score:
    """Examine one file of a tool.

    Args:
        case: The defect and the file.
        folder: The public measurements.
    """
    path = folder / case.file
    found = examine_files([path], FormatContext(UNNAMED, UNNAMED, lambda name: None)).defects
    entries = {(one.name, one.severity): {e.row for e in one.evidence} for one in found}
    by_rule = set[int | None]().union(*(v for k, v in entries.items() if k[0] == case.rule))
    loud = (rows for key, rows in entries.items() if key[1] is not Severity.NOTE)
    by_any = set[int | None]().union(*loud)
    flagged = by_any - case.known
    percent = PERCENT * len(flagged) / max(1, case.rows - len(case.known))
    return Score(
        defect=case.defect,
        data=path.name,
        rows=case.rows,
        known=len(case.known),
        found=len(case.known & by_rule),
        missed=len(case.known - by_rule),
        good_flagged_by_rule=len(by_rule - case.known),
        good_flagged=len(flagged),
        good_flagged_percent=percent,
        holds=case.known <= by_rule and percent <= MOST_GOOD_FLAGGED_PERCENT,
    )


def as_table(frame: pl.DataFrame) -> Table:
    """Pass canonical rows through the row rules, as if they had been read from a file."""
    text = frame.select(pl.all().cast(pl.String)).with_row_index(ROW, FIRST_ROW)
    validated = validate(text.lazy().with_columns(pl.lit(CASE_FILE).alias(FILE)))
    accepted, rejected = pl.collect_all((validated.accepted, validated.rejected))
    return build_table(accepted, rejected)


def show(scores: Sequence[Score], console: Console) -> None:
    """Print a line per defect and data set."""
    numbers = ("rows", "bad", "found", "missed", "good, this rule", "good, any rule", "%", "holds")
    shown = ConsoleTable("defect", "data")
    for heading in numbers:
        shown.add_column(heading, justify="right")
    for one in scores:
        counts = (one.rows, one.known, one.found, one.missed)
        flagged = (one.good_flagged_by_rule, one.good_flagged)
        percent, holds = f"{one.good_flagged_percent:.2f}", "yes" if one.holds else "NO"
        cells = (f"{count:,}" for count in (*counts, *flagged))
        shown.add_row(one.defect, one.data, *cells, percent, holds)
    console.print(shown)


def main(
    data: Annotated[Path, typer.Option(help="Folder of the public measurements.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead.")] = False,
) -> None:
    """Examine public data with known defects; leave with 1 where one is missed."""
    if not (data / "edgereasoning").is_dir():
        raise typer.BadParameter(f"expected the folder edgereasoning in {data}")
    scores = [score(case, data.resolve()) for case in CASES]
    scores += [score_file(case, data.resolve()) for case in FILE_CASES]
    console = Console()
    if json:
        console.out(json_format.dumps([asdict(one) for one in scores], indent=1), highlight=False)
    else:
        show(scores, console)
    if not all(one.holds for one in scores):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
