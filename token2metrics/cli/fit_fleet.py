"""``fit-fleet``: thousands to millions of curves from one table."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from token2metrics.cli.engine_options import (
    Engine,
    EngineName,
    RayAddress,
    WorkerCount,
    chosen_workers,
)
from token2metrics.cli.importing import importing
from token2metrics.cli.options import OUTPUT, AsJson
from token2metrics.cli.session import session_of
from token2metrics.extras import needing
from token2metrics.fleet.families import FleetFamily
from token2metrics.fleet.sharing import Sharing
from token2metrics.workers.workers import LocalWorkers

FIT = "Fit"
SEPARATOR = ","
ONE = 1


class TorchDevice(StrEnum):
    """Where the fit runs."""

    CPU = "cpu"
    CUDA = "cuda"


Tables = Annotated[
    list[Path],
    typer.Option(
        "--data",
        "-d",
        metavar="FILE",
        help="Canonical measurement table: Parquet, CSV or JSON lines; repeatable.",
    ),
]
CurvesFile = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Parquet file of the curves, a row each.",
        rich_help_panel=OUTPUT,
    ),
]
Requests = Annotated[
    Path | None,
    typer.Option(
        "--predict",
        metavar="FILE",
        help="Price the requests of a Parquet or CSV table with the curves; they go beside "
        "OUTPUT, to .predicted.parquet.",
        rich_help_panel=OUTPUT,
    ),
]
KeyColumns = Annotated[
    str | None,
    typer.Option(
        "--by",
        metavar="COLUMN,...",
        help="What tells curves apart.  "
        "\\[default: device,power_mode,runtime,precision,model,phase]",
        rich_help_panel=FIT,
    ),
]
FamilyName = Annotated[
    FleetFamily,
    typer.Option(
        "--family",
        help="Sums of non-negative weights times features; tree is its trend in whole tiles.",
        rich_help_panel=FIT,
    ),
]
Prior = Annotated[
    Sharing,
    typer.Option(
        "--prior",
        help="Whose curves share what takes their time, so that few rows do.",
        rich_help_panel=FIT,
    ),
]
Accelerator = Annotated[
    TorchDevice,
    typer.Option("--torch-device", help="Where the fit runs.", rich_help_panel=FIT),
]


def fit_fleet(
    context: typer.Context,
    data: Tables,
    output: CurvesFile,
    by: KeyColumns = None,
    family: FamilyName = FleetFamily.LINEAR,
    prior: Prior = Sharing.FLEET,
    predict: Requests = None,
    torch_device: Accelerator = TorchDevice.CPU,
    engine: EngineName = Engine.LOCAL,
    ray_address: RayAddress = None,
    workers: WorkerCount = None,
    as_json: AsJson = False,
) -> None:
    """Fit thousands to millions of curves, one per device, model, conditions and phase, at once.

    A curve that cannot be fitted costs no other one: its row says why.

    Example: [bold]python main.py fit-fleet --data fleet.parquet --output curves.parquet[/]
    """
    session = session_of(context)
    chosen = chosen_workers(engine, ray_address, workers, LocalWorkers())
    with needing("fitting a fleet"), importing():
        from token2metrics.cli.progress import ProgressBar
        from token2metrics.fleet.columns import DEFAULT_BY, check_by
        from token2metrics.fleet.price import check_requests, price
        from token2metrics.fleet.run import FleetRequest, run_fleet
        from token2metrics.fleet.table import Fitting, check_torch_device
        from token2metrics.report.fleet import show_fleet
    keys = DEFAULT_BY if by is None else tuple(name.strip() for name in by.split(SEPARATOR))
    check_by(keys)
    check_torch_device(torch_device)
    if predict is not None:
        check_requests(predict, output)
    threads = (os.cpu_count() or ONE) if engine is Engine.LOCAL else ONE
    fitting = Fitting(keys, family, str(torch_device), threads)
    request = FleetRequest(tuple(data), output, fitting, prior, str(engine))
    with ProgressBar(session.errors) as progress, chosen as ready:
        summary = run_fleet(request, ready, progress)
    if predict is not None:
        summary = price(summary, predict)
    if as_json:
        session.show_json(summary)
    else:
        show_fleet(session.console, summary)
