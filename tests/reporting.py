"""What the tests of reports share: findings of models that were never trained, and one report."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import msgspec
import pytest

from tests.conftest import write_rows
from token2metrics.artifact.fitted import FittedModel
from token2metrics.artifact.load import load_artifact
from token2metrics.artifact.save import save_artifact
from token2metrics.cli.app import main
from token2metrics.findings.factors import factors_of
from token2metrics.findings.findings import Findings, ModelFindings
from token2metrics.findings.power_steps import power_of
from token2metrics.intervals import DEFAULT_CONFIDENCE
from token2metrics.prediction.model_predictor import ModelPredictor

TYPICAL = (512, 128)
HOSTILE = "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"
"""A name that does harm wherever it is taken for HTML."""

HOSTILE_ROWS = (
    f'dsr1-qwen-1.5b,decode,400,200,1,5.0,,,,"{HOSTILE}"',
    f'dsr1-qwen-1.5b,decode,400,400,1,10.0,,,,"{HOSTILE}"',
    f'"{HOSTILE}",decode,400,400,1,10.0,,,,{{{{ 7 * 7 }}}}',
    f'dsr1-qwen-1.5b,"{HOSTILE}",400,400,1,10.0,,,,',
    'dsr1-qwen-1.5b,decode,400,400,1,"=1+1",,,,',
)
"""Rows whose texts do harm, good ones and bad ones."""

__all__ = ["hostile_report", "report_file"]


def found(models: Sequence[FittedModel]) -> Findings:
    """Return what there is to say of models without a measured row."""
    return Findings(
        artifact="artifact",
        created_by="0.0.0",
        reported_by="0.0.0",
        confidence=DEFAULT_CONFIDENCE,
        typical_input_tokens=TYPICAL[0],
        typical_output_tokens=TYPICAL[1],
        readings=(),
        models=tuple(_found(model) for model in models),
        shots=None,
        comparison=None,
        rejected=(),
        power_logs=(),
        remarks=("nothing was read",),
    )


def _found(model: FittedModel) -> ModelFindings:
    """Return what there is to say of one model."""
    record, predictor = model.record, ModelPredictor(model)
    return ModelFindings(
        label=record.name,
        id=record.id,
        name=record.name,
        device=record.device,
        power_mode=record.power_mode,
        runtime=record.runtime,
        precision=record.precision,
        trained_at=record.trained_at,
        sources=record.data_sources,
        hardware=record.hardware,
        phases=dict(record.phases),
        typical=predictor(*TYPICAL),
        points=(),
        errors=(),
        held_out_errors=(),
        staircase=None,
        context=None,
        power=power_of(predictor, *TYPICAL),
        factors=factors_of(model),
        warnings=(),
        remarks=(),
    )


def run_quietly(*arguments: object) -> int:
    """Run the program outside of a test and return its exit code."""
    with contextlib.redirect_stdout(io.StringIO()), pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    return int(stop.value.code or 0)


@pytest.fixture(scope="session")
def report_file(trained_artifact: Path) -> Path:
    """Return the report of the trained artifact; do not alter it."""
    return _reported(trained_artifact)


@cache
def _reported(artifact: Path) -> Path:
    """Write the report once, whichever modules import the fixture."""
    path = artifact.parent / "report.html"
    assert run_quietly("report", "-a", artifact, "-o", path, "--draws", 2) == 0
    return path


@pytest.fixture(scope="session")
def hostile_report(trained_artifact: Path) -> Path:
    """Return a report in which every name does harm where it is taken for HTML."""
    return _reported_hostile(trained_artifact)


@cache
def _reported_hostile(artifact: Path) -> Path:
    """Write the hostile report once."""
    folder = artifact.parent / "hostile"
    folder.mkdir()
    save_artifact(folder / "artifact", [renamed(one) for one in load_artifact(artifact).models])
    rows = write_rows(folder / "<b>rows.csv", *HOSTILE_ROWS)
    path = folder / "report.html"
    options = ("--no-refits", "-d", rows, "-o", path)
    assert run_quietly("report", "-a", folder / "artifact", *options) == 0
    return path


def renamed(model: FittedModel) -> FittedModel:
    """Return a model with a hostile name and hostile sources."""
    name = f"{model.record.name} {HOSTILE}"
    record = msgspec.structs.replace(model.record, name=name, data_sources=(HOSTILE, "{{ 7 * 7 }}"))
    return msgspec.structs.replace(model, record=record)
