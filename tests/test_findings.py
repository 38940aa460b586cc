"""``gather``: rows and refits behind a report, on a trained artifact and on files of the user."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

from tests.conftest import write_rows
from tests.finding import QUICK, Counting, gathered, gathered_from
from token2metrics.artifact.load import load_artifact
from token2metrics.artifact.manifest import ModelRecord
from token2metrics.artifact.relevel import relevelled
from token2metrics.data.bundled import bundled_paths
from token2metrics.errors import ArtifactError, DataError, RequestError
from token2metrics.findings.asked import Asked
from token2metrics.findings.findings import Findings
from token2metrics.findings.labels import LONGEST_LABEL, labels_of, legible
from token2metrics.findings.power_logs import MOST_SPANS, thinned
from token2metrics.findings.readings import Judged, read_rows
from token2metrics.findings.refits import (
    Refitting,
    held_out_energies_j,
    held_out_latencies_s,
    refitting,
    shot_errors,
)
from token2metrics.findings.rejected import rejected_rows
from token2metrics.findings.shown import Standing
from token2metrics.modeling.describe import NESTED_PROTOCOL
from token2metrics.modeling.validation import plan_validation
from token2metrics.power.trace import PowerTrace
from token2metrics.prediction.evaluate import evaluate
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.processors.validate import CATEGORY, REASON
from token2metrics.vocabulary import FITTED_PHASES, Phase

__all__ = ["gathered"]

SLOWER = 1.05
LIGHTLY = msgspec.structs.replace(QUICK, refits=False)
DECODE = "1.5B,decode,400,{answer},1,{seconds},,,,test"


@pytest.fixture(scope="session")
def refit(trained_artifact: Path) -> Refitting:
    """Return the measured model of the artifact, ready to be refitted."""
    measured, *_ = load_artifact(trained_artifact).models
    rows = read_rows([measured], (), None)
    found = refitting(rows.judged[0], rows.catalog, "cpu")
    assert isinstance(found, Refitting)
    return found


def test_a_report_holds_both_models_measured_ones_first(gathered: Findings) -> None:
    """A model without rows comes last, and says so."""
    measured, carried = gathered.models
    assert (measured.label, carried.label) == ("1.5B", "7B")
    assert {point.standing for point in measured.points} == {Standing.FITTED}
    assert all(0.0 < point.lower <= point.predicted <= point.upper for point in measured.points)
    assert not carried.points
    assert "no row of it was measured" in carried.remarks[0]
    assert gathered.comparison is not None
    assert [one.name for one in gathered.comparison.configurations] == ["1.5B", "7B"]


def test_every_step_is_told(trained_artifact: Path) -> None:
    """As many steps are done as were announced."""
    watcher = Counting()
    gathered_from(trained_artifact, LIGHTLY, watcher)
    assert watcher.expected == len(watcher.done) == 2


def test_findings_are_json_and_name_no_directory(gathered: Findings, tmp_path: Path) -> None:
    """They can be written and read back, and say nothing of where files lie."""
    text = msgspec.json.encode(gathered)
    assert msgspec.json.decode(text, type=Findings) == gathered
    assert str(tmp_path.parent.parent) not in text.decode()
    assert all("/" not in file.file for one in gathered.readings for file in one.files)
    assert "NaN" not in json.dumps(msgspec.to_builtins(gathered))


def test_held_out_errors_are_of_the_rows_of_the_training(gathered: Findings) -> None:
    """Each row that training held out is forecast once, and off by more than the fit is."""
    measured = gathered.models[0]
    for phase in FITTED_PHASES:
        (trained,) = [e for e in measured.phases[phase].errors if e.protocol == NESTED_PROTOCOL]
        key = (phase, "latency")
        (held,) = [e for e in measured.held_out_errors if (e.phase, e.metric) == key]
        (fitted,) = [e for e in measured.errors if (e.phase, e.metric) == key]
        assert held.rows == fitted.rows == trained.rows
        assert fitted.mape_percent < held.mape_percent


def test_errors_are_those_of_evaluate(gathered: Findings, trained_artifact: Path) -> None:
    """Both compare the same numbers, energy over its window included."""
    model, *_ = load_artifact(trained_artifact).models
    evaluated = evaluate([model], bundled_paths()).evaluation.errors
    found = {(one.phase, one.metric): one for one in gathered.models[0].errors}
    assert len(found) == len(evaluated)
    for one in evaluated:
        same = found[Phase(one.phase), one.metric]
        assert same.rows == one.rows
        assert same.mape_percent == pytest.approx(one.mape_percent)
        assert same.bias_percent == pytest.approx(one.bias_percent)


def test_a_held_out_forecast_is_that_of_a_refit_on_the_other_folds(refit: Refitting) -> None:
    """Alone or in one batch with the other folds."""
    forecast = held_out_latencies_s(refit)
    plan = plan_validation(refit.edge, refit.search.experiment.regression)
    for split in plan.folds:
        held = split.outer.rows
        told = refit.latencies_s([~held])
        alone_s = np.sum([told[phase][0] for phase in told], axis=0)
        assert forecast[held] == pytest.approx(alone_s[held], rel=0.01)


def test_a_refit_on_all_rows_is_the_model(refit: Refitting, trained_artifact: Path) -> None:
    """It has the same rows, sources and candidates, and only stops earlier."""
    model, *_ = load_artifact(trained_artifact).models
    predictor = ModelPredictor(model)
    told = refit.latencies_s([np.ones(len(refit.edge), dtype=bool)])
    asked = zip(
        refit.edge.workload.input_tokens.tolist(), refit.edge.workload.steps.tolist(), strict=True
    )
    for row, (prompt, steps) in enumerate(asked):
        for phase in FITTED_PHASES:
            if refit.edge.includes[phase][row] > 0:
                cost = predictor.phase_cost(phase, int(prompt), int(steps) + 1)
                assert cost is not None
                assert told[phase][0, row] == pytest.approx(cost.latency_s, rel=0.05)


def test_a_held_out_row_has_no_say_in_its_forecast(refit: Refitting) -> None:
    """Its own latency, made longer by what a robust fit follows, leaves its forecast as it was."""
    before = held_out_latencies_s(refit)
    row = int(np.flatnonzero(~np.isnan(before))[0])
    edge = refit.edge
    changed = edge.latency_s.clone()
    changed[row] *= SLOWER
    other = replace(edge, latency_s=changed)
    sources = replace(refit.search.sources, edge=other)
    altered = replace(refit, edge=other, search=replace(refit.search, sources=sources))
    after = held_out_latencies_s(altered)
    assert after[row] == pytest.approx(before[row], rel=1e-3)


def test_energies_of_refits_belong_to_metered_rows(refit: Refitting) -> None:
    """Rows without a meter have none."""
    found = held_out_energies_j(refit)
    metered = ~refit.edge.energy_j.isnan().numpy()
    assert np.isfinite(found[metered]).all()
    assert np.isnan(found[~metered]).all()


def medians_of_one_shot(refit: Refitting, seed: int) -> list[float]:
    """Return the median errors of refits on one row of each kind."""
    return [one.median_ape_percent for one in shot_errors(refit, "1.5B", (1,), 2, seed)]


def test_shots_are_draws_of_the_rows_left_out(refit: Refitting) -> None:
    """Nothing drawn is one refit; the seed decides what is drawn; too few rows are left alone."""
    found = shot_errors(refit, "1.5B", (0, 1, 3, 8, 9, 50), 2, seed=0)
    rows = {phase: int(refit.edge.pure[phase].sum()) for phase in FITTED_PHASES}
    for one in found:
        assert one.draws == (2 if one.shots else 1)
        assert one.forecasts == one.draws * (rows[one.phase] - one.shots)
        assert rows[one.phase] - one.shots >= 3
        assert 0.0 <= one.median_ape_percent <= one.p90_ape_percent
    assert {one.shots for one in found} == {0, 1, 3}
    one_shot = [one.median_ape_percent for one in found if one.shots == 1]
    again, another = (medians_of_one_shot(refit, seed) for seed in (0, 1))
    assert again == pytest.approx(one_shot, rel=0.01)
    assert another != pytest.approx(one_shot, rel=0.01)
    assert shot_errors(refit, "1.5B", (50,), 2, seed=0) == []


def test_a_moved_level_moves_forecasts_but_not_energies(trained_artifact: Path) -> None:
    """Held-out latencies follow finished requests as the model does."""
    model, *_ = load_artifact(trained_artifact).models
    rows = read_rows([model], (), None)
    moved = Judged(
        relevelled(model, {Phase.DECODE: 1.5}), rows.judged[0].experiment, rows.judged[0].prepared
    )
    before = refitting(rows.judged[0], rows.catalog, "cpu")
    after = refitting(moved, rows.catalog, "cpu")
    assert isinstance(before, Refitting)
    assert isinstance(after, Refitting)
    ratio = held_out_latencies_s(after) / held_out_latencies_s(before)
    decode = before.edge.pure[Phase.DECODE].numpy()
    assert ratio[decode] == pytest.approx(1.5)
    assert ratio[~decode] == pytest.approx(1.0)
    assert np.isnan(held_out_energies_j(after)).all()


def test_rows_that_the_fit_did_not_see_are_forecast(trained_artifact: Path, tmp_path: Path) -> None:
    """A file of the user is judged as it is, and nothing is refitted to hold it out."""
    rows = [DECODE.format(answer=count, seconds=count / 40) for count in (100, 200, 300)]
    bad = "1.5B,decode,400,100,1,-1,,,,test"
    file = write_rows(tmp_path / "mine.csv", *rows, bad)
    asked = msgspec.structs.replace(LIGHTLY, data=(file,), models=("1.5B",))
    found = gathered_from(trained_artifact, asked)
    (model,) = found.models
    assert {point.standing for point in model.points} == {Standing.UNSEEN}
    assert model.errors == model.held_out_errors
    assert [(one.file, one.rows) for one in found.rejected] == [("mine.csv", 1)]
    assert found.readings[0].files[0].file == "mine.csv"
    assert (found.typical_input_tokens, found.typical_output_tokens) == (400, 200)


def test_rows_of_another_model_leave_pictures_of_predictions(
    trained_artifact: Path, tmp_path: Path
) -> None:
    """A file without a row of the model says so, and its curves are drawn all the same."""
    file = write_rows(tmp_path / "others.csv", "14B,decode,400,100,1,3.0,,,,test")
    asked = msgspec.structs.replace(QUICK, data=(file,), models=("1.5B",))
    found = gathered_from(trained_artifact, asked)
    (model,) = found.models
    assert not model.points
    assert "no row of it was measured" in model.remarks[0]
    assert model.staircase is not None
    assert found.shots is not None
    assert found.shots.remarks[0] == f"{model.label}: {model.remarks[0]}"


def test_wrong_files_and_names_are_refused(trained_artifact: Path, tmp_path: Path) -> None:
    """What was given must be usable; each error names it."""
    nowhere = tmp_path / "nowhere.csv"
    with pytest.raises(DataError, match=r"nowhere\.csv"):
        gathered_from(trained_artifact, Asked(data=(nowhere,)))
    with pytest.raises(DataError, match=r"nowhere\.csv"):
        gathered_from(trained_artifact, Asked(power_logs=(nowhere,)))
    with pytest.raises(RequestError, match="unheard-of"):
        gathered_from(trained_artifact, Asked(models=("unheard-of",)))
    with pytest.raises(RequestError, match="confidence"):
        gathered_from(trained_artifact, Asked(confidence=1.0))
    with pytest.raises(ArtifactError, match="no trained model"):
        gathered_from(tmp_path, Asked())


def test_a_broken_training_record_is_not_needed(trained_artifact: Path, tmp_path: Path) -> None:
    """Without it, or with rubbish in it, only its warnings are missing."""
    copy = tmp_path / "copy"
    shutil.copytree(trained_artifact, copy)
    (copy / "training.json").write_text("{" * 10_000)
    assert gathered_from(copy, LIGHTLY).models[1].warnings == ()
    (copy / "training.json").unlink()
    assert gathered_from(copy, LIGHTLY).models[1].warnings == ()


def test_power_logs_are_thinned_without_losing_power() -> None:
    """Each point is a mean over its readings, times rise, and a short log stays as it is."""
    readings = [(float(time_s), 10.0 + time_s % 7) for time_s in range(5_000)]
    spans = list(thinned(PowerTrace(readings)))
    assert len(spans) == MOST_SPANS
    assert [time_s for time_s, _ in spans] == sorted({time_s for time_s, _ in spans})
    assert all(10.0 <= power_w <= 16.0 for _, power_w in spans)
    assert list(thinned(PowerTrace(readings[:3]))) == readings[:3]


def test_a_power_log_is_part_of_the_report(trained_artifact: Path, tmp_path: Path) -> None:
    """Its name, rail and readings are told."""
    file = tmp_path / "power.csv"
    lines = [f"{1_700_000_000 + second},{20 + second % 3}" for second in range(30)]
    file.write_text("\n".join(["timestamp,power_w", *lines]))
    asked = msgspec.structs.replace(LIGHTLY, power_logs=(file,))
    (log,) = gathered_from(trained_artifact, asked).power_logs
    assert (log.file, log.readings) == ("power.csv", 30)
    assert len(log.times_s) == len(log.power_w) == 30
    assert log.times_s[0] == 0.0


def test_rejected_rows_count_once(tmp_path: Path) -> None:
    """A row that two choices of measurements reject counts for the first."""
    rejected = {
        "file": ["/a/x.csv", "/a/x.csv", "/a/x.csv", "y.csv"],
        "row": [1, 2, 3, 1],
        CATEGORY: ["late", "late", "odd", "late"],
        REASON: ["late by 1", "late by 2", "odd", "late by 3"],
    }
    table = pl.DataFrame(rejected)
    found = rejected_rows([table, table, table.clear()])
    assert [(one.file, one.category, one.reason, one.rows) for one in found] == [
        ("x.csv", "late", "late by 1", 2),
        ("x.csv", "odd", "odd", 1),
        ("y.csv", "late", "late by 3", 1),
    ]
    assert rejected_rows([]) == ()


def records(trained_artifact: Path, *names: str) -> list[ModelRecord]:
    """Return records that differ in their names alone."""
    model, *_ = load_artifact(trained_artifact).models
    return [msgspec.structs.replace(model.record, name=name) for name in names]


def test_labels_are_short_printable_and_unique(trained_artifact: Path) -> None:
    """Whatever the names of models are."""
    names = ("8B", "8B", "8B", "", "\x1b[31m\nred", "x" * 400, "x" * 401, "<script>")
    found = labels_of(records(trained_artifact, *names))
    assert len(set(found)) == len(found)
    assert all(label.isprintable() for label in found)
    assert all(len(label) <= LONGEST_LABEL + len(" no. 9") for label in found)
    assert found[-1] == "<script>"
    assert legible("") == "model"


def test_labels_say_what_differs(trained_artifact: Path) -> None:
    """Namesakes are told apart by their conditions, others by nothing."""
    one, two, three = records(trained_artifact, "8B", "8B", "1.5B")
    two = msgspec.structs.replace(two, power_mode="30w")
    assert labels_of([one, two, three]) == ["8B, maxn", "8B, 30w", "1.5B"]
