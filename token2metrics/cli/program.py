"""The program: the options before a command, and the commands."""

from typing import Annotated

import typer

from token2metrics import __version__
from token2metrics.cli.commands import ListedCommands
from token2metrics.cli.session import Session

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
    cls=ListedCommands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _show_version(wanted: bool) -> None:
    """Print the version and stop."""
    if wanted:
        typer.echo(f"token2metrics {__version__}")
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
    context.obj = Session(verbose)
