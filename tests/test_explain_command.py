"""``explain`` as users meet it: the screen, JSON and refusals; and remarks on rows in training."""

from __future__ import annotations

import io
import json
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace
from rich.console import Console

from tests.conftest import Run, refused
from tests.strategies import COMBINATIONS, Combination, lawful_model
from tests.test_explain import explained, roofline
from tests.test_imports import PROBE, in_a_new_process
from token2metrics.artifact.fitted import FittedModel
from token2metrics.artifact.load import load_artifact
from token2metrics.artifact.manifest import CampaignRecord, OutlierRecord
from token2metrics.artifact.save import save_artifact
from token2metrics.prediction.explain import explain
from token2metrics.prediction.predictor import Predictor
from token2metrics.report.explanation import show_explanations
from token2metrics.report.remarks import campaign_lines, outlier_lines
from token2metrics.report.training import show_foundations
from token2metrics.training.record import ModelEntry
from token2metrics.vocabulary import CalibrationMethod, Phase

SCREEN_WIDTH = 80
HEAVY_AND_MODELS = {"torch", "polars", "numpy", "scipy", "altair", "pydantic"}
LIBRARY_PROBE = """
import sys
import token2metrics.prediction.explain
print("LOADED", *sorted({name.partition(".")[0] for name in sys.modules} & set(HEAVY)))
"""

OUTLIERS = (
    OutlierRecord(input_tokens=600.0, output_tokens=1.0, measured_s=0.3, fitted_s=0.2),
    OutlierRecord(input_tokens=2561.0, output_tokens=1.0, measured_s=22.5, fitted_s=2.43),
)
CAMPAIGNS = (
    CampaignRecord(source="MMLU requests", rows=120, offset_percent=0.0),
    CampaignRecord(source="decode grid", rows=24, offset_percent=0.7),
    CampaignRecord(source="third set", rows=9, offset_percent=-1.3),
)


def remarked(artifact: Path) -> FittedModel:
    """Return a trained model whose prefill has outliers and data sets that differ."""
    model = next(one for one in load_artifact(artifact).models if one.record.name == "1.5B")
    prefill = msgspec.structs.replace(
        model.record.phases[Phase.PREFILL], outliers=OUTLIERS, campaigns=CAMPAIGNS
    )
    phases = {**model.record.phases, Phase.PREFILL: prefill}
    return replace(model, record=msgspec.structs.replace(model.record, phases=phases))


REMARKS = (
    "prefill: 2 of 9 rows are outliers and hardly counted: "
    "2,561 tokens 22.5 s, fitted 2.43 s; 600 tokens 300 ms, fitted 200 ms",
    "prefill: decode grid: 0.7 % slower than MMLU requests",
    "prefill: third set: 1.3 % faster than MMLU requests",
)


def test_training_names_outliers_and_campaigns(trained_artifact: Path) -> None:
    """Rows that hardly counted, and data sets off the largest one; and nothing without."""
    for model, shown in (
        (remarked(trained_artifact), True),
        (load_artifact(trained_artifact).models[0], False),
    ):
        entry = ModelEntry(
            model=model.record.id,
            name=model.record.name,
            device=model.record.device,
            seconds=1.0,
            phases=model.record.phases,
            candidates=(),
            warnings=(),
        )
        screen = io.StringIO()
        show_foundations(Console(file=screen, width=200), entry)
        assert all((line in screen.getvalue()) is shown for line in REMARKS)
        held = msgspec.to_builtins(entry)["phases"]["prefill"]
        assert bool(held["outliers"]) is bool(held["campaigns"]) is shown


def test_few_remarks_read_well() -> None:
    """One outlier is one; many are cut short; an offset too small to show is none."""
    (one,) = outlier_lines(Phase.DECODE, OUTLIERS[:1], 4)
    assert one.startswith("decode: 1 of 4 rows is an outlier and hardly counted: 600 + 1 tokens")
    (many,) = outlier_lines(Phase.PREFILL, OUTLIERS * 3, 9)
    assert many.endswith("and 3 more")
    level = (CAMPAIGNS[0], msgspec.structs.replace(CAMPAIGNS[1], offset_percent=0.01))
    assert campaign_lines(Phase.DECODE, level) == ["decode: decode grid: as fast as MMLU requests"]
    assert campaign_lines(Phase.DECODE, CAMPAIGNS[:1]) == []


def test_the_screen_is_legible(run: Run, trained_artifact: Path, tmp_path: Path) -> None:
    """Bars, terms, factors, rows and remarks are on screen, and no word is cut."""
    save_artifact(tmp_path / "remarked", [remarked(trained_artifact)])
    request = ("-a", tmp_path / "remarked", "-m", "1.5B", "-i", 1000, "-o", 500)
    outcome = run("explain", *request)
    assert outcome.code == 0
    for words in (
        "1.5B (dsr1-qwen-1.5b) on jetson-agx-orin-64gb, maxn, vllm, bf16",
        "1,000 input tokens, 500 output tokens",
        "FLOP of the prompt",
        "roofline: p-norm (a smooth maximum) of arithmetic",
        "log_ratio: the device's other models times",
        "arithmetic: matrices",
        "bandwidth: KV cache",
        "base power (idle)",
        "█",
        "this request is inside",
        "note: prefill: no measured energy",
        *REMARKS,
    ):
        assert words in outcome.out


@pytest.mark.parametrize("combination", COMBINATIONS[:: len(CalibrationMethod) - 1], ids=str)
@pytest.mark.parametrize("request_tokens", [(1_000, 500), (10_000_000, 10_000_000), (0, 1)])
def test_eighty_columns_are_enough(
    combination: Combination, request_tokens: tuple[int, int]
) -> None:
    """Every line of every family fits, without a word cut short."""
    screen = io.StringIO()
    model = roofline(CalibrationMethod.PRIOR)
    explanations = [explained(one, request_tokens) for one in (lawful_model(combination, 5), model)]
    show_explanations(Console(file=screen, width=SCREEN_WIDTH), explanations)
    lines = screen.getvalue().splitlines()
    assert max(map(len, lines)) <= SCREEN_WIDTH
    assert "\N{HORIZONTAL ELLIPSIS}" not in screen.getvalue()


def test_json_is_the_explanation(run: Run, trained_artifact: Path) -> None:
    """``--json`` prints what the library returns, request by request, and nothing else."""
    outcome = run(
        *("explain", "-a", trained_artifact, "-m", "1.5B", "--confidence", 0.8, "--json"),
        *("-i", 100, "-o", 50, "-o", 60),
    )
    first, second = json.loads(outcome.out)
    predictor = Predictor.load(trained_artifact).select("1.5B")
    assert first == json.loads(msgspec.json.encode(explain(predictor, 100, 50, 0.8)))
    assert second["prediction"]["output_tokens"] == 60


def test_an_unfitted_phase_is_left_out(trained_artifact: Path) -> None:
    """Without a fitted decode only prefill is explained, and a note says why."""
    model = load_artifact(trained_artifact).models[0]
    only = {Phase.PREFILL: model.record.phases[Phase.PREFILL]}
    half = FittedModel(
        msgspec.structs.replace(model.record, phases=only),
        {Phase.PREFILL: model.formulas[Phase.PREFILL]},
        {Phase.PREFILL: model.weights[Phase.PREFILL]},
    )
    explanation = explained(half, (100, 50))
    assert explanation.decode is None
    screen = io.StringIO()
    show_explanations(Console(file=screen, width=SCREEN_WIDTH), [explanation])
    assert "note: decode: no measured rows" in screen.getvalue()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-m", "unheard-of", "-i", "1", "-o", "1"], ["unheard-of", "trained: ", "1.5B on"]),
        (["-m", "1.5B", "--device", "mars", "-i", "1", "-o", "1"], ["'1.5B' on mars"]),
        (["-i", "-5", "-o", "1"], ["--input-tokens", "got -5"]),
        (["-i", "1"], ["expected --output-tokens N"]),
        (["-o", "1"], ["expected --input-tokens N"]),
        (["-i", "1", "-o", "1", "--confidence", "2"], ["confidence between 0.5 and 0.99", "got 2"]),
        (["--prompt-file", "p.txt", "-o", "1"], ["--prompt-file and --tokenizer together"]),
        (["-i", "1", "-o", "1", "--price-per-kwh", "1"], ["--price-per-kwh"]),
    ],
)
def test_wrong_requests_are_refused(
    run: Run, trained_artifact: Path, arguments: list[str], words: list[str]
) -> None:
    """What ``predict`` refuses is refused alike; there is no money in an explanation."""
    refused(run("explain", "-a", trained_artifact, *arguments), *words)


def test_help(run: Run) -> None:
    """The command explains itself, and the program lists it."""
    assert "Example: python main.py explain --model 1.5B" in run("explain", "--help").out
    assert "explain" in run("--help").out


def test_explaining_imports_nothing_heavy(trained_artifact: Path) -> None:
    """Neither the command nor the library loads a numerical library or a validator."""
    request = ("explain", "-a", trained_artifact, "-m", "1.5B", "-i", 100, "-o", 50)
    ended = in_a_new_process(PROBE, *request)
    assert ended.stdout.splitlines()[-1] == "LOADED 0", ended.stderr
    ended = in_a_new_process(LIBRARY_PROBE.replace("HEAVY", repr(HEAVY_AND_MODELS)))
    assert ended.stdout.split() == ["LOADED"], ended.stderr
