"""Every speed: ``python benchmarks/speed.py [--json FILE] [--quick] [--only NAME] [--data DIR]``.

Prints each figure with its target and whether it holds, and below the table how it was measured.
Figures of one line come from paired runs: whoever is compared takes turns on the same machine.
``--quick`` says that everything runs, in under 50 s; its figures are of few runs.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.protocol import Row
from benchmarks.tables import print_rows, write_tables

logger = logging.getLogger(__name__)

FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Part:
    """One group of figures.

    Attributes:
        module: Where they are measured.
        function: Returns their rows; takes whether to be quick.
        takes_data: Whether it takes the folder of the public measurements too.
    """

    module: str
    function: str
    takes_data: bool = False

    def rows(self, quick: bool, data: Path | None) -> list[Row]:
        """Measure them."""
        measure: Callable[..., list[Row]] = getattr(import_module(self.module), self.function)
        return measure(quick, data) if self.takes_data else measure(quick)


PARTS: Mapping[str, Part] = {
    "start": Part("benchmarks.start", "start_rows"),
    "predict": Part("benchmarks.predict_speed", "prediction_rows", takes_data=True),
    "score": Part("benchmarks.score_speed", "score_rows"),
    "train": Part("benchmarks.train_speed", "train_rows", takes_data=True),
    "fleet": Part("benchmarks.fleet_speed", "fleet_rows", takes_data=True),
}


def measured(names: Sequence[str], quick: bool, data: Path | None, console: Console) -> list[Row]:
    """Measure the named parts, one after the other; what breaks is a row that does not hold."""
    rows: list[Row] = []
    for name in names:
        started_s = time.perf_counter()
        with console.status(f"measuring {name}"):
            try:
                rows += PARTS[name].rows(quick, data)
            except Exception as error:
                logger.exception("%s could not be measured", name)
                reason = f"{type(error).__name__}: {error}"
                rows.append(Row(name, "-", FAILED, None, None, None, False, reason))
        console.print(f"{name}: {time.perf_counter() - started_s:.1f} s")
    return rows


def main(
    json: Annotated[Path | None, typer.Option(help="Write the rows as JSON.")] = None,
    quick: Annotated[bool, typer.Option(help="Few runs, in under 50 s.")] = False,
    only: Annotated[list[str] | None, typer.Option(help="Only this part; repeatable.")] = None,
    data: Annotated[Path | None, typer.Option(help="Public measurements: real lengths.")] = None,
) -> None:
    """Measure every speed; leave with 1 where a target is missed."""
    names = only or list(PARTS)
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        raise typer.BadParameter(f"expected --only among {', '.join(PARTS)}, got {unknown[0]!r}")
    if data is not None and not data.is_dir():
        raise typer.BadParameter(f"expected --data to be a folder, got {data}")
    folder = None if data is None else data.resolve()
    rows = measured(names, quick, folder, Console(stderr=True))
    print_rows(rows, Console())
    if json is not None:
        write_tables(rows, [], json)
    if any(row.holds is False for row in rows):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
