"""Load on the service: ``python benchmarks/service_load.py [--minutes 30]``.

Starts ``serve`` on loopback with one worker on one core and loads it with ``wrk`` from another:
single predictions in a second and their 99th percentile, in turns with the limit of the server
below it and with the framework's usual way (``service_rivals``). With ``--minutes`` it soaks the
service instead, at ``--rate`` predictions a second with everything else between (``service_soak``).
Needs Linux and ``wrk`` (apt install wrk).
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.service_soak import soak_rows
from benchmarks.service_speed import speed_rows
from benchmarks.tables import print_rows, write_tables
from benchmarks.trained import trained_artifact

MODEL = "1.5B"
SECONDS, ROUNDS = 10, 5
RATE_PER_S = 500.0


def main(
    artifact: Annotated[Path | None, typer.Option(help="A trained one; none trains.")] = None,
    model: Annotated[str, typer.Option(help="Who is asked.")] = MODEL,
    seconds: Annotated[int, typer.Option(min=1, help="Length of a turn.")] = SECONDS,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each.")] = ROUNDS,
    minutes: Annotated[float | None, typer.Option(min=0.1, help="Soak for as long.")] = None,
    rate: Annotated[float, typer.Option(min=1.0, help="Predictions/s of a soak.")] = RATE_PER_S,
    json: Annotated[Path | None, typer.Option(help="Write the rows as JSON.")] = None,
) -> None:
    """Judge the service under load; leave with 1 where a target is missed."""
    with tempfile.TemporaryDirectory() as folder:
        given = trained_artifact(Path(folder)) if artifact is None else artifact.resolve()
        if minutes is None:
            rows = speed_rows(given, model, seconds, rounds)
        else:
            rows = soak_rows(given, model, minutes, rate, Console(stderr=True))
    print_rows(rows, Console())
    if json is not None:
        write_tables(rows, [], json)
    if any(row.holds is False for row in rows):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
