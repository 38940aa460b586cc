"""The commands of the program, a line each: here a new one is listed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from token2metrics.cli.importing import importing
from token2metrics.cli.session import session_of
from token2metrics.cli.values import read_plainly

COMMANDS = {
    "train": "Train models on measurements and save them.",
    "predict": "Predict latency, energy, power and cost of requests.",
    "plan": "Find the longest request that keeps limits of time, energy, power or cost.",
    "explain": "Explain predictions: the terms, law, factors, prior and rows behind them.",
    "evaluate": "Compare predictions with measurements: MAPE, median, bias and 90th percentile.",
    "report": (
        "Draw what there is to say about trained models: a page, a model card, or single pictures."
    ),
    "bench": "Refit other predictors on your rows and compare them with this one.",
    "ingest": "Convert the results of benchmark tools and servers into a table that train reads.",
    "doctor": "Find the defects of measurements, with their evidence.",
    "measure": "Time and meter a running engine, and write rows that train reads.",
    "calibrate": "Measure the few requests a device needs, and train on them.",
    "next-points": (
        "Say which requests to measure next, their cost, and the expected error now and after each."
    ),
    "compare": (
        "Compare models, devices and samples at once, for a request or for a whole workload."
    ),
    "budget": "Say how far a battery, a power cap or money goes, and when owning beats an API.",
    "monitor": "Compare finished requests with their predictions, and tell drift from noise.",
    "fit-fleet": (
        "Fit thousands to millions of curves, one per device, model, conditions and phase, at once."
    ),
    "score": "Predict every request of traces of any size, with totals and percentiles.",
    "batch-predict": "Predict every request of a table.",
    "export": "Write trained models as ONNX, SQL, Python, C or JavaScript that predicts by itself.",
    "serve": ("Answer predictions, plans and comparisons over HTTP, and watch whether they hold."),
    "count-tokens": "Count the tokens of a text with a local tokenizer.json.",
}
"""What every command is for, in the order of the help: the first paragraph of its docstring.

A command is a function in a module of this package; function and module are called as the command
is, with ``_`` for ``-``. The module is imported when its command is run or asked for its help.
"""

WITHOUT_LOG = frozenset({"predict", "plan", "explain"})
"""Commands of nothing but plain Python, which has nothing to log: they start sooner without."""


class PlainCommand(TyperCommand):
    """A command whose options are read in plain Python."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command line."""
        read_plainly(self.get_params(ctx))
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command, with a log."""
        if self.name not in WITHOUT_LOG:
            session_of(ctx).open_log()
        return super().invoke(ctx)


def load_command(name: str) -> PlainCommand:
    """Import a command and return it with its options.

    Args:
        name: One of ``COMMANDS``.
    """
    called = name.replace("-", "_")
    with importing():
        function = getattr(import_module(f"{__package__}.{called}"), called)
    alone = typer.Typer(add_completion=False)
    alone.command(name, cls=PlainCommand)(function)
    loaded = get_command(alone)
    assert isinstance(loaded, PlainCommand)
    return loaded


class ListedCommand(TyperCommand):
    """A command of which only name and purpose are known until it is run."""

    def make_context(self, *arguments: Any, **settings: Any) -> Any:
        """Leave parsing, and all that follows, to the imported command."""
        return load_command(str(self.name)).make_context(*arguments, **settings)


class ListedCommands(TyperGroup):
    """All commands, none of them imported."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, purpose in COMMANDS.items():
            self.add_command(ListedCommand(name, help=purpose))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the options before the command."""
        read_plainly(self.get_params(ctx))
        return super().parse_args(ctx, args)
