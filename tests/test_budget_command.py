"""``budget`` as users run it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.conftest import Outcome, Run, refused
from tests.strategies import DRAWN_PARALLEL
from tests.test_imports import BLOCKED, PROBE, in_a_new_process
from token2metrics.artifact.load import load_artifact
from token2metrics.artifact.manifest import HeadRecord
from token2metrics.artifact.save import save_artifact
from token2metrics.parallel import ENERGY_PER_SAMPLE, LATENCY_OF_SEVERAL, LATENCY_PER_SAMPLE
from token2metrics.prediction.predictor import Predictor
from token2metrics.vocabulary import Phase

API = (
    *("--api-price-per-million-input-tokens", 0.1),
    *("--api-price-per-million-output-tokens", 0.4),
)
REQUEST = ("-m", "1.5B", "-i", 512, "-o", 128)
FULLY_METERED = "metered"
SHARED = {LATENCY_PER_SAMPLE: 0.1, LATENCY_OF_SEVERAL: 0.0, ENERGY_PER_SAMPLE: 0.2}


@pytest.fixture
def metered(trained_artifact: Path, tmp_path: Path) -> Path:
    """Return an artifact whose model has the power of decode in both phases, as if metered.

    Several answers at once take a tenth more time each, and a fifth more energy above idle.
    """
    model = next(m for m in load_artifact(trained_artifact).models if m.record.name == "1.5B")
    head: HeadRecord | None = model.record.phases[Phase.DECODE].head
    phases = {
        phase: msgspec.structs.replace(record, head=head, parallel=DRAWN_PARALLEL)
        for phase, record in model.record.phases.items()
    }
    weights = {
        phase: type(own)(own.curve, own.calibration, model.weights[Phase.DECODE].head, SHARED)
        for phase, own in model.weights.items()
    }
    record = msgspec.structs.replace(model.record, phases=phases)
    save_artifact(tmp_path / FULLY_METERED, [type(model)(record, model.formulas, weights)])
    return tmp_path / FULLY_METERED


def found(outcome: Outcome) -> dict[str, Any]:
    """Return the budget of the one model that was asked."""
    assert outcome.code in (0, 1), outcome.err
    (budget,) = json.loads(outcome.out)
    assert isinstance(budget, dict)
    return budget


def test_every_answer_is_shown(run: Run, trained_artifact: Path) -> None:
    """All parts, with ranges, a dash where prefill was not metered, and notes that say why."""
    outcome = run(
        *("budget", "-a", trained_artifact, *REQUEST, "--battery-wh", 50, "--usable-share", 0.9),
        *("--requests-per-hour", 60, "--max-power-w", 10, "--carbon-g-per-kwh", 380, *API),
    )
    assert outcome.code == 0, outcome.err
    for words in (
        "1.5B (dsr1-qwen-1.5b) on jetson-agx-orin-64gb, maxn, vllm, bf16",
        "512 input tokens, 128 output tokens",
        "90% range",
        "and uses, VDD_GPU_SOC",
        "idle power 5.50 W",
        "requests per hour 60.0",
        "usable energy 45.0 Wh",
        "requests per charge, at this rate -",
        "empty after",
        "bound by the cap",
        "price of a kWh 0.3",
        "device, over 5 years 1,999",
        "1,000 at this rate, idling too",
        "1,000 requests: API 0.102",
        "owning is cheaper from, a month -",
        "within reach",
        "carbon dioxide of a kWh 380 g",
        "note: energies are those of VDD_GPU_SOC; what that rail leaves out is not in them",
        "note: no measured energy of prefill, so ranges alone",
        "note: the cap is kept over time, with pauses; at work the device draws more",
    ):
        assert words in " ".join(outcome.out.split()), words


def test_only_what_is_asked_is_answered(run: Run, metered: Path) -> None:
    """Each option brings its own part, and values where both phases were metered."""
    asked = {
        ("--battery-wh", 50): {"battery"},
        ("--requests-per-hour", 60): {"rate"},
        ("--max-power-w", 15): {"power_cap"},
        ("--price-per-kwh", 0.2): {"cost"},
        ("--device-price", 100): {"cost"},
        API: {"cost", "break_even"},
        ("--carbon-g-per-kwh", 100): {"carbon"},
    }
    parts = {"battery", "rate", "power_cap", "cost", "break_even", "carbon"}
    for options, expected in asked.items():
        budget = found(run("budget", "-a", metered, *REQUEST, *options, "--json"))
        assert {part for part in parts if budget[part] is not None} == expected
        assert budget["load"]["energy_j"]["value"] is not None
    assert budget["notes"] == []


def test_the_numbers_follow_from_the_prediction(run: Run, metered: Path) -> None:
    """Battery, cap, money and carbon from the latency and energy of ``predict``."""
    budget = found(
        run(
            *("budget", "-a", metered, *REQUEST, "--battery-wh", 50, "--idle-power-w", 4),
            *("--max-power-w", 10, "--price-per-kwh", 0.4, "--device-price", 500),
            *("--lifetime-years", 2, "--carbon-g-per-kwh", 380, "--json"),
        )
    )
    priced = Predictor.load(metered).select("1.5B")(512, 128)
    energy_j, latency_s = priced.energy_j or 0.0, priced.latency_s or 0.0
    interval = priced.energy_interval_j
    assert interval is not None
    assert budget["battery"]["requests"]["value"] == pytest.approx(50 * 3600 / energy_j)
    assert budget["battery"]["requests"]["lower"] == pytest.approx(50 * 3600 / interval.upper)
    sustained = budget["power_cap"]["requests_per_hour"]["value"]
    assert sustained == pytest.approx(3600 * (10 - 4) / (energy_j - 4 * latency_s))
    assert budget["power_cap"]["binds"] == "power"
    electricity = energy_j / 3.6e6 * 0.4
    owned = latency_s * 500 / (2 * 365.25 * 86400)
    assert budget["cost"]["per_request"]["value"] == pytest.approx(electricity + owned)
    per_million = budget["cost"]["per_million_output_tokens"]["value"]
    assert per_million == pytest.approx((electricity + owned) / 128 * 1e6)
    grams = budget["carbon"]["g_per_request"]["value"]
    assert grams == pytest.approx(energy_j / 3.6e6 * 380)


def test_several_answers_share_a_request(run: Run, metered: Path) -> None:
    """All of them count: their tokens, and the time and energy until the last is done."""
    request = ("budget", "-a", metered, *REQUEST, "--battery-wh", 50)
    outcome = run(*request, "--parallel", 4)
    assert "512 input tokens, 512 output tokens of 4 answers" in outcome.out
    one, four = (
        found(run(*request, "--parallel", samples, "--json"))["load"] for samples in (1, 4)
    )
    assert four["latency_s"]["value"] == pytest.approx(1.3 * one["latency_s"]["value"])
    assert four["energy_j"]["value"] > one["energy_j"]["value"]


def test_several_models_are_budgeted_in_turn(run: Run, trained_artifact: Path) -> None:
    """Without a model, every trained one answers."""
    request = ("budget", "-a", trained_artifact, "-i", 100, "-o", 100, "--battery-wh", 5)
    outcome = run(*request)
    assert outcome.out.count("requests per charge, one after the other") == 2
    names = [one["name"] for one in json.loads(run(*request, "--json").out)]
    assert names == ["1.5B", "7B"]


def test_a_workload_is_budgeted_by_its_mean(run: Run, metered: Path, tmp_path: Path) -> None:
    """The mean request of a trace, with a note on how its ranges were added."""
    trace = tmp_path / "trace.csv"
    trace.write_text("ContextTokens,GeneratedTokens\n200,300\n1000,40\n200,300\n-1,1\n")
    request = ("budget", "-a", metered, "-m", "1.5B", "-w", trace, "--battery-wh", 5)
    outcome = run(*request)
    assert "mean of 3 requests: 467 input tokens, 213 output tokens" in outcome.out
    assert "ranges take the errors of all requests to be the same one" in outcome.out
    model = Predictor.load(metered).select("1.5B")
    energies = [model(*lengths).energy_j or 0.0 for lengths in ((200, 300), (1000, 40), (200, 300))]
    budget = found(run(*request, "--json"))
    assert budget["load"]["energy_j"]["value"] == pytest.approx(sum(energies) / 3)
    assert budget["battery"]["requests"]["value"] == pytest.approx(5 * 3600 * 3 / sum(energies))


def test_a_cap_below_idle_is_infeasible(run: Run, trained_artifact: Path) -> None:
    """Exit code 1, and why."""
    request = ("budget", "-a", trained_artifact, *REQUEST, "--max-power-w")
    for cap_w in (5.5, 1):
        outcome = run(*request, cap_w)
        assert outcome.code == 1
        assert "idling alone exceeds the cap" in outcome.out
    budget = found(run(*request, 5.5, "--json"))
    assert budget["feasible"] is False
    assert budget["power_cap"]["requests_per_hour"] is None
    assert budget["power_cap"]["binds"] == "idle"


def test_a_generous_cap_is_bound_by_time(run: Run, trained_artifact: Path) -> None:
    """Above the power at work nothing but time limits the rate, also where energy is a range."""
    request = ("budget", "-a", trained_artifact, *REQUEST, "--max-power-w", 60)
    outcome = run(*request)
    assert outcome.code == 0
    assert "time: it never pauses" in outcome.out
    assert "with pauses" not in outcome.out


def test_an_api_that_is_cheaper_than_electricity_is_never_beaten(
    run: Run, trained_artifact: Path
) -> None:
    """No break-even, and why."""
    prices = (
        *("--api-price-per-million-input-tokens", 0),
        *("--api-price-per-million-output-tokens", 0.01),
    )
    outcome = run("budget", "-a", trained_artifact, *REQUEST, *prices)
    assert "owning is cheaper" in outcome.out
    assert "electricity exceeds the API" in outcome.out
    budget = found(run("budget", "-a", trained_artifact, *REQUEST, *prices, "--json"))
    assert budget["break_even"]["pays"] is False


def test_a_break_even_out_of_reach_says_so(run: Run, trained_artifact: Path) -> None:
    """The device would have to answer more requests than a month has time for."""
    outcome = run(
        "budget",
        "-a",
        trained_artifact,
        *REQUEST,
        "--device-price",
        1e6,
        *API,
        "--price-per-kwh",
        0,
    )
    assert outcome.code == 0, outcome.err
    assert "out of reach" in outcome.out


def test_an_answer_without_output_has_no_price_per_token(run: Run, trained_artifact: Path) -> None:
    """A prompt without an answer costs, but not per output token."""
    budget = found(
        run(
            *("budget", "-a", trained_artifact, "-m", "1.5B", "-i", 512, "-o", 0, *API),
            *("--carbon-g-per-kwh", 1, "--json"),
        )
    )
    assert budget["cost"]["per_million_output_tokens"] is None
    assert budget["carbon"]["g_per_million_output_tokens"] is None
    assert budget["break_even"]["api_per_million_output_tokens"] is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (REQUEST, ["expected a question", "--battery-wh", "--max-power-w", "--carbon-g-per-kwh"]),
        (("-m", "1.5B", "--battery-wh", 5), ["--input-tokens N and --output-tokens N"]),
        ((*REQUEST, "-w", "t.csv", "--battery-wh", 5), ["both"]),
        (("-m", "1.5B", "-w", "nowhere.csv", "--battery-wh", 5), ["nowhere.csv"]),
        ((*REQUEST, "--battery-wh", 0), ["--battery-wh", "above 0", "got 0"]),
        ((*REQUEST, "--battery-wh", "nan"), ["--battery-wh"]),
        ((*REQUEST, "--battery-wh", "inf"), ["--battery-wh"]),
        ((*REQUEST, "--usable-share", 0.5), ["--battery-wh with --usable-share"]),
        ((*REQUEST, "--battery-wh", 5, "--usable-share", 1.1), ["--usable-share", "at most 1"]),
        ((*REQUEST, "--battery-wh", 5, "--usable-share", 0), ["--usable-share", "above 0"]),
        ((*REQUEST, "--battery-wh", 5, "--idle-power-w", -1), ["--idle-power-w", "at least 0"]),
        (
            (*REQUEST, "--battery-wh", 5, "--idle-power-w", 40),
            ["--idle-power-w of at most the 25", "W at work", "rail that was metered"],
        ),
        ((*REQUEST, "--requests-per-hour", 5000), ["at most 1,1", "takes 3.2", "5000"]),
        ((*REQUEST, "--requests-per-hour", 0), ["--requests-per-hour", "above 0"]),
        ((*REQUEST, "--max-power-w", -5), ["--max-power-w"]),
        ((*REQUEST, "--price-per-kwh", -1), ["--price-per-kwh"]),
        ((*REQUEST, "--device-price", -1), ["--device-price"]),
        ((*REQUEST, "--lifetime-years", 0), ["--lifetime-years"]),
        ((*REQUEST, *API[:2]), ["--api-price-per-million-output-tokens together"]),
        ((*REQUEST, API[0], -1, *API[2:]), ["--api-price-per-million-input-tokens", "at least 0"]),
        ((*REQUEST, API[0], 0, API[2], 0), ["costs something"]),
        ((*REQUEST, "--carbon-g-per-kwh", -1), ["--carbon-g-per-kwh", "at least 0"]),
        ((*REQUEST, "--battery-wh", 5, "--parallel", 0), ["--parallel", "got 0"]),
        ((*REQUEST, "--battery-wh", 5, "--parallel", 4), ["no latency of 1.5B", "several samples"]),
        ((*REQUEST, "--battery-wh", 5, "--confidence", 0.3), ["--confidence"]),
        (("-m", "zzz", "-i", 5, "-o", 5, "--battery-wh", 5), ["'zzz'"]),
        (("-m", "1.5B", "-i", 0, "-o", 0, "--battery-wh", 50), ["a request that takes time"]),
        (("-m", "1.5B", "-w", "empty.csv", "--battery-wh", 50), ["a request that takes time"]),
        ((*REQUEST, "-i", 900, "--battery-wh", 5), ["one --input-tokens, got 512, 900"]),
        ((*REQUEST, "-o", 9, "--battery-wh", 5), ["one --output-tokens, got 128, 9"]),
        ((*REQUEST, "--battery-wh", 1e300), ["--battery-wh to be between", "1e+12, got 1e+300"]),
        ((*REQUEST, "--requests-per-hour", 1e-300), ["--requests-per-hour to be between"]),
        ((*REQUEST, "--lifetime-years", 1e-300), ["--lifetime-years to be between"]),
        ((*REQUEST, "--device-price", 1e308), ["--device-price to be between"]),
        ((*REQUEST, API[0], 1e300, *API[2:]), ["--api-price-per-million-input-tokens to be betw"]),
    ],
)
def test_wrong_usage_is_refused(
    run: Run, trained_artifact: Path, arguments: tuple[object, ...], words: list[str]
) -> None:
    """One clear line, exit code 2, nothing on standard output."""
    Path("empty.csv").write_text("input_tokens,output_tokens\n0,0\n")
    refused(run("budget", "-a", trained_artifact, *arguments), *words)


def test_the_smallest_requests_are_budgeted(run: Run, metered: Path) -> None:
    """Where the time or the energy may be nothing, what rests on it has an open end."""
    everything = (
        *("--battery-wh", 5, "--requests-per-hour", 1, "--max-power-w", 10, "--price-per-kwh", 1),
        *("--carbon-g-per-kwh", 1, *API),
    )
    for lengths in ((0, 1), (1, 0), (1, 1), (0, 2)):
        request = ("-m", "1.5B", "-i", lengths[0], "-o", lengths[1])
        budget = found(run("budget", "-a", metered, *request, *everything, "--json"))
        assert budget["load"]["latency_s"]["value"] > 0
        assert budget["rate"]["most_per_hour"]["value"] > 0


def test_tokens_of_one_request_are_whole(run: Run, trained_artifact: Path) -> None:
    """A count has no decimals, and one is singular."""
    request = ("budget", "-a", trained_artifact, "-m", "1.5B", "-i", 5, "-o", 1, "--battery-wh", 5)
    assert "5 input tokens, 1 output token" in run(*request).out.splitlines()


def test_a_break_even_needs_the_price_of_the_device(
    run: Run, trained_artifact: Path, tmp_path: Path
) -> None:
    """A device that nobody priced is refused with what to give; electricity alone is answered."""
    model = next(m for m in load_artifact(trained_artifact).models if m.record.name == "1.5B")
    hardware = msgspec.structs.replace(model.record.hardware, purchase_price=None)
    record = msgspec.structs.replace(model.record, hardware=hardware)
    save_artifact(tmp_path / "unpriced", [type(model)(record, model.formulas, model.weights)])
    unpriced = ("budget", "-a", tmp_path / "unpriced", *REQUEST)
    refused(run(*unpriced, *API), "no price of jetson-agx-orin-64gb", "--device-price")
    budget = found(run(*unpriced, "--price-per-kwh", 0.3, "--requests-per-hour", 9, "--json"))
    assert budget["cost"]["ownership"] is None
    assert budget["cost"]["at_rate_per_request"] is None
    assert budget["cost"]["per_request"] == budget["cost"]["electricity"]


def test_a_request_needs_nothing_heavy(trained_artifact: Path) -> None:
    """A single request is budgeted in plain Python; help and errors are light, too."""
    request = ("budget", "-a", trained_artifact, "-i", 100, "-o", 50, "--battery-wh", 5)
    for arguments, code in ((request, 0), (("budget", "--help"), 0), (("budget",), 2)):
        ended = in_a_new_process(PROBE, *arguments)
        assert ended.stdout.splitlines()[-1] == f"LOADED {code}", ended.stderr


def test_a_workload_without_polars_names_the_extra(trained_artifact: Path) -> None:
    """Without the package the error says which extra installs it."""
    arguments = ("budget", "-a", trained_artifact, "-w", "t.csv", "--battery-wh", 5)
    ended = in_a_new_process(BLOCKED, "polars", *arguments)
    assert ended.returncode == 2
    assert "budgeting a workload needs the package 'polars'" in ended.stderr
