"""The lengths of requests, as options: given, or counted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from token2metrics.cli.options import REQUEST
from token2metrics.errors import RequestError
from token2metrics.prediction.checks import check_tokens

InputTokens = Annotated[
    list[int] | None,
    typer.Option(
        "--input-tokens",
        "-i",
        metavar="N",
        help="Prompt tokens; repeatable.",
        rich_help_panel=REQUEST,
    ),
]
OutputTokens = Annotated[
    list[int] | None,
    typer.Option(
        "--output-tokens",
        "-o",
        metavar="N",
        help="Answer tokens; repeatable.",
        rich_help_panel=REQUEST,
    ),
]
PromptFile = Annotated[
    str | None,
    typer.Option(
        "--prompt-file",
        metavar="FILE",
        help="Count the prompt tokens of a text (- reads standard input) with --tokenizer.",
        rich_help_panel=REQUEST,
    ),
]


def prompts(
    input_tokens: list[int] | None, prompt_file: str | None, tokenizer: Path | None
) -> list[int]:
    """Return the prompt lengths: as given, or counted."""
    if (prompt_file is None) != (tokenizer is None):
        raise RequestError("expected --prompt-file and --tokenizer together, got one of them")
    if prompt_file is None or tokenizer is None:
        return counts("--input-tokens", input_tokens)
    if input_tokens:
        raise RequestError("expected --input-tokens or --prompt-file, got both")
    from token2metrics.cli.count_tokens import prompt_tokens

    return [prompt_tokens(tokenizer, prompt_file)]


def counts(option: str, given: list[int] | None) -> list[int]:
    """Return token counts that a request can have."""
    if not given:
        raise RequestError(f"expected {option} N, got nothing")
    for count in given:
        check_tokens(option, count)
    return given
