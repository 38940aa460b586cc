"""``evaluate``: errors that can be checked by hand, and what cannot be compared."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from zlib import crc32

import msgspec
import polars as pl
import pytest

from tests.conftest import Run, refused, write_rows
from tests.pictures import is_png
from tests.strategies import COMBINATIONS, DRAWN_HEAD, Combination, lawful_model
from token2metrics.artifact.fitted import FittedModel
from token2metrics.artifact.load import load_artifact
from token2metrics.artifact.save import save_artifact
from token2metrics.heads import LOAD_SHARE
from token2metrics.prediction.evaluate import evaluate
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.predictor import Predictor
from token2metrics.prediction.result import MetricErrors
from token2metrics.vocabulary import Phase

TAIL_S = 2.0
RAIL = "VDD_GPU_SOC"
DRAWN_RAIL = DRAWN_HEAD.power_rail


def measured_model(trained_artifact: Path) -> FittedModel:
    """Return the trained 1.5B."""
    return next(m for m in load_artifact(trained_artifact).models if m.record.name == "1.5B")


def with_both_heads(model: FittedModel) -> FittedModel:
    """Return a model with the power head of its decode in both phases, at any context alike."""
    decode = model.record.phases[Phase.DECODE]
    prefill = msgspec.structs.replace(model.record.phases[Phase.PREFILL], head=decode.head)
    record = msgspec.structs.replace(
        model.record, phases={Phase.PREFILL: prefill, Phase.DECODE: decode}
    )
    head = model.formulas[Phase.DECODE].head
    weights = {**model.weights[Phase.DECODE].head, "context_saving": 0.0}
    return FittedModel(
        record,
        {k: type(f)(f.curve, f.calibration, head) for k, f in model.formulas.items()},
        {k: type(w)(w.curve, w.calibration, weights) for k, w in model.weights.items()},
    )


def errors_of(found: tuple[MetricErrors, ...], phase: str, metric: str) -> MetricErrors:
    """Return the errors of one phase and metric."""
    (errors,) = [e for e in found if (e.phase, e.metric) == (phase, metric)]
    return errors


def test_errors_are_those_of_hand(trained_artifact: Path, tmp_path: Path) -> None:
    """Rows 10 % and 20 % slower than predicted give the errors that follow from it."""
    model = measured_model(trained_artifact)
    predict = ModelPredictor(model)
    rows = []
    for answer, factor in ((64, 1.1), (128, 1.2)):
        latency = predict(256, answer).decode.latency_s
        assert latency is not None
        rows.append(f"dsr1-qwen-1.5b,decode,256,{answer},1,{latency * factor!r},,,,t")
    comparison = evaluate([model], [write_rows(tmp_path / "rows.csv", *rows)])
    errors = errors_of(comparison.evaluation.errors, "decode", "latency")
    first, second = 100 * (1 - 1 / 1.1), 100 * (1 - 1 / 1.2)
    assert errors.rows == 2
    assert errors.extrapolated_rows == 0
    assert errors.mape_percent == pytest.approx((first + second) / 2)
    assert errors.median_ape_percent == pytest.approx((first + second) / 2)
    assert errors.bias_percent == pytest.approx(-(first + second) / 2)
    assert errors.p90_ape_percent == pytest.approx(first + 0.9 * (second - first))
    assert comparison.evaluation.not_compared == {
        "without measured energy (latency is compared)": 2
    }


def test_energy_is_compared_over_its_window(trained_artifact: Path, tmp_path: Path) -> None:
    """Energy over a window longer than the work holds the tail at the head's tail power."""
    model = with_both_heads(measured_model(trained_artifact))
    priced = ModelPredictor(model)(256, 512)
    parts = {"prefill": priced.prefill, "decode": priced.decode, "request": priced}
    weights = model.weights[Phase.DECODE].head
    head = model.formulas[Phase.DECODE].head
    assert head is not None
    load_w = weights[LOAD_SHARE] * (head.power_limit_w - head.idle_power_w)
    tail_w = head.idle_power_w + load_w * weights["tail_share"]
    rows = []
    for phase, part in parts.items():
        latency, energy = part.latency_s, part.energy_j  # type: ignore[attr-defined]
        rows.append(
            f"dsr1-qwen-1.5b,{phase},256,512,1,{latency!r},{energy + tail_w * TAIL_S!r},"
            f"{latency + TAIL_S!r},{RAIL},t"
        )
    found = evaluate([model], [write_rows(tmp_path / "rows.csv", *rows)]).evaluation.errors
    for phase in parts:
        for metric in ("latency", "energy", "power"):
            assert errors_of(found, phase, metric).mape_percent == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("combination", COMBINATIONS[::9], ids=str)
def test_points_have_the_intervals_of_predictions(combination: Combination, tmp_path: Path) -> None:
    """The interval around a compared number is that of the prediction of its request."""
    drawn = lawful_model(combination, crc32(str(combination).encode()))
    record = msgspec.structs.replace(drawn.record, device="jetson-agx-orin-64gb")
    model = FittedModel(record, drawn.formulas, drawn.weights)
    rows = write_rows(
        tmp_path / "rows.csv",
        *(f"drawn-model,{phase},256,64,1,2.0,50.0,2.0,{DRAWN_RAIL},t" for phase in Phase),
    )
    found = evaluate([model], [rows]).points.rows_by_key(["phase", "metric"], named=True)
    priced = ModelPredictor(model)(256, 64)
    parts = {Phase.PREFILL: priced.prefill, Phase.DECODE: priced.decode, Phase.REQUEST: priced}
    for phase, part in parts.items():
        interval = part.latency_interval_s  # type: ignore[attr-defined]
        (row,) = found[str(phase), "latency"]
        assert (row["input_tokens"], row["output_tokens"]) == (256, 64)
        assert row["lower"] == pytest.approx(interval.lower, rel=1e-9)
        assert row["upper"] == pytest.approx(interval.upper, rel=1e-9)
        energy_j, interval = part.energy_j, part.energy_interval_j  # type: ignore[attr-defined]
        (row,) = found[str(phase), "energy"]
        if energy_j and row["predicted"]:
            assert row["lower"] / row["predicted"] == pytest.approx(interval.lower / energy_j)
            assert row["upper"] / row["predicted"] == pytest.approx(interval.upper / energy_j)


def test_energy_of_an_unmetered_phase_is_counted(trained_artifact: Path, tmp_path: Path) -> None:
    """A metered request of a model without prefill power is compared by latency alone."""
    row = f"dsr1-qwen-1.5b,request,256,512,1,13.0,300.0,13.0,{RAIL},t"
    found = evaluate(
        [measured_model(trained_artifact)], [write_rows(tmp_path / "rows.csv", row)]
    ).evaluation
    assert [(e.phase, e.metric) for e in found.errors] == [("request", "latency")]
    assert found.not_compared == {"request energy of 1.5B, which has no power head": 1}


def test_rows_of_an_unfitted_phase_are_counted(trained_artifact: Path, tmp_path: Path) -> None:
    """Rows that include a phase without a fit are not compared, and counted."""
    model = measured_model(trained_artifact)
    record = msgspec.structs.replace(
        model.record, phases={Phase.DECODE: model.record.phases[Phase.DECODE]}
    )
    partial = FittedModel(
        record,
        {Phase.DECODE: model.formulas[Phase.DECODE]},
        {Phase.DECODE: model.weights[Phase.DECODE]},
    )
    rows = write_rows(
        tmp_path / "rows.csv",
        "dsr1-qwen-1.5b,prefill,256,1,1,0.1,,,,t",
        "dsr1-qwen-1.5b,decode,256,64,1,2.0,,,,t",
    )
    found = evaluate([partial], [rows]).evaluation
    assert [e.phase for e in found.errors] == ["decode"]
    assert found.not_compared["1.5B has no fitted prefill"] == 1


def test_models_meet_rows_of_their_own_conditions(tmp_path: Path) -> None:
    """A power mode's model is compared with rows of that mode; a mode without rows is a note."""
    model = lawful_model(COMBINATIONS[0], 3)
    records = [
        msgspec.structs.replace(model.record, power_mode=mode, device="jetson-agx-orin-64gb")
        for mode in ("maxn", "15w")
    ]
    models = [FittedModel(record, model.formulas, model.weights) for record in records]
    rows = write_rows(tmp_path / "rows.csv", "drawn-model,decode,256,64,1,2.0,,,,t")
    found = evaluate(models, [rows]).evaluation
    assert [reading.conditions[0] for reading in found.readings] == ["maxn"]
    assert [error.rows for error in found.errors] == [1]


def test_the_command_prints_and_writes(run: Run, trained_artifact: Path, tmp_path: Path) -> None:
    """The table is on screen, the JSON and the picture in the folder; in-sample rows say so."""
    outcome = run("evaluate", "-a", trained_artifact, "-o", "result")
    assert outcome.code == 0, outcome.err
    for words in ("in-sample", "MAPE %", "no measured row of 7B", "not compared: without measured"):
        assert words in outcome.out
    written = json.loads((tmp_path / "result/evaluation.json").read_text())
    found = {(e["name"], e["phase"], e["metric"]) for e in written["errors"]}
    assert ("1.5B", "prefill", "latency") in found
    assert ("1.5B", "decode", "energy") in found
    assert max(error["mape_percent"] for error in written["errors"]) < 10.0
    assert is_png(tmp_path / "result/measured_vs_predicted.png")


def test_json_alone_on_standard_output(run: Run, trained_artifact: Path, tmp_path: Path) -> None:
    """``--json`` prints what the file holds; without a plot there is no picture."""
    outcome = run(
        "evaluate", "-a", trained_artifact, "-m", "1.5B", "-o", "r", "--no-plot", "--json"
    )
    assert json.loads(outcome.out) == json.loads((tmp_path / "r/evaluation.json").read_text())
    assert [path.name for path in (tmp_path / "r").iterdir()] == ["evaluation.json"]


def test_rejected_rows_are_counted(run: Run, trained_artifact: Path, tmp_path: Path) -> None:
    """Bad rows of the file are counted by reason, good ones compared."""
    write_rows(
        tmp_path / "rows.csv",
        "1.5B,decode,256,64,1,2.0,,,,t",
        "1.5B,decode,256,64,1,-2.0,,,,t",
        "1.5B,decode,256,64,4,9.0,,,,t",
    )
    outcome = run("evaluate", "-a", trained_artifact, "-d", "rows.csv", "-o", "r", "--no-plot")
    assert "1 row not used: latency_s is not above 0" in outcome.out
    assert "1 row not compared: decode of several samples of 1.5B" in outcome.out
    assert "in-sample" not in outcome.out


def test_without_its_package_there_is_no_plot(
    run: Run, trained_artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing plotting library costs the picture, not the evaluation."""
    for name in [name for name in sys.modules if name.startswith("token2metrics.figures")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "altair", None)
    outcome = run("evaluate", "-a", trained_artifact, "-m", "1.5B", "-o", "result")
    assert outcome.code == 0
    assert "pip install 'token2metrics[plot]'" in outcome.err
    assert [path.name for path in (tmp_path / "result").iterdir()] == ["evaluation.json"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-d", "nowhere.csv"], ["nowhere.csv"]),
        (["-d", "other.csv"], ["expected rows of dsr1-qwen-1.5b", "dsr1-llama-8b on jetson"]),
        (["-d", "slow.csv"], ["power_mode 'maxn'", "got 15w"]),
        (["-m", "unheard-of"], ["unheard-of"]),
        (["--device", "mars"], ["no model was trained", "mars"]),
    ],
)
def test_wrong_input_is_refused(
    run: Run, trained_artifact: Path, tmp_path: Path, arguments: list[str], words: list[str]
) -> None:
    """Files without a row to compare, and unknown models, are refused in one line."""
    other = write_rows(tmp_path / "other.csv", "dsr1-llama-8b,decode,256,64,1,2.0,,,,t")
    (tmp_path / "slow.csv").write_text(other.read_text().replace("maxn", "15w"))
    refused(run("evaluate", "-a", trained_artifact, *arguments), *words)


def test_an_unwritable_folder_is_refused(run: Run, trained_artifact: Path, tmp_path: Path) -> None:
    """A folder that cannot be made is named."""
    (tmp_path / "taken").write_text("a file")
    refused(run("evaluate", "-a", trained_artifact, "-o", "taken"), "cannot write taken")


def test_points_are_what_the_predictor_says(trained_artifact: Path, tmp_path: Path) -> None:
    """The compared latencies are those of single predictions."""
    rows = write_rows(tmp_path / "rows.csv", "1.5B,request,300,200,1,5.5,,,,t")
    comparison = evaluate([measured_model(trained_artifact)], [rows])
    expected = Predictor.load(trained_artifact).select("1.5B")(300, 200).latency_s
    assert comparison.points.get_column("measured").to_list() == [5.5]
    assert comparison.points.get_column("predicted").to_list() == [pytest.approx(expected)]
    assert comparison.points.schema["extrapolated"] == pl.Boolean


def test_a_server_artifact_and_rails_stay_apart(tmp_path: Path) -> None:
    """Energy of another rail than the model's is not compared."""
    model = lawful_model(COMBINATIONS[0], 3)
    head = msgspec.structs.replace(DRAWN_HEAD, power_rail=RAIL)
    phases = {
        phase: msgspec.structs.replace(record, head=head)
        for phase, record in model.record.phases.items()
    }
    record = msgspec.structs.replace(
        model.record, phases=phases, device="jetson-agx-orin-64gb", id="m"
    )
    save_artifact(tmp_path / "artifact", [FittedModel(record, model.formulas, model.weights)])
    (loaded,) = load_artifact(tmp_path / "artifact").models
    rows = write_rows(tmp_path / "rows.csv", "m,decode,256,64,1,2.0,40.0,2.0,VDD_IN,t")
    found = evaluate([loaded], [rows]).evaluation
    assert [error.metric for error in found.errors] == ["latency"]
