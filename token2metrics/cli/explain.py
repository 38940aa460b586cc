"""``explain``: where the numbers of a prediction come from."""

from itertools import product

import typer

from token2metrics.cli.importing import importing
from token2metrics.cli.options import (
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
from token2metrics.cli.requests import InputTokens, OutputTokens, PromptFile, counts, prompts
from token2metrics.cli.session import session_of
from token2metrics.intervals import DEFAULT_CONFIDENCE
from token2metrics.prediction.conditions import Conditions
from token2metrics.prediction.explain import explain as explain_request
from token2metrics.prediction.predictor import Predictor


def explain(
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
    as_json: AsJson = False,
) -> None:
    """Explain predictions: the terms, law, factors, prior and rows behind them.

    Repeated options are combined, and each request is explained in turn.

    Example: [bold]python main.py explain --model 1.5B --input-tokens 100 --output-tokens 50[/]
    """
    session = session_of(context)
    lengths = prompts(input_tokens, prompt_file, tokenizer)
    answers = counts("--output-tokens", output_tokens)
    predictor = Predictor.load(session.directory(artifact))
    conditions = Conditions(device, power_mode, runtime, precision)
    explanations = [
        explain_request(one, prompt, answer, confidence)
        for one, prompt, answer in product(
            predictor.choose(model or (), conditions), lengths, answers
        )
    ]
    if as_json:
        session.show_json(explanations)
    else:
        with importing():
            from token2metrics.report.explanation import show_explanations
        show_explanations(session.console, explanations)
