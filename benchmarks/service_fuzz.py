"""Schemathesis over the service: ``python benchmarks/service_fuzz.py [--cases 2000]``.

Starts ``serve`` on loopback and sends requests that are drawn from its OpenAPI document to every
operation: half of the bodies fit the schema and half do not, and what takes no body gets any query
and headers. Wrong is a status of 5xx, an answer whose status, media type or schema is not
documented, a body that fits and is refused as if it did not, and one that does not fit and is
answered.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Annotated

import requests
import typer
from rich.console import Console
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.protocol import Bound, Row, Target, judged_rows
from benchmarks.served import serving
from benchmarks.service_cases import Fuzzed, Fuzzer, load_document, operations
from benchmarks.tables import print_rows, write_tables
from benchmarks.trained import trained_artifact

TASK = "service_fuzz"
PROTOCOL = "serve on loopback, requests of Schemathesis from its OpenAPI document"
CASES = 2_000
NONE = Target(0.0)
REDIRECTED, SERVER_ERROR = 300, 500


def main(
    artifact: Annotated[Path | None, typer.Option(help="A trained one; none trains.")] = None,
    cases: Annotated[int, typer.Option(min=2, help="Requests to each operation.")] = CASES,
    seed: Annotated[int, typer.Option(help="Of what is drawn.")] = 1,
    json: Annotated[Path | None, typer.Option(help="Write the rows as JSON.")] = None,
) -> None:
    """Fuzz every operation; leave with 1 where anything is wrong."""
    errors = Console(stderr=True)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        given = trained_artifact(place) if artifact is None else artifact.resolve()
        log, state = place / "log", place / "state"
        with serving(given, log, "--state", state) as served, requests.Session() as session:
            fuzzer = Fuzzer(session, cases, seed)
            every = operations(load_document(served.address))
            found = [fuzzer.fuzz(one) for one in track(every, "fuzzing", console=errors)]
    for one in found:
        for failure in one.failures:
            errors.print(f"{one.operation}: {failure}", markup=False)
    rows = [row for one in found for row in fuzzed_rows(one, cases)]
    print_rows(rows, Console())
    if json is not None:
        write_tables(rows, [], json)
    if any(row.holds is False for row in rows):
        raise typer.Exit(1)


def fuzzed_rows(fuzzed: Fuzzed, cases: int) -> list[Row]:
    """Judge what became of the requests to an operation.

    Args:
        fuzzed: What became of them.
        cases: So many were wanted.
    """
    failed = sum(count for code, count in fuzzed.statuses.items() if code >= SERVER_ERROR)
    sent = [Target(float(cases), Bound.AT_LEAST)]
    counted = {
        "requests": (float(fuzzed.cases.total()), sent),
        "of them answered": (float(answered(fuzzed.statuses)), []),
        "5xx": (float(failed), [NONE]),
        "otherwise wrong": (float(len(fuzzed.failures)), [NONE]),
    }
    return [
        row
        for statistic, (value, targets) in counted.items()
        for row in judged_rows(TASK, fuzzed.operation, statistic, value, targets, PROTOCOL)
    ]


def answered(statuses: Counter[int]) -> int:
    """Return how many requests were answered with what they asked for."""
    return sum(count for code, count in statuses.items() if code < REDIRECTED)


if __name__ == "__main__":
    typer.run(main)
