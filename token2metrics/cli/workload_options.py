"""A request or a workload, as options of the commands that take either."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from token2metrics.cli.options import REQUEST
from token2metrics.errors import RequestError
from token2metrics.prediction.checks import check_tokens

PromptTokens = Annotated[
    list[int] | None,
    typer.Option(
        "--input-tokens",
        "-i",
        metavar="N",
        help="Prompt tokens of the one request.",
        rich_help_panel=REQUEST,
    ),
]
AnswerTokens = Annotated[
    list[int] | None,
    typer.Option(
        "--output-tokens",
        "-o",
        metavar="N",
        help="Answer tokens of the one request.",
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
    input_tokens: list[int] | None, output_tokens: list[int] | None, workload: list[Path] | None
) -> tuple[int, int] | None:
    """Return the lengths of the single request; None where files hold the requests.

    Raises:
        RequestError: If neither or both are given, a length is given more than once, or no request
            can have the lengths.
    """
    given = [lengths for lengths in (input_tokens, output_tokens) if lengths]
    if workload:
        if given:
            raise RequestError("expected --workload or the tokens of one request, got both")
        return None
    if not input_tokens or not output_tokens:
        raise RequestError(
            "expected --input-tokens N and --output-tokens N, or --workload FILE, got "
            + ("only one of the lengths" if given else "neither")
        )
    return _only("--input-tokens", input_tokens), _only("--output-tokens", output_tokens)


def _only(option: str, lengths: list[int]) -> int:
    """Return the length of the single request."""
    if len(lengths) > 1:
        named = ", ".join(str(length) for length in lengths)
        raise RequestError(
            f"expected one {option}, got {named}; ask for each alone, or give --workload FILE"
        )
    check_tokens(option, lengths[0])
    return lengths[0]
