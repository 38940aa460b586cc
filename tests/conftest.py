"""What the tests share: a trained artifact, and the program as a user runs it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from tests import profiles
from token2metrics.cli.app import main
from token2metrics.given_settings import ENVIRONMENT_PREFIX
from token2metrics.settings import Settings
from token2metrics.training.choice import FitOptions, TrainingOptions, choose_experiments
from token2metrics.training.record import TrainingRecord
from token2metrics.training.run import run_training

__all__ = ["profiles"]

WIDE_TERMINAL = "200"
CANONICAL_HEADER = (
    "device,power_mode,runtime,precision,model,phase,input_tokens,output_tokens,parallel,"
    "latency_s,energy_j,energy_window_s,power_rail,source"
)
ORIN = "jetson-agx-orin-64gb,maxn,vllm,bf16"


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Keep torch to one thread, as the settings do: fits are small, and tests share the cores."""
    torch.set_num_threads(1)


@dataclass(frozen=True)
class Outcome:
    """How a run of the program ended.

    Attributes:
        code: Exit code.
        out: Standard output.
        err: Standard error.
    """

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


class Silent:
    """A watcher that shows nothing."""

    def expect(self, steps: int) -> None:
        """Learn how many steps there will be."""

    def step(self, what: str) -> None:
        """Learn that a step is done."""


def train_quickly(directory: Path, *models: str) -> TrainingRecord:
    """Train models with the roofline family alone, on the bundled measurements."""
    options = TrainingOptions(models=models, fit=FitOptions("roofline", "log_ratio"))
    choice = choose_experiments(options, None)
    return run_training(options, choice, directory, Settings(), Silent())


@pytest.fixture(scope="session")
def trained_artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an artifact with a measured model, 1.5B, and one carried over, 7B; do not alter it."""
    directory = tmp_path_factory.mktemp("trained") / "artifact"
    train_quickly(directory, "1.5B", "7B")
    return directory


@pytest.fixture
def clean_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty working directory, without settings of the machine."""
    for name in [name for name in os.environ if name.startswith(ENVIRONMENT_PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", WIDE_TERMINAL)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(clean_place: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs the program in an empty working directory."""

    def run_program(*arguments: object) -> Outcome:
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        code = stop.value.code
        return Outcome(code if isinstance(code, int) else 0, captured.out, captured.err)

    return run_program


def refused(outcome: Outcome, *words: str) -> None:
    """Assert that the program refused with one clear line and the code for it."""
    message = " ".join(outcome.err.split())
    assert outcome.code == 2
    assert "Traceback" not in outcome.err
    assert outcome.out == ""
    for word in words:
        assert word in message, message


def write_rows(path: Path, *rows: str) -> Path:
    """Write a canonical table of rows on the Orin that follow its conditions."""
    path.write_text("\n".join([CANONICAL_HEADER, *(f"{ORIN},{row}" for row in rows)]) + "\n")
    return path
