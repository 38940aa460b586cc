"""The verdict: plain words for everything that makes predictions worse than they look."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from tests.finding import gathered, named, unseen, with_model, with_phase
from token2metrics.artifact.manifest import CampaignRecord, OutlierRecord
from token2metrics.findings.findings import Findings
from token2metrics.findings.labels import legible
from token2metrics.findings.off_by import latency_errors
from token2metrics.findings.shown import Standing
from token2metrics.findings.verdict import verdict
from token2metrics.findings.words import between, listed, of_counts, per_cent
from token2metrics.heads import UNLIMITED_POWER_W
from token2metrics.page.model_tables import glance_table
from token2metrics.report.units import percent
from token2metrics.vocabulary import Phase

__all__ = ["gathered"]

PREFILL, DECODE = Phase.PREFILL, Phase.DECODE
Change = Callable[[Findings], Findings]


def errors_of(findings: Findings, **changes: float) -> Findings:
    """Return findings whose prefill has other held-out errors."""
    first, *_ = findings.models[0].phases[PREFILL].errors
    return with_phase(findings, PREFILL, errors=(msgspec.structs.replace(first, **changes),))


def without_limit(findings: Findings) -> Findings:
    """Return findings of a device whose power limit nobody stated."""
    hardware = msgspec.structs.replace(findings.models[0].hardware, power_limit_w=UNLIMITED_POWER_W)
    return with_model(findings, hardware=hardware)


def off_by(findings: Findings, factor: float, count: int) -> Findings:
    """Return findings with so many new decode rows, measured so much longer than predicted."""
    latencies = [
        one for one in findings.models[0].points if (one.phase, one.metric) == (DECODE, "latency")
    ]
    return with_model(findings, points=tuple(unseen(latencies[0], factor) for _ in range(count)))


CASES: dict[str, tuple[Change, str]] = {
    "few rows": (lambda f: with_phase(f, PREFILL, edge_rows=3), "prefill rests on only 3 rows"),
    "one row": (lambda f: with_phase(f, DECODE, edge_rows=1), "decode rests on only 1 row of"),
    "a phase unmeasured": (
        lambda f: with_phase(f, PREFILL, edge_rows=0),
        "no row of prefill was measured",
    ),
    "energy of one phase": (lambda f: f, "no energy of prefill was measured"),
    "no energy": (lambda f: with_phase(f, DECODE, head=None), "no energy was measured, so there"),
    "no limit": (without_limit, "nobody stated the power limit"),
    "no fit": (
        lambda f: with_model(f, phases={DECODE: f.models[0].phases[DECODE]}),
        "nothing measured supports prefill",
    ),
    "large errors": (lambda f: errors_of(f, p90_ape_percent=23.0), "off by more than 23 %"),
    "too much": (lambda f: errors_of(f, bias_percent=8.0), "8.0 % too much on average"),
    "too little": (lambda f: errors_of(f, bias_percent=-12.0), "12 % too little on average"),
    "unsettled": (lambda f: with_phase(f, DECODE, converged=False), "fit of decode did not settle"),
    "outliers": (
        lambda f: with_phase(
            f,
            DECODE,
            outliers=(
                OutlierRecord(input_tokens=1.0, output_tokens=2.0, measured_s=9.0, fitted_s=1.0),
            ),
        ),
        "1 row of decode far off the fit",
    ),
    "campaigns": (
        lambda f: with_phase(
            f, DECODE, campaigns=(CampaignRecord(source="b", rows=4, offset_percent=-7.0),)
        ),
        "data sets of decode differ by 7.0 %",
    ),
    "moved": (lambda f: with_phase(f, DECODE, level=1.04), "moved decode by +4.0 %"),
    "extrapolated": (lambda f: f, "129 to 4,097 prompt tokens"),
    "typical outside": (
        lambda f: with_model(
            f, typical=msgspec.structs.replace(f.models[0].typical, extrapolated=True)
        ),
        "even the typical request",
    ),
    "narrow intervals": (
        lambda f: off_by(f, 1.5, 12),
        "of 12 new decode rows looked at, only 0 lie",
    ),
    "untold": (
        lambda f: with_model(
            f,
            points=tuple(
                msgspec.structs.replace(one, standing=Standing.UNTOLD) for one in f.models[0].points
            ),
        ),
        "are not at hand",
    ),
    "warned": (lambda f: with_model(f, warnings=("direct is used",)), "1.5B: direct is used."),
    "lost rows": (
        lambda f: msgspec.structs.replace(
            f,
            readings=(
                msgspec.structs.replace(
                    f.readings[0],
                    read_rows=10,
                    rejected_counts={"late": 4},
                    energy_set_aside={"too short": 2},
                ),
            ),
        ),
        "4 of 10 rows read were not used: 4 late.",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_each_doubt_is_said(case: str, gathered: Findings) -> None:
    """In a sentence that names the model or the rows."""
    change, words = CASES[case]
    said = verdict(change(gathered)).distrust
    assert any(words in sentence for sentence in said), said
    assert all(sentence.endswith(".") for sentence in said)


ALWAYS = ("energy of one phase", "extrapolated", "no limit")


@pytest.mark.parametrize("case", [case for case in CASES if case not in ALWAYS])
def test_no_doubt_is_said_without_a_reason(case: str, gathered: Findings) -> None:
    """The plain model has only the doubts that it deserves."""
    said = verdict(with_model(gathered)).distrust
    assert not any(CASES[case][1] in sentence for sentence in said), said


def test_new_rows_within_their_intervals_raise_no_doubt(gathered: Findings) -> None:
    """Nor do few rows outside."""
    for factor, count in ((1.0, 12), (1.5, 3)):
        said = verdict(off_by(gathered, factor, count)).distrust
        assert not any("new decode rows" in sentence for sentence in said)


def test_the_headline_says_model_device_and_errors(gathered: Findings) -> None:
    """With the medians of the training, and who was not checked."""
    model = gathered.models[0]
    headline = verdict(gathered).headline
    for phase in (PREFILL, DECODE):
        median = model.phases[phase].errors[0].median_ape_percent
        assert f"{per_cent(median)} in {phase}" in headline
    assert model.device in headline
    assert "nobody has checked 7B yet" in headline
    assert "nobody" not in verdict(with_model(gathered)).headline


def test_rows_that_were_brought_are_what_words_and_tables_judge_by(gathered: Findings) -> None:
    """Headline, doubts and first table say the same; a phase without new rows keeps its errors."""
    model = gathered.models[0]
    (own,) = [e for e in model.held_out_errors if (e.phase, e.metric) == (DECODE, "latency")]
    worse = msgspec.structs.replace(own, median_ape_percent=31.0, p90_ape_percent=42.0)
    brought = with_model(off_by(gathered, 1.5, 12), held_out_errors=(worse,))
    told = verdict(brought)
    trained = model.phases[PREFILL].errors[0].median_ape_percent
    assert f"{per_cent(trained)} in prefill and 31 % in decode" in told.headline
    assert any("one in ten decode latencies is off by more than 42 %" in s for s in told.distrust)
    assert glance_table(brought).rows[0][1:3] == (f"{percent(trained)} %", f"{percent(31.0)} %")
    seen = msgspec.structs.replace(model, held_out_errors=(worse,))
    assert latency_errors(seen) == latency_errors(model)


def test_nothing_measured_is_said_first(gathered: Findings) -> None:
    """A model that was carried over has no errors to report, and is doubted first."""
    alone = msgspec.structs.replace(gathered, models=gathered.models[1:], shots=None)
    told = verdict(alone)
    assert "7B" in told.headline
    assert "no measurement has checked" in told.headline
    assert "no row was measured on the device" in told.distrust[0]
    assert not any("Errors of latency" in paragraph for paragraph in told.paragraphs)


def test_nothing_fitted_at_all_is_still_a_verdict(gathered: Findings) -> None:
    """Without a phase there are words, and no number."""
    bare = with_model(
        gathered,
        phases={},
        points=(),
        typical=msgspec.structs.replace(
            gathered.models[0].typical, latency_s=None, energy_j=None, latency_interval_s=None
        ),
    )
    told = verdict(msgspec.structs.replace(bare, shots=None, comparison=None))
    assert "no measurement has checked" in told.headline
    assert "nothing was fitted" in told.paragraphs[0]
    assert "nothing measured supports prefill and decode" in told.distrust[0]


def test_many_models_are_summed_up(gathered: Findings) -> None:
    """A verdict on forty models is as short as one on six."""
    many = msgspec.structs.replace(gathered, models=named(gathered.models, 40))
    told = verdict(many)
    everything = " ".join((told.headline, *told.paragraphs, *told.distrust))
    assert "40 models" in told.paragraphs[0]
    assert "every model" in told.distrust[0]
    assert len(everything) < 3_000


def test_the_typical_request_is_told_with_its_interval(gathered: Findings) -> None:
    """As the prediction has it, rounded for people."""
    (paragraph,) = [p for p in verdict(gathered).paragraphs if p.startswith("A request of")]
    assert f"{gathered.typical_input_tokens:,} input" in paragraph
    assert "at 90%" in paragraph


def test_hostile_names_stay_words(gathered: Findings) -> None:
    """They appear as they are, on one line; whoever sets them into a page escapes them."""
    name = legible("</script><img onerror=x>\n\x1b[31m{{ 7 * 7 }}")
    told = verdict(with_model(gathered, label=name, warnings=("a",)))
    everything = (told.headline, *told.paragraphs, *told.distrust)
    assert any("<img onerror=x>" in words for words in everything)
    assert all("\n" not in words and "\x1b" not in words for words in everything)


def test_words_for_numbers() -> None:
    """Rounded as people say them; ranges only where there is one."""
    assert [per_cent(value) for value in (0.172, 4.94, 23.4, 0.0)] == [
        "0.17 %",
        "4.9 %",
        "23 %",
        "0.00 %",
    ]
    assert between([4.94, 0.172]) == "0.17 to 4.9 %"
    assert between([4.94]) == "4.9 %"
    assert between([4.94, 4.93]) == "4.9 %"
    assert of_counts([3, 17]) == "3 to 17"
    assert of_counts([3]) == "3"
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed([str(number) for number in range(9)]) == "0, 1, 2, 3, 4 and 4 others"
    assert listed([]) == ""
