"""A tour: train on the bundled measurements, then predict a few requests."""

from __future__ import annotations

import tempfile
from itertools import product
from pathlib import Path

from token2metrics.cli.app import reporting_errors
from token2metrics.cli.session import Session, open_session
from token2metrics.cli.train import fit_and_save
from token2metrics.prediction.money import prices_on
from token2metrics.prediction.predictor import Predictor
from token2metrics.report.predictions import show_request, show_requests
from token2metrics.report.training import show_training

MODELS = ("1.5B", "7B", "14B")
INPUT_TOKENS = (256, 1024)
OUTPUT_TOKENS = (128, 512)


def main() -> None:
    """Train three models into a temporary folder and predict requests of several lengths."""
    session = open_session(verbose=False)
    with reporting_errors(session.errors), tempfile.TemporaryDirectory() as folder:
        _tour(session, Path(folder))


def _tour(session: Session, directory: Path) -> None:
    """Train into a directory and predict from it."""
    from token2metrics.training.choice import TrainingOptions

    console = session.console
    console.rule("Training on the bundled measurements", align="left")
    record = fit_and_save(session, TrainingOptions(models=MODELS), directory)
    show_training(console, record, every_candidate=False)
    console.rule("What requests cost", align="left")
    predictor = Predictor.load(directory)
    chosen = [predictor.select(name) for name in MODELS]
    priced = [
        one(input_tokens, output_tokens, prices_on(one.model.record.hardware))
        for one, input_tokens, output_tokens in product(chosen, INPUT_TOKENS, OUTPUT_TOKENS)
    ]
    show_requests(console, priced)
    console.rule("One of them in full", align="left")
    show_request(console, priced[0])
