"""``predict``: numbers, notes, costs and refusals."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import pytest

from tests.conftest import Run, refused, train_quickly
from token2metrics.artifact.load import load_artifact
from token2metrics.artifact.save import save_artifact
from token2metrics.errors import RequestError
from token2metrics.prediction.conditions import Conditions
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.money import SECONDS_PER_YEAR
from token2metrics.prediction.predictor import Predictor
from token2metrics.prediction.result import Prices
from token2metrics.report.units import counted, digits, joules, money, seconds, watts
from token2metrics.vocabulary import Phase


@pytest.fixture
def copied(trained_artifact: Path, tmp_path: Path) -> Path:
    """Return a copy of the trained artifact that may be damaged."""
    return Path(shutil.copytree(trained_artifact, tmp_path / "copy"))


def test_one_request_is_shown_in_full(run: Run, trained_artifact: Path) -> None:
    """The table, the rates, the costs, what it rests on and every note are on screen."""
    outcome = run("predict", "-a", trained_artifact, "-m", "1.5B", "-i", 100, "-o", 50)
    assert outcome.code == 0
    for words in (
        "1.5B (dsr1-qwen-1.5b) on jetson-agx-orin-64gb, maxn, vllm, bf16",
        "100 input tokens, 50 output tokens",
        "time to first token (TTFT)",
        "time per output token (TPOT)",
        "output tokens per second",
        "VDD_GPU_SOC",
        "(1,999 over 5 years)",
        "calibrated (log_ratio) on 9 rows of dsr1-qwen-1.5b",
        "prefill: no measured energy, so the request has no total energy",
        "prefill extrapolates: input_tokens 100 outside 129..4097 measured",
    ):
        assert words in outcome.out


def test_several_requests_are_a_row_each(run: Run, trained_artifact: Path) -> None:
    """Models, prompts and answers are combined; marks say what needs care."""
    lengths = ("-i", 200, "-i", 1000, "-o", 1, "-o", 300)
    outcome = run("predict", "-a", trained_artifact, *lengths)
    rows = [line for line in outcome.out.splitlines() if line.startswith(("1.5B ", "7B "))]
    assert len(rows) == 8
    assert "* outside the measured token range" in outcome.out
    assert "† decode only: no energy of prefill was measured" in outcome.out


def test_json_is_the_prediction(run: Run, trained_artifact: Path) -> None:
    """``--json`` prints what the library returns, request by request, and nothing else."""
    outcome = run(
        "predict", "-a", trained_artifact, "-m", "1.5B", "-m", "7b", "-i", 200, "-o", 300, "--json"
    )
    first, second = json.loads(outcome.out)
    prices = Prices(price_per_kwh=0.30, device_price=1999.0, lifetime_years=5.0)
    expected = Predictor.load(trained_artifact).select("1.5B")(200, 300, prices)
    assert first == json.loads(msgspec.json.encode(expected))
    assert second["model"] == "dsr1-qwen-7b"
    assert second["extrapolated"]
    assert first["latency_s"] == first["prefill"]["latency_s"] + first["decode"]["latency_s"]


def test_the_settings_name_the_default_artifact(
    run: Run, trained_artifact: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without ``--artifact`` the settings say where the models are."""
    monkeypatch.setenv("TOKEN2METRICS_OUTPUT", str(trained_artifact))
    assert run("predict", "-m", "1.5B", "-i", 10, "-o", 10).code == 0


def test_prices_scale_the_cost(run: Run, trained_artifact: Path) -> None:
    """Owning the device costs its price for the share of its life that the request takes."""
    outcome = run(
        *("predict", "-a", trained_artifact, "-m", "1.5B", "-i", 200, "-o", 300, "--json"),
        *("--device-price", 1000, "--lifetime-years", 2),
    )
    (prediction,) = json.loads(outcome.out)
    expected = prediction["latency_s"] / (2 * SECONDS_PER_YEAR) * 1000
    assert prediction["cost"]["ownership"] == pytest.approx(expected)


def test_few_tokens_are_well_defined(run: Run, trained_artifact: Path) -> None:
    """No output token and one output token cost a prefill; no ratio divides by zero."""
    outcome = run(
        *("predict", "-a", trained_artifact, "-m", "1.5B", "--json"),
        *("-i", 0, "-i", 200, "-o", 0, "-o", 1),
    )
    for prediction in json.loads(outcome.out):
        assert prediction["decode"]["latency_s"] == 0.0
        assert prediction["decode"]["energy_j"] == 0.0
        assert prediction["tpot_s"] is None
        assert prediction["latency_s"] == prediction["ttft_s"] > 0.0


def test_an_unfitted_phase_says_so(trained_artifact: Path) -> None:
    """Without a fitted decode only requests without decode steps have a total."""
    fitted = load_artifact(trained_artifact).models[0]
    phases = {Phase.PREFILL: fitted.record.phases[Phase.PREFILL]}
    record = msgspec.structs.replace(fitted.record, phases=phases)
    formulas = {Phase.PREFILL: fitted.formulas[Phase.PREFILL]}
    weights = {Phase.PREFILL: fitted.weights[Phase.PREFILL]}
    predictor = ModelPredictor(type(fitted)(record, formulas, weights))
    assert predictor(200, 1).latency_s is not None
    longer = predictor(200, 2)
    assert longer.latency_s is None
    assert longer.output_tokens_per_s is None
    assert longer.notes[-1] == "decode: no measured rows, so the request has no total"


def test_models_of_several_power_modes_are_told_apart(
    run: Run, trained_artifact: Path, tmp_path: Path
) -> None:
    """The same model in two power modes is named together with one of them."""
    model, *_ = [m for m in load_artifact(trained_artifact).models if m.record.name == "1.5B"]
    record = msgspec.structs.replace(model.record, power_mode="15w")
    other = type(model)(record, model.formulas, model.weights)
    save_artifact(tmp_path / "two", [model, other])
    request = ("predict", "-a", tmp_path / "two", "-i", 10, "-o", 10)
    refused(run(*request, "-m", "1.5B"), "trained more than once", "--power-mode")
    assert run(*request, "-m", "1.5B", "--power-mode", "15w").code == 0
    both = run(*request)
    assert "jetson-agx-orin-64gb, 15w, vllm, bf16" in both.out
    refused(run(*request, "--power-mode", "30w"), "no model was trained for")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-m", "unheard-of", "-i", "1", "-o", "1"], ["unheard-of", "trained: ", "1.5B on"]),
        (["-m", "1.5B", "--device", "mars", "-i", "1", "-o", "1"], ["'1.5B' on mars"]),
        (["-i", "-5", "-o", "1"], ["--input-tokens", "got -5"]),
        (["-i", "5", "-o", "-1"], ["--output-tokens", "got -1"]),
        (["-i", "1.5", "-o", "1"], ["--input-tokens"]),
        (["-i", "99999999999", "-o", "1"], ["0..10000000"]),
        (["-i", "1"], ["expected --output-tokens N"]),
        (["-o", "1"], ["expected --input-tokens N"]),
        (["-i", "1", "-o", "1", "--price-per-kwh", "nan"], ["--price-per-kwh", "nan"]),
        (["-i", "1", "-o", "1", "--device-price", "-1"], ["--device-price", "-1"]),
        (["-i", "1", "-o", "1", "--lifetime-years", "0"], ["--lifetime-years", "above 0"]),
        (["--prompt-file", "p.txt", "-o", "1"], ["--prompt-file and --tokenizer together"]),
        (["-i", "1", "--prompt-file", "p", "--tokenizer", "t", "-o", "1"], ["got both"]),
    ],
)
def test_wrong_requests_are_refused(
    run: Run, trained_artifact: Path, arguments: list[str], words: list[str]
) -> None:
    """Wrong requests end with exit code 2 and one line that says what to do."""
    refused(run("predict", "-a", trained_artifact, *arguments), *words)


def test_a_missing_artifact_says_how_to_train(run: Run) -> None:
    """Without a trained model the error names the command that trains one."""
    refused(run("predict", "-m", "1.5B", "-i", 1, "-o", 1), "no trained model", "train")


def test_truncated_weights_are_refused(run: Run, copied: Path) -> None:
    """A weights file that lost bytes is not used."""
    (weights,) = copied.glob("weights-*.safetensors")
    weights.write_bytes(weights.read_bytes()[:-8])
    refused(run("predict", "-a", copied, "-i", 1, "-o", 1), "truncated or altered")


def test_missing_weights_are_refused(run: Run, copied: Path) -> None:
    """An artifact without its weights file is not used."""
    (weights,) = copied.glob("weights-*.safetensors")
    weights.unlink()
    refused(run("predict", "-a", copied, "-i", 1, "-o", 1), "cannot read")


def test_a_tampered_manifest_is_refused(run: Run, copied: Path) -> None:
    """A manifest edited after training is not used."""
    manifest = copied / "manifest.json"
    manifest.write_text(manifest.read_text().replace("1999.0", "1.0"))
    refused(run("predict", "-a", copied, "-i", 1, "-o", 1), "altered after training")


def test_library_refuses_fractional_counts(trained_artifact: Path) -> None:
    """The predictor checks what its type already says, for callers without one."""
    predictor = Predictor.load(str(trained_artifact)).select("1.5B", Conditions(runtime="vllm"))
    with pytest.raises(RequestError, match="whole number"):
        predictor(1.5, 1)  # type: ignore[arg-type]
    assert predictor(100, 10).cost.electricity is None


def test_electricity_follows_energy(tmp_path: Path, trained_artifact: Path) -> None:
    """With energy of both phases there is a price of electricity and a mean power."""
    model = next(m for m in load_artifact(trained_artifact).models if m.record.name == "1.5B")
    decode = model.record.phases[Phase.DECODE]
    head = model.formulas[Phase.DECODE].head
    phases = {
        Phase.PREFILL: msgspec.structs.replace(
            model.record.phases[Phase.PREFILL], head=decode.head
        ),
        Phase.DECODE: decode,
    }
    formulas = {
        phase: type(formula)(formula.curve, formula.calibration, head)
        for phase, formula in model.formulas.items()
    }
    weights = {
        phase: type(part)(part.curve, part.calibration, model.weights[Phase.DECODE].head)
        for phase, part in model.weights.items()
    }
    record = msgspec.structs.replace(model.record, phases=phases)
    metered = type(model)(record, formulas, weights)
    prices = Prices(price_per_kwh=0.30, device_price=None, lifetime_years=1.0)
    prediction = ModelPredictor(metered)(200, 300, prices)
    assert prediction.energy_j is not None
    assert prediction.latency_s is not None
    assert prediction.power_w == pytest.approx(prediction.energy_j / prediction.latency_s)
    assert prediction.cost.electricity == pytest.approx(prediction.energy_j / 3.6e6 * 0.30)
    assert prediction.cost.ownership is None


def test_units_suit_the_number() -> None:
    """Numbers keep three digits and a unit that makes them legible."""
    assert [seconds(value) for value in (None, 0.0, 2e-7, 0.0421, 1.2, 99.96, 5000.0)] == [
        *("-", "0 s", "0.200 µs", "42.1 ms", "1.20 s", "100 s", "1.39 h"),
    ]
    assert [joules(value) for value in (0.5, 20.0, 1234.0, 5e6)] == [
        *("500 mJ", "20.0 J", "1.23 kJ", "5.00 MJ"),
    ]
    assert watts(1500.0) == "1.50 kW"
    assert digits(12345.6) == "12,346"
    assert [money(value) for value in (None, 2.0, 0.002, 3e-6, 1e-9)] == [
        "-",
        "2.00 per request",
        "2.00 per thousand requests",
        "3.00 per million requests",
        "0.00100 per million requests",
    ]
    assert (counted(1, "row"), counted(2000, "row")) == ("1 row", "2,000 rows")


def test_training_again_gives_the_same_predictions(trained_artifact: Path, tmp_path: Path) -> None:
    """The same rows, configuration and seed give the same model."""
    train_quickly(tmp_path / "again", "7B")
    again = Predictor.load(tmp_path / "again").select("7B")(300, 200)
    assert again == Predictor.load(trained_artifact).select("7B")(300, 200)


def test_rows_without_any_fit_are_named(run: Run, trained_artifact: Path, tmp_path: Path) -> None:
    """A table of requests says which phase has no measured rows."""
    fitted = load_artifact(trained_artifact).models[0]
    phases = {Phase.PREFILL: fitted.record.phases[Phase.PREFILL]}
    record = msgspec.structs.replace(fitted.record, phases=phases)
    formulas = {Phase.PREFILL: fitted.formulas[Phase.PREFILL]}
    weights = {Phase.PREFILL: fitted.weights[Phase.PREFILL]}
    save_artifact(tmp_path / "half", [type(fitted)(record, formulas, weights)])
    outcome = run("predict", "-a", tmp_path / "half", "-i", 200, "-o", 5, "-o", 6)
    assert f"note: {record.name} decode: no measured rows" in outcome.out
