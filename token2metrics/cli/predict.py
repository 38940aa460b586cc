"""``predict``: what single requests cost."""

from itertools import product
from typing import Annotated

import typer

from token2metrics.cli.importing import importing
from token2metrics.cli.option_names import MONEY_OPTIONS, naming_options
from token2metrics.cli.options import (
    ArtifactDirectory,
    AsJson,
    Confidence,
    DeviceName,
    ModelNames,
    Parallel,
    PowerMode,
    PrecisionName,
    RuntimeName,
    TokenizerFile,
)
from token2metrics.cli.requests import InputTokens, OutputTokens, PromptFile, counts, prompts
from token2metrics.cli.session import session_of
from token2metrics.intervals import DEFAULT_CONFIDENCE
from token2metrics.parallel import SINGLE
from token2metrics.prediction.conditions import Conditions
from token2metrics.prediction.money import DEFAULT_PRICE_PER_KWH, prices_on
from token2metrics.prediction.predictor import Predictor

MONEY = "Cost"

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
    parallel: Parallel = SINGLE,
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
    lengths = prompts(input_tokens, prompt_file, tokenizer)
    answers = counts("--output-tokens", output_tokens)
    predictor = Predictor.load(session.directory(artifact))
    conditions = Conditions(device, power_mode, runtime, precision)
    with naming_options(MONEY_OPTIONS):
        priced = [
            (one, prices_on(one.model.record.hardware, price_per_kwh, device_price, lifetime_years))
            for one in predictor.choose(model or (), conditions)
        ]
    predictions = [
        one(prompt, answer, prices, confidence, parallel)
        for (one, prices), prompt, answer in product(priced, lengths, answers)
    ]
    if as_json:
        session.show_json(predictions)
    else:
        with importing():
            from token2metrics.report.predictions import show_predictions
        show_predictions(session.console, predictions)
