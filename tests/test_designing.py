"""What a design starts from: workloads, files and rows without work."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.conftest import Run, write_rows
from tests.strategies import COMBINATIONS, lawful_model
from token2metrics.artifact import lock
from token2metrics.artifact.fitted import FittedModel
from token2metrics.artifact.load import load_artifact
from token2metrics.artifact.lock import writing
from token2metrics.artifact.save import save_artifact
from token2metrics.errors import ConfigurationError
from token2metrics.measure.designing import MOST_REQUESTS, wish_of
from token2metrics.measure.known_files import known_files
from token2metrics.modeling.knowledge import Views, summed
from token2metrics.prediction.conditions import Conditions
from token2metrics.vocabulary import Phase

REQUESTS = 3_000
LONGEST = (8_000, 4_000)


def test_a_rare_long_request_sets_the_limits(tmp_path: Path) -> None:
    """What is drawn for the errors is a sample; how long points may be is what was sent."""
    lengths = [(10 + place % 900, 5 + place % 450) for place in range(REQUESTS)]
    lines = [f"{prompt},{answer}" for prompt, answer in (*lengths, LONGEST)]
    workload = tmp_path / "workload.csv"
    workload.write_text("\n".join(["input_tokens,output_tokens", *lines]) + "\n")
    wish = wish_of([workload], None, None, (100, 100), points=3)
    assert (wish.limits.longest_input, wish.limits.longest_output) == LONGEST
    assert wish.requests is not None
    assert len(wish.requests.tokens) <= MOST_REQUESTS
    assert wish.requests.counts.sum() == pytest.approx(REQUESTS + 1)


def test_a_request_without_work_shows_nothing() -> None:
    """It has no share of any phase, and no number that is none."""
    idle = Views(np.ones((1, 2)), np.array([np.inf]), np.array([0.0]))
    together = summed({Phase.PREFILL: idle, Phase.DECODE: idle})
    assert not together.shows.any()
    assert np.isfinite(together.slopes).all()


def test_a_decode_of_one_token_does_not_stop_a_design(run: Run, tmp_path: Path) -> None:
    """Training passes over such a row, and so does a design."""
    rows = write_rows(
        tmp_path / "rows.csv",
        "dsr1-qwen-1.5b,prefill,128,1,1,0.04,,,,desk",
        "dsr1-qwen-1.5b,decode,128,100,1,2.4,,,,desk",
        "dsr1-qwen-1.5b,decode,128,1,1,0.001,,,,desk",
    )
    outcome = run("next-points", "-m", "1.5B", "-d", rows, "--points", 2)
    assert outcome.code == 0, outcome.err


def test_files_of_the_asked_conditions_come_first(tmp_path: Path) -> None:
    """A model may be trained for two devices, on files of their own."""
    models = []
    for device in ("board-a", "board-b"):
        file = tmp_path / f"{device}.csv"
        file.write_text("x")
        model = lawful_model(COMBINATIONS[0], 7)
        configuration = {"data": {"paths": [str(file)]}}
        record = msgspec.structs.replace(model.record, device=device, configuration=configuration)
        models.append(FittedModel(record, model.formulas, model.weights))
    save_artifact(tmp_path / "both", models)
    artifact = load_artifact(tmp_path / "both")
    for device in ("board-a", "board-b"):
        where = Conditions(device=device)
        (found,) = known_files(artifact, "model", tmp_path / "both", where)
        assert found.name == f"{device}.csv"


def test_one_writer_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who comes second waits, and says so when it was in vain; the artifact stays as it is."""
    monkeypatch.setattr(lock, "PATIENCE_S", 0.1)
    model = lawful_model(COMBINATIONS[0], 7)
    save_artifact(tmp_path, [model])
    with writing(tmp_path), pytest.raises(ConfigurationError, match="another process writes"):
        save_artifact(tmp_path, [lawful_model(COMBINATIONS[1], 8)])
    assert [one.record.key for one in load_artifact(tmp_path).models] == [model.record.key]
