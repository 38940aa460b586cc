"""The program: its commands, its log, and its one place that reports errors."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from token2metrics import __version__
from token2metrics.cli.batch_predict import batch_predict
from token2metrics.cli.bench import bench
from token2metrics.cli.budget import budget
from token2metrics.cli.calibrate import calibrate
from token2metrics.cli.compare import compare
from token2metrics.cli.count_tokens import count_tokens
from token2metrics.cli.doctor import doctor
from token2metrics.cli.evaluate import evaluate
from token2metrics.cli.explain import explain
from token2metrics.cli.ingest import ingest
from token2metrics.cli.measure import measure
from token2metrics.cli.monitor import monitor
from token2metrics.cli.next_points import next_points
from token2metrics.cli.plan import plan
from token2metrics.cli.predict import predict
from token2metrics.cli.session import open_session
from token2metrics.cli.train import train
from token2metrics.errors import Token2MetricsError

USAGE_OR_DATA_ERROR = 2
EXAMPLES = """
[bold]Examples[/]

  python main.py train --all-models --output ./outputs
  python main.py predict --model 1.5B --input-tokens 100 --output-tokens 50
  python main.py explain --model 1.5B --input-tokens 100 --output-tokens 50
  python main.py evaluate --model 14B --data FILE

Settings come from TOKEN2METRICS_* variables and token2metrics.toml.
"""

app = typer.Typer(
    name="token2metrics",
    rich_markup_mode="rich",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _show_version(wanted: bool) -> None:
    """Print the version and stop."""
    if wanted:
        Console().out(f"token2metrics {__version__}", highlight=False)
        raise typer.Exit


@app.callback(epilog=EXAMPLES)
def start(
    context: typer.Context,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Log every message to standard error.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Predict latency, energy, power and cost of language-model requests on edge devices."""
    context.obj = open_session(verbose)


app.command()(train)
app.command()(predict)
app.command()(plan)
app.command()(explain)
app.command()(evaluate)
app.command()(bench)
app.command()(ingest)
app.command()(doctor)
app.command()(measure)
app.command()(calibrate)
app.command()(next_points)
app.command()(compare)
app.command()(budget)
app.command()(monitor)
app.command()(batch_predict)
app.command()(count_tokens)


@contextmanager
def reporting_errors(console: Console) -> Iterator[None]:
    """Report what the user can put right in one line, and leave with the code for it.

    Args:
        console: Standard error.
    """
    try:
        yield
    except Token2MetricsError as error:
        line = " ".join(str(error).split())
        console.print(Text.assemble(("error: ", "bold red"), line), soft_wrap=True)
        sys.exit(USAGE_OR_DATA_ERROR)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and leave with its exit code.

    Args:
        arguments: Command line without the program's name; None takes that of the process.
    """
    with reporting_errors(Console(stderr=True)):
        app(None if arguments is None else list(arguments))
