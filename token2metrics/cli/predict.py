"""``predict``: what single requests cost."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Annotated

import typer

from token2metrics.cli.count_tokens import prompt_tokens
from token2metrics.cli.options import (
    REQUEST,
    ArtifactDirectory,
    AsJson,
    Confidence,
    DeviceName,
    ModelNames,
    PowerMode,
    PrecisionName,
    RuntimeName,
    TokenizerFile,
)
from token2metrics.cli.session import session_of
from token2metrics.errors import RequestError
from token2metrics.intervals import DEFAULT_CONFIDENCE
from token2metrics.prediction.money import DEFAULT_PRICE_PER_KWH, prices_on
from token2metrics.prediction.predictor import Conditions, Predictor, check_tokens
from token2metrics.report.predictions import show_predictions

MONEY = "Cost"

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
PricePerKwh = Annotated[
    float,
    typer.Option(help="Price of electricity, in any currency.", rich_help_panel=MONEY),
]
DevicePrice = Annotated[
    float | None,
    typer.Option(help="Price of the device.  \\[default: as configured]", rich_help_panel=MONEY),
]
LifetimeYears = Annotated[
    float | None,
    typer.Option(
        help="Years of use the device is paid off over.  \\[default: as configured]",
        rich_help_panel=MONEY,
    ),
]


def predict(
    context: typer.Context,
    model: ModelNames = None,
    input_tokens: InputTokens = None,
    output_tokens: OutputTokens = None,
    prompt_file: PromptFile = None,
    tokenizer: TokenizerFile = None,
    artifact: ArtifactDirectory = None,
    device: DeviceName = None,
    power_mode: PowerMode = None,
    runtime: RuntimeName = None,
    precision: PrecisionName = None,
    confidence: Confidence = DEFAULT_CONFIDENCE,
    price_per_kwh: PricePerKwh = DEFAULT_PRICE_PER_KWH,
    device_price: DevicePrice = None,
    lifetime_years: LifetimeYears = None,
    as_json: AsJson = False,
) -> None:
    """Predict latency, energy, power and cost of requests.

    Repeated options are combined; without --model, every trained model is asked.

    Example: [bold]python main.py predict --model 1.5B --input-tokens 100 --output-tokens 50[/]
    """
    session = session_of(context)
    prompts = _prompts(input_tokens, prompt_file, tokenizer)
    answers = _counts("--output-tokens", output_tokens)
    predictor = Predictor.load(session.directory(artifact))
    conditions = Conditions(device, power_mode, runtime, precision)
    priced = [
        (one, prices_on(one.model.record.hardware, price_per_kwh, device_price, lifetime_years))
        for one in predictor.choose(model or (), conditions)
    ]
    predictions = [
        one(prompt, answer, prices, confidence)
        for (one, prices), prompt, answer in product(priced, prompts, answers)
    ]
    if as_json:
        session.show_json(predictions)
    else:
        show_predictions(session.console, predictions)


def _prompts(
    input_tokens: list[int] | None, prompt_file: str | None, tokenizer: Path | None
) -> list[int]:
    """Return the prompt lengths: as given, or counted."""
    if (prompt_file is None) != (tokenizer is None):
        raise RequestError("expected --prompt-file and --tokenizer together, got one of them")
    if prompt_file is None or tokenizer is None:
        return _counts("--input-tokens", input_tokens)
    if input_tokens:
        raise RequestError("expected --input-tokens or --prompt-file, got both")
    return [prompt_tokens(tokenizer, prompt_file)]


def _counts(option: str, given: list[int] | None) -> list[int]:
    """Return token counts that a request can have."""
    if not given:
        raise RequestError(f"expected {option} N, got nothing")
    for count in given:
        check_tokens(option, count)
    return given
