"""``compare`` as users run it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest

from tests.conftest import Outcome, Run, refused
from tests.pictures import is_png, words_of
from tests.planning import without_heads
from tests.test_imports import BLOCKED, PROBE, in_a_new_process
from token2metrics.artifact.load import load_artifact
from token2metrics.artifact.save import save_artifact
from token2metrics.heads import UNLIMITED_POWER_W
from token2metrics.prediction.predictor import Predictor
from token2metrics.report.units import joules, seconds
from token2metrics.vocabulary import FITTED_PHASES, Phase

TRACE = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
REQUESTS = ((200, 300), (1_000, 40), (200, 300), (3_000, 5))
QUALITIES = """model,max_output_tokens,quality
1.5B,50,0.2
1.5B,,0.4
7B,50,0.5
7B,,0.7
"""


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """Write a trace of the Azure kind, with one bad row."""
    path = tmp_path / "trace.csv"
    lines = [f"2023-11-16 18:17:03,{prompt},{answer}" for prompt, answer in REQUESTS]
    path.write_text(TRACE + "\n".join([*lines, "2023-11-16 18:17:03,-1,5"]) + "\n")
    return path


@pytest.fixture
def quality(tmp_path: Path) -> Path:
    """Write qualities of both models, with a cap and without."""
    path = tmp_path / "quality.csv"
    path.write_text(QUALITIES)
    return path


@pytest.fixture
def two_modes(trained_artifact: Path, tmp_path: Path) -> Path:
    """Return an artifact with a model in two power modes, the second twice as slow."""
    model = next(m for m in load_artifact(trained_artifact).models if m.record.name == "1.5B")
    phases = {
        phase: msgspec.structs.replace(record, level=2.0)
        for phase, record in model.record.phases.items()
    }
    slow = msgspec.structs.replace(model.record, power_mode="15w", phases=phases)
    weights = model.weights
    save_artifact(tmp_path / "modes", [model, type(model)(slow, model.formulas, weights)])
    return tmp_path / "modes"


def found(outcome: Outcome) -> dict[str, Any]:
    """Return the JSON that the program printed."""
    result: dict[str, Any] = json.loads(outcome.out)
    return result


def test_a_request_is_compared_on_every_model(run: Run, trained_artifact: Path) -> None:
    """Numbers and bounds are those of predict; a dash or a mark where prefill was not metered."""
    request = ("-a", trained_artifact, "-i", 200, "-o", 300)
    outcome = run("compare", *request)
    assert outcome.code == 0, outcome.err
    for words in (
        "jetson-agx-orin-64gb, maxn, vllm, bf16",
        "200 input tokens, 300 output tokens",
        "95% below",
        "cost of 1,000",
        "● Pareto front of latency and energy †: nothing compared is better",
        "† decode only: no energy of prefill was measured",
    ):
        assert words in outcome.out
    shown = found(run("compare", *request, "--json"))
    predictor = Predictor.load(trained_artifact)
    for one in shown["configurations"]:
        priced = predictor.select(one["name"])(200, 300)
        assert one["latency"]["mean_s"] == one["latency"]["p99_s"] == priced.latency_s
        interval = json.loads(msgspec.json.encode(priced.latency_interval_s))
        assert one["latency"]["interval_s"] == interval
        assert one["energy"]["mean_j"] is None
        assert one["energy"]["decode_mean_j"] == priced.decode.energy_j
        assert one["energy"]["decode_power_w"] == pytest.approx(priced.decode.power_w)
        per_million = one["cost"]["decode_per_million_output_tokens"]
        assert per_million == pytest.approx(one["cost"]["decode_per_request"] / 300 * 1e6)
        assert one["output_tokens_per_s"] == pytest.approx(priced.output_tokens_per_s)
        assert one["notes"] == ["prefill: no measured energy"]
        assert one["energy"]["at_most_j"] > one["energy"]["decode_mean_j"]
    assert [one["name"] for one in shown["configurations"] if one["on_front"]] == ["1.5B"]


def test_a_workload_is_read_from_a_trace(run: Run, trained_artifact: Path, trace: Path) -> None:
    """Percentiles and totals of the good rows; the bad one is counted with its reason."""
    request = ("-a", trained_artifact, "-m", "1.5B", "--workload", trace)
    outcome = run("compare", *request)
    assert outcome.code == 0, outcome.err
    for words in (
        f"4 requests of {trace}",
        "4,400 input tokens, 645 output tokens",
        "set aside: 1 row: input_tokens is negative",
        "p99",
        "TTFT p95",
        "busy",
    ):
        assert words in " ".join(outcome.out.split())
    shown = found(run("compare", *request, "--percentile", 75, "--json"))
    (one,) = shown["configurations"]
    model = Predictor.load(trained_artifact).select("1.5B")
    latencies = sorted(model(*lengths).latency_s or 0.0 for lengths in REQUESTS)
    assert one["latency"]["mean_s"] == pytest.approx(sum(latencies) / 4)
    assert one["latency"]["p50_s"] == pytest.approx(latencies[1])
    assert one["latency"]["at_percentile_s"] == pytest.approx(latencies[2])
    assert one["latency"]["p99_s"] == pytest.approx(latencies[3])
    assert one["busy_s"] == pytest.approx(sum(latencies))
    assert one["output_tokens_per_s"] == pytest.approx(645 / sum(latencies))
    assert one["outside_share"] == 0.5
    assert shown["workload"]["rejected_counts"] == {"input_tokens is negative": 1}


def test_several_files_are_one_workload(
    run: Run, trained_artifact: Path, trace: Path, tmp_path: Path
) -> None:
    """A trace given twice, once as Parquet, has twice the requests and the same mean."""
    table = pl.DataFrame(REQUESTS, schema=["input_tokens", "output_tokens"], orient="row")
    table.write_parquet(tmp_path / "trace.parquet")
    one = ("compare", "-a", trained_artifact, "-m", "7B", "--json", "-w", trace)
    single = found(run(*one))["configurations"][0]
    double = found(run(*one, "-w", tmp_path / "trace.parquet"))["configurations"][0]
    assert double["latency"]["mean_s"] == pytest.approx(single["latency"]["mean_s"])
    assert double["busy_s"] == pytest.approx(2 * single["busy_s"])


def test_power_modes_and_samples_stand_side_by_side(run: Run, two_modes: Path) -> None:
    """What differs is in the name; what nobody measured is a dash with its reason."""
    outcome = run(
        *("compare", "-a", two_modes, "-i", 200, "-o", 300, "--parallel", 1, "--parallel", 4)
    )
    assert outcome.code == 0, outcome.err
    for name in ("1.5B maxn x1", "1.5B maxn x4", "1.5B 15w x1", "1.5B 15w x4"):
        assert name in outcome.out
    assert "note: 1.5B maxn x4: decode: no measured rows of several samples" in outcome.out
    rows = [line.split() for line in outcome.out.splitlines() if "15w x1" in line]
    assert rows[0][3:5] != rows[1][3:5]
    slow = found(
        run("compare", "-a", two_modes, "-i", 200, "-o", 300, "--power-mode", "15W", "--json")
    )
    fast = found(
        run("compare", "-a", two_modes, "-i", 200, "-o", 300, "--power-mode", "maxn", "--json")
    )
    (one,), (other,) = slow["configurations"], fast["configurations"]
    assert one["latency"]["mean_s"] == pytest.approx(2 * other["latency"]["mean_s"])


def test_what_is_not_alike_is_said(run: Run, trained_artifact: Path, tmp_path: Path) -> None:
    """Rails that differ and devices without a price are notes."""
    model = next(m for m in load_artifact(trained_artifact).models if m.record.name == "1.5B")
    hardware = msgspec.structs.replace(model.record.hardware, purchase_price=None)
    phases = {
        phase: msgspec.structs.replace(
            one, head=one.head and msgspec.structs.replace(one.head, power_rail="VDD_IN")
        )
        for phase, one in model.record.phases.items()
    }
    other = msgspec.structs.replace(model.record, device="other", hardware=hardware, phases=phases)
    save_artifact(tmp_path / "two", [model, type(model)(other, model.formulas, model.weights)])
    request = ("compare", "-a", tmp_path / "two", "-i", 200, "-o", 300)
    outcome = run(*request)
    assert "note: energies of different rails are not alike: VDD_GPU_SOC, VDD_IN" in outcome.out
    assert "note: costs are electricity alone on other: no device price" in outcome.out


@pytest.fixture
def mixed(trained_artifact: Path, tmp_path: Path) -> Path:
    """Return an artifact with the energy of both phases of 1.5B, and of decode alone of 7B."""
    full, other = load_artifact(trained_artifact).models
    head = full.record.phases[Phase.DECODE].head
    phases = {
        phase: msgspec.structs.replace(one, head=head) for phase, one in full.record.phases.items()
    }
    weights = {
        phase: type(own)(own.curve, own.calibration, full.weights[Phase.DECODE].head)
        for phase, own in full.weights.items()
    }
    record = msgspec.structs.replace(full.record, phases=phases)
    save_artifact(tmp_path / "mixed", [type(full)(record, full.formulas, weights), other])
    return tmp_path / "mixed"


def test_what_is_not_ranked_is_said(run: Run, mixed: Path) -> None:
    """On the screen, in the footnote of the front, as JSON and on the picture."""
    request = ("compare", "-a", mixed, "-i", 200, "-o", 300)
    note = "1 configuration is not ranked: energy of prefill was not measured"
    outcome = run(*request, "--plot", "p.svg")
    assert f"note: {note}" in outcome.out
    assert "● Pareto front of latency and energy: nothing ranked is better" in outcome.out
    drawn = words_of(Path("p.svg"))
    assert note in drawn
    assert "1 of 2 configurations not drawn: a value is unknown" in drawn
    shown = found(run(*request, "--json"))
    assert note in shown["notes"]
    assert [one["on_front"] for one in shown["configurations"]] == [True, None]
    outcome = run(*request, "--objective", "latency")
    assert "nothing compared is better" in outcome.out
    assert "not ranked" not in outcome.out


def test_samples_that_nobody_measured_are_said(run: Run, two_modes: Path, quality: Path) -> None:
    """A note where some have a latency, an error where none has, as for qualities that are few."""
    request = ("compare", "-a", two_modes, "-i", 200, "-o", 300, "--parallel", 4)
    refused(run(*request), "no latency of 1.5B to compare", "no measured rows of several samples")
    some = found(run(*request, "--parallel", 1, "--json"))
    assert some["notes"][0] == (
        "2 configurations are not ranked: nothing measured tells the latency of several samples "
        "at once"
    )
    quality.write_text("model,quality,parallel\n1.5B,0.5,1\n")
    rated = ("--quality", quality, "--power-mode", "maxn", "--parallel", 1)
    assert "nothing ranked is better" in run(*request, *rated).out


def test_unknown_energies_keep_no_limit(run: Run, trained_artifact: Path, tmp_path: Path) -> None:
    """A device without a stated limit; what keeps a latency is then named by latency."""
    models = [
        type(model)(
            msgspec.structs.replace(
                model.record,
                hardware=msgspec.structs.replace(
                    model.record.hardware, power_limit_w=UNLIMITED_POWER_W
                ),
            ),
            model.formulas,
            model.weights,
        )
        for model in load_artifact(trained_artifact).models
    ]
    save_artifact(tmp_path / "open", models)
    request = ("compare", "-a", tmp_path / "open", "-i", 200, "-o", 300)
    outcome = run(*request, "--max-energy-j", 9)
    assert outcome.code == 1
    assert "energy of a request, at most: unknown, and 9.00 J is allowed" in outcome.out
    outcome = run(*request, "--max-latency-s", 60)
    assert "2 of 2 keep the limits: 1.5B, 7B" in outcome.out
    assert "least latency within them: 1.5B, " in outcome.out
    assert found(run(*request, "--max-latency-s", 60, "--json"))["choice"]["best_by"] == "latency"


def test_several_artifacts_are_told_apart(
    run: Run, trained_artifact: Path, two_modes: Path
) -> None:
    """Models of all artifacts are compared, with the directory in their names."""
    outcome = run(
        *("compare", "-a", trained_artifact, "-a", two_modes, "-m", "1.5B", "-i", 9, "-o", 9)
    )
    assert outcome.code == 0, outcome.err
    assert f"1.5B {trained_artifact} maxn" in outcome.out
    assert f"1.5B {two_modes} 15w" in outcome.out


def test_the_best_quality_within_the_limits(
    run: Run, trained_artifact: Path, quality: Path
) -> None:
    """Each cap is a configuration of its own; the best one that keeps the limits is named."""
    request = ("compare", "-a", trained_artifact, "-i", 200, "-o", 300, "--quality", quality)
    outcome = run(*request, "--max-latency-s", 10)
    assert outcome.code == 0, outcome.err
    assert "best quality within the limits: 7B ≤50, 0.5 (3 of 4 keep them)" in outcome.out
    capped = Predictor.load(trained_artifact).select("7B")(200, 50)
    assert f"latency: {seconds(capped.latency_s)} of 10.0 s" in outcome.out
    assert "● Pareto front of latency, energy † and quality" in outcome.out
    shown = found(run(*request, "--max-latency-s", 10, "--max-energy-j", 100, "--json"))
    best = shown["configurations"][shown["choice"]["best"]]
    assert (best["name"], best["max_output_tokens"], best["quality"]) == ("1.5B", 50, 0.2)
    caps = [(one["name"], one["max_output_tokens"]) for one in shown["configurations"]]
    assert caps == [("1.5B", 50), ("1.5B", None), ("7B", 50), ("7B", None)]
    assert [one["keeps_limits"] for one in shown["configurations"]] == [True, False, False, False]


def test_nothing_within_the_limits_says_by_how_much(
    run: Run, trained_artifact: Path, quality: Path
) -> None:
    """Exit code 1, the nearest configuration, each limit it misses, and by how much."""
    request = ("compare", "-a", trained_artifact, "-i", 200, "-o", 300, "--quality", quality)
    outcome = run(*request, "--max-latency-s", 1, "--max-cost", 1)
    assert outcome.code == 1
    assert "nothing keeps the limits; nearest: 1.5B ≤50" in outcome.out
    taken_s = Predictor.load(trained_artifact).select("1.5B")(200, 50).latency_s or 0.0
    over = f"{seconds(taken_s - 1)} ({100 * taken_s - 100:.3g} %) above 1.00 s"
    assert f"latency: {seconds(taken_s)}, {over}" in outcome.out
    assert "cost" not in outcome.out.partition("nothing keeps")[2]


def test_limits_without_qualities_name_all_that_keep_them(run: Run, trained_artifact: Path) -> None:
    """And among them the one that takes the least energy, which is best as JSON too."""
    request = ("compare", "-a", trained_artifact, "-i", 9, "-o", 9, "--max-latency-s", 60)
    outcome = run(*request)
    assert outcome.code == 0
    assert "2 of 2 keep the limits: 1.5B, 7B" in outcome.out
    shown = found(run(*request, "--json"))
    least = min(shown["configurations"], key=lambda one: one["energy"]["at_most_j"])
    assert shown["configurations"][shown["choice"]["best"]] == least
    assert shown["choice"]["best_by"] == "energy"
    taken = joules(least["energy"]["at_most_j"])
    assert f"least energy within them: {least['name']}, at most {taken}" in outcome.out


def test_what_is_read_is_not_drawn_over(run: Run, trained_artifact: Path, trace: Path) -> None:
    """A picture by the name of a workload or of the qualities is refused, and both are kept."""
    request = ("compare", "-a", trained_artifact)
    for name, options in (("t.png", ("--workload",)), ("q.svg", ("-w", trace, "--quality"))):
        Path(name).write_text(TRACE)
        refused(run(*request, *options, name, "--plot", f"./{name}"), "--plot to name another file")
        assert Path(name).read_text() == TRACE


def test_qualities_of_others_are_named(run: Run, trained_artifact: Path, quality: Path) -> None:
    """A model in the file that is not compared is a message, not an error."""
    quality.write_text(QUALITIES + "70B,,0.9\n")
    outcome = run("compare", "-a", trained_artifact, "-i", 9, "-o", 9, "--quality", quality)
    assert outcome.code == 0
    assert "quality not used, since nothing compared fits it: 70B" in outcome.err


def test_the_front_can_be_about_other_things(
    run: Run, trained_artifact: Path, quality: Path
) -> None:
    """Of cost alone one wins; of quality alone the best."""
    request = ("compare", "-a", trained_artifact, "-i", 200, "-o", 300, "--quality", quality)
    for objective, winner in (("cost", ("1.5B", 50)), ("quality", ("7B", None))):
        shown = found(run(*request, "--objective", objective, "--json"))
        fronted = [
            (one["name"], one["max_output_tokens"])
            for one in shown["configurations"]
            if one["on_front"]
        ]
        assert fronted == [winner]


@pytest.mark.parametrize("qualities", [True, False])
def test_the_picture_is_drawn(
    run: Run, trained_artifact: Path, quality: Path, qualities: bool
) -> None:
    """PNG or SVG by the file's name, with and without qualities."""
    given = ("--quality", quality) if qualities else ()
    request = ("compare", "-a", trained_artifact, "-i", 200, "-o", 300, *given, "--plot")
    for name in ("p.png", "p.SVG"):
        assert run(*request, name).code == 0
    assert is_png(Path("p.png"))
    words = words_of(Path("p.SVG"))
    assert ("quality" if qualities else "latency / s") in words
    assert "decode energy per request / J" in words
    assert "1.5B" in words


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), ["--input-tokens N and --output-tokens N, or --workload FILE", "neither"]),
        (("-i", 5), ["only one of the lengths"]),
        (("-i", 5, "-o", 5, "-w", "t.csv"), ["both"]),
        (("-w", "nowhere.csv"), ["nowhere.csv"]),
        (("-i", -1, "-o", 5), ["--input-tokens", "-1"]),
        (("-i", 5, "-o", 10_000_001), ["--output-tokens"]),
        (("-i", 5, "-o", 5, "-m", "zzz"), ["'zzz'", "trained: ", "1.5B on jetson"]),
        (("-i", 5, "-o", 5, "--device", "mars"), ["'mars'", "trained: "]),
        (("-i", 5, "-o", 5, "--precision", "int4"), ["'int4'"]),
        (("-i", 5, "-o", 5, "--parallel", 0), ["--parallel", "got 0"]),
        (("-i", 5, "-o", 5, "--percentile", 0), ["--percentile", "got 0"]),
        (("-i", 5, "-o", 5, "--confidence", 1), ["--confidence"]),
        (("-i", 5, "-o", 5, "--max-latency-s", 0), ["--max-latency-s", "above 0"]),
        (("-i", 5, "-o", 5, "--max-energy-j", "nan"), ["--max-energy-j"]),
        (("-i", 5, "-o", 5, "--max-cost", "inf"), ["--max-cost"]),
        (("-i", 5, "-o", 5, "--price-per-kwh", -1), ["--price-per-kwh"]),
        (("-i", 5, "-o", 5, "--max-cost", 1e300), ["--max-cost to be between"]),
        (("-i", 5, "-o", 5, "--price-per-kwh", 1e308), ["--price-per-kwh to be between"]),
        (("-i", 5, "-i", 6, "-o", 5), ["one --input-tokens, got 5, 6"]),
        (("-i", 5, "-o", 5, "-o", 6), ["one --output-tokens, got 5, 6"]),
        (("-i", 5, "-o", 5, "--objective", "quality"), ["quality", "--quality FILE"]),
        (("-i", 5, "-o", 5, "--plot", "p.jpg"), [".png or .svg", "p.jpg"]),
        (("-i", 5, "-o", 5, "--quality", "nowhere.csv"), ["cannot read nowhere.csv"]),
    ],
)
def test_wrong_usage_is_refused(
    run: Run, trained_artifact: Path, arguments: tuple[object, ...], words: list[str]
) -> None:
    """One clear line, exit code 2, nothing on standard output."""
    refused(run("compare", "-a", trained_artifact, *arguments), *words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model,quality\n70B,1\n", ["expected the quality of 1.5B, 7B", "70B"]),
        (
            "model,quality,precision\n1.5B,1,\n1.5B,2,bf16\n",
            ["one quality per cap of 1.5B", "state precision or parallel"],
        ),
    ],
)
def test_qualities_that_do_not_tell_are_refused(
    run: Run, trained_artifact: Path, quality: Path, text: str, words: list[str]
) -> None:
    """None that fits, or two that both do."""
    quality.write_text(text)
    request = ("compare", "-a", trained_artifact, "-i", 5, "-o", 5, "--quality", quality)
    refused(run(*request), *words)


def test_conditions_that_no_model_has_together_are_refused(
    run: Run, two_modes: Path, trained_artifact: Path
) -> None:
    """Each condition fits some model, but none fits all."""
    request = ("compare", "-a", trained_artifact, "-a", two_modes, "-i", 5, "-o", 5)
    refused(run(*request, "-m", "7B", "--power-mode", "15w"), "no model fits all")


def test_nothing_known_is_nothing_to_draw(run: Run, trained_artifact: Path, quality: Path) -> None:
    """Without energy and qualities there is one axis; where each lacks one there is no point."""
    request = ("compare", "-i", 9, "-o", 9, "--plot", "p.png")
    bare = [without_heads(one, FITTED_PHASES) for one in load_artifact(trained_artifact).models]
    save_artifact(trained_artifact.parent / "bare", bare)
    unmetered = ("-a", trained_artifact.parent / "bare")
    refused(run(*request, *unmetered), "measured energies or --quality FILE")
    quality.write_text("model,quality,parallel\n7B,0.5,4\n")
    several = ("-a", trained_artifact, "--parallel", 1, "--parallel", 4, "--quality", quality)
    refused(run(*request, *several), "of which both axes are known")


def test_a_request_needs_nothing_heavy(trained_artifact: Path) -> None:
    """A single request is compared in plain Python; help and errors are light, too."""
    request = ("compare", "-a", trained_artifact, "-i", 100, "-o", 50)
    for arguments, code in ((request, 0), (("compare", "--help"), 0), (("compare",), 2)):
        ended = in_a_new_process(PROBE, *arguments)
        assert ended.stdout.splitlines()[-1] == f"LOADED {code}", ended.stderr


@pytest.mark.parametrize(
    ("package", "arguments", "words"),
    [
        ("polars", ["-w", "t.csv"], "comparing over a workload needs the package 'polars'"),
        ("altair", ["-i", "5", "-o", "5", "--plot", "p.png"], "token2metrics[plot]"),
    ],
)
def test_a_missing_package_names_its_extra(
    trained_artifact: Path, package: str, arguments: list[str], words: str
) -> None:
    """Without an optional package the error says which extra installs it."""
    ended = in_a_new_process(BLOCKED, package, "compare", "-a", trained_artifact, *arguments)
    assert ended.returncode == 2
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr
