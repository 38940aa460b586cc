"""``ingest``: the files of other tools as measurements."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from token2metrics.cli.options import (
    OUTPUT,
    WHERE,
    AsJson,
    DeviceName,
    PowerMode,
    PrecisionName,
    RuntimeName,
)
from token2metrics.cli.session import Session, session_of
from token2metrics.extras import needing

if TYPE_CHECKING:
    from token2metrics.ingest.conditions import Conditions
    from token2metrics.ingest.convert import Account
    from token2metrics.power.logs import PowerLog

Files = Annotated[
    list[Path],
    typer.Argument(metavar="FILE", help="Results of llama-bench, vllm bench serve and others."),
]
OutputTable = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Table to write, which train reads: .parquet, .csv or .jsonl.",
        rich_help_panel=OUTPUT,
    ),
]
RowsModel = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME",
        help="Model of all rows, in place of the name that the files give.",
        rich_help_panel=WHERE,
    ),
]
Parallel = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Requests in flight together.", rich_help_panel=WHERE),
]
PowerLogs = Annotated[
    list[Path] | None,
    typer.Option(
        "--power-log",
        metavar="FILE",
        help="Power log that ran beside, such as of tegrastats; repeatable.",
        rich_help_panel=WHERE,
    ),
]

LogZone = Annotated[
    str | None,
    typer.Option(
        "--log-zone",
        metavar="ZONE",
        help="Zone of power logs with local times, such as Europe/Berlin.",
        rich_help_panel=WHERE,
    ),
]
LogStart = Annotated[
    str | None,
    typer.Option(
        "--log-start",
        metavar="TIME",
        help="When the first line of a power log with relative times was written: ISO 8601 with "
        "its zone, or seconds since 1970.",
        rich_help_panel=WHERE,
    ),
]
LogInterval = Annotated[
    float | None,
    typer.Option(
        "--log-interval",
        metavar="SECONDS",
        help="Seconds between the lines of a power log without times, as of JetPack 4.",
        rich_help_panel=WHERE,
    ),
]
LogRail = Annotated[
    str | None,
    typer.Option(
        "--log-rail",
        metavar="RAIL",
        help="Rail or card to take of power logs, such as gpu1; several are joined by +.",
        rich_help_panel=WHERE,
    ),
]


def ingest(
    context: typer.Context,
    files: Files,
    output: OutputTable,
    device: DeviceName = None,
    model: RowsModel = None,
    precision: PrecisionName = None,
    power_mode: PowerMode = None,
    runtime: RuntimeName = None,
    parallel: Parallel = None,
    power_log: PowerLogs = None,
    log_zone: LogZone = None,
    log_start: LogStart = None,
    log_interval: LogInterval = None,
    log_rail: LogRail = None,
    as_json: AsJson = False,
) -> None:
    """Convert the results of benchmark tools and servers into a table that train reads.

    A file is recognised by what is in it. Options tell what the files do not; of two that differ
    on a fact, such as the precision, the file is believed, and a device or model is renamed.

    Example: [bold]python main.py ingest bench.json --device orin-nano --output rows.parquet[/]
    """
    session = session_of(context)
    from token2metrics.ingest.conditions import Conditions
    from token2metrics.ingest.log_words import LogWords, read_logs

    conditions = Conditions(device, model, precision, power_mode, runtime, parallel)
    words = LogWords(log_zone, log_start, log_interval, log_rail)
    logs = read_logs(power_log or (), words)
    show(session, convert_files(files, conditions, logs, output), as_json)


def convert_files(
    files: Sequence[Path], conditions: Conditions, logs: Sequence[PowerLog], output: Path
) -> Account:
    """Read files and write their table.

    Args:
        files: Results of other tools.
        conditions: What the user tells of all of them.
        logs: Power logs to join.
        output: The table.
    """
    from token2metrics.ingest.convert import convert

    converted = convert(files, conditions, logs, output)
    with needing("writing tables"):
        from token2metrics.data.save_records import save_records
    save_records(output, converted.records)
    return converted.account


def show(session: Session, account: Account, as_json: bool) -> None:
    """Print what became of the files."""
    from token2metrics.report.ingest import show_account

    if as_json:
        session.show_json(account)
    else:
        show_account(session.console, account)
