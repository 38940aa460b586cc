"""``count-tokens``: how many tokens a prompt has."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from token2metrics.cli.options import AsJson
from token2metrics.cli.session import session_of
from token2metrics.extras import needing


def prompt_tokens(tokenizer: Path, source: str) -> int:
    """Count the tokens of a file, or of standard input for ``-``."""
    with needing("counting tokens"):
        from token2metrics.prediction import tokens
    return tokens.count_tokens(
        tokens.load_tokenizer(tokenizer), tokens.read_text(source, sys.stdin.buffer)
    )


def count_tokens(
    context: typer.Context,
    tokenizer: Annotated[
        Path, typer.Option("--tokenizer", metavar="FILE", help="A tokenizer.json.")
    ],
    prompt: Annotated[
        str, typer.Argument(metavar="FILE", help="The text; - reads standard input.")
    ] = "-",
    as_json: AsJson = False,
) -> None:
    """Count the tokens of a text with a local tokenizer.json.

    Special tokens that the tokenizer adds are counted; a chat template is not applied.

    Example: [bold]python main.py count-tokens --tokenizer tokenizer.json prompt.txt[/]
    """
    session = session_of(context)
    count = prompt_tokens(tokenizer, prompt)
    if as_json:
        session.show_json({"tokens": count})
    else:
        session.console.out(str(count), highlight=False)
