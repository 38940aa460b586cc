"""A request or a workload, as options of the commands that take either."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from token2metrics.cli.options import REQUEST
from token2metrics.errors import RequestError
from token2metrics.prediction.predictor import check_tokens

PromptTokens = Annotated[
    int | None,
    typer.Option(
        "--input-tokens",
        "-i",
        metavar="N",
        help="Prompt tokens of one request.",
        rich_help_panel=REQUEST,
    ),
]
AnswerTokens = Annotated[
    int | None,
    typer.Option(
        "--output-tokens",
        "-o",
        metavar="N",
        help="Answer tokens of one request.",
        rich_help_panel=REQUEST,
    ),
]
WorkloadFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--workload",
        "-w",
        metavar="FILE",
        help="Requests in place of one: CSV, Parquet, JSON lines or XLSX with input_tokens and "
        "output_tokens, or a public trace; repeatable.",
        rich_help_panel=REQUEST,
    ),
]


def one_request(
    input_tokens: int | None, output_tokens: int | None, workload: list[Path] | None
) -> tuple[int, int] | None:
    """Return the lengths of the single request; None where files hold the requests.

    Raises:
        RequestError: If neither or both are given, or no request can have the lengths.
    """
    given = [length for length in (input_tokens, output_tokens) if length is not None]
    if workload:
        if given:
            raise RequestError("expected --workload or the tokens of one request, got both")
        return None
    if input_tokens is None or output_tokens is None:
        raise RequestError(
            "expected --input-tokens N and --output-tokens N, or --workload FILE, got "
            + ("only one of the lengths" if given else "neither")
        )
    check_tokens("--input-tokens", input_tokens)
    check_tokens("--output-tokens", output_tokens)
    return input_tokens, output_tokens
