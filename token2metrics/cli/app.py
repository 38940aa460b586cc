"""Where the program starts, and the one place that reports errors.

What starts quickly is imported as late as it can be: a prediction takes less time than the
libraries of most commands.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from token2metrics.cli.importing import importing
from token2metrics.errors import Token2MetricsError

if TYPE_CHECKING:
    from rich.console import Console

USAGE_OR_DATA_ERROR = 2


@contextmanager
def reporting_errors(console: Console | None = None) -> Iterator[None]:
    """Report what the user can put right in one line, and leave with the code for it.

    Args:
        console: Where to; None for standard error.
    """
    try:
        yield
    except Token2MetricsError as error:
        from rich.console import Console
        from rich.text import Text

        line = Text.assemble(("error: ", "bold red"), " ".join(str(error).split()))
        (console or Console(stderr=True)).print(line, soft_wrap=True)
        sys.exit(USAGE_OR_DATA_ERROR)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and leave with its exit code.

    Args:
        arguments: Command line without the program's name; None takes that of the process.
    """
    with importing():
        from token2metrics.cli.program import app
    with reporting_errors():
        app(None if arguments is None else list(arguments))
