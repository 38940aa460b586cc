"""The options that say who does independent pieces of work, and what they come to."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum
from typing import Annotated

import typer

from token2metrics.errors import RequestError
from token2metrics.workers.ray_workers import RayWorkers
from token2metrics.workers.workers import Workers

ENGINE = "Engine"


class Engine(StrEnum):
    """Who does the work."""

    LOCAL = "local"
    RAY = "ray"


EngineName = Annotated[
    Engine,
    typer.Option(
        "--engine",
        help="This process on all cores, or tasks of a Ray cluster.",
        rich_help_panel=ENGINE,
    ),
]
RayAddress = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT",
        help="Ray cluster to join, or auto.  \\[default: one of this machine alone]",
        rich_help_panel=ENGINE,
    ),
]
WorkerCount = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        metavar="N",
        help="Ray tasks at once, each on one core.  \\[default: all cores]",
        rich_help_panel=ENGINE,
    ),
]


def chosen_workers(
    engine: Engine, address: str | None, count: int | None, local: Workers
) -> AbstractContextManager[Workers]:
    """Return who does the work.

    Args:
        engine: The kind.
        address: Ray cluster to join.
        count: Ray tasks at once.
        local: Who does it in this process.

    Raises:
        RequestError: If an option of Ray is given without it.
    """
    if engine is Engine.RAY:
        return RayWorkers(count, address)
    for option, value in (("--ray-address", address), ("--workers", count)):
        if value is not None:
            raise RequestError(f"expected {option} with --engine ray, got {value!r} without")
    return nullcontext(local)
