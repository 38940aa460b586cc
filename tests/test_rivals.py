"""The published rivals: each finds its own form again, and says where it does not apply."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.rivals import (
    ANSWERS,
    EXACT,
    ORIN_8B,
    PROMPTS,
    both,
    context_sum,
    decode_power,
    energy_j,
    expected,
    known,
    latency_s,
    padded_quadratic,
    per_step_phases,
    prefill_power,
    rows_of,
    steps,
    straight,
    three_terms,
)
from tests.synthetic import (
    BETWEEN,
    GRID,
    experiment,
    row,
)
from token2metrics.bench.contender import Contender, NotApplicableError
from token2metrics.bench.ecologits import EcoLogits, gpus_needed, joules_per_output_token
from token2metrics.bench.edgereasoning import EdgeReasoning
from token2metrics.bench.edgereasoning_published import EdgeReasoningPublished
from token2metrics.bench.llmd import LlmD
from token2metrics.bench.wilkins import Wilkins, WilkinsRelative
from token2metrics.vocabulary import FITTED_PHASES, Phase


def test_edgereasoning_finds_its_form() -> None:
    """The padded quadratic, the sum over contexts and both powers come back; so does the total."""
    rows = rows_of(Phase.PREFILL, padded_quadratic, prefill_power)
    rows += rows_of(Phase.DECODE, context_sum, decode_power)
    forecast = EdgeReasoning().fit(known(rows))
    assert latency_s(forecast, Phase.PREFILL) == pytest.approx(expected(padded_quadratic), EXACT)
    assert latency_s(forecast, Phase.DECODE) == pytest.approx(expected(context_sum), EXACT)
    assert latency_s(forecast, Phase.REQUEST) == pytest.approx(expected(both), EXACT)
    joules = [decode_power(*r) * context_sum(*r) for r in BETWEEN]
    assert energy_j(forecast, Phase.DECODE) == pytest.approx(joules, EXACT)
    joules = [prefill_power(*r) * padded_quadratic(*r) for r in BETWEEN]
    assert energy_j(forecast, Phase.PREFILL) == pytest.approx(joules, EXACT)
    assert any("logarithmic decode power" in remark for remark in forecast.remarks)


def test_edgereasoning_splits_whole_requests() -> None:
    """Without rows of the phases, both forms are fitted on requests together."""
    forecast = EdgeReasoning().fit(known(rows_of(Phase.REQUEST, both)))
    assert latency_s(forecast, Phase.REQUEST) == pytest.approx(expected(both), EXACT)
    assert latency_s(forecast, Phase.DECODE) == pytest.approx(expected(context_sum), 1e-3)


@pytest.mark.parametrize("prompts", [(100, 300, 700), (900, 1_500, 3_000)])
def test_a_missing_side_of_prefill_power_goes_on_as_the_other(prompts: tuple[int, ...]) -> None:
    """Short prompts alone give a constant power, long ones alone the logarithm."""
    rows = rows_of(Phase.PREFILL, padded_quadratic, prefill_power, [(p, 1) for p in prompts])
    forecast = EdgeReasoning().fit(known(rows))
    asked = np.array([400.0, 2_000.0])
    found = forecast.energy_j(Phase.PREFILL, asked, np.ones(2))
    seconds = forecast.latency_s(Phase.PREFILL, asked, np.ones(2))
    assert found is not None
    assert seconds is not None
    long = 9.0 * np.log(asked) - 50.0
    watts = np.full(2, 6.0) if max(prompts) <= 800 else np.maximum(long, 0.0)
    assert found / seconds == pytest.approx(watts, EXACT)


def test_edgereasoning_needs_a_row_per_coefficient() -> None:
    """A phase with fewer rows has no say; with no phase left it does not apply."""
    rows = rows_of(Phase.PREFILL, straight)[:2] + rows_of(Phase.DECODE, steps)[:2]
    forecast = EdgeReasoning().fit(known(rows))
    assert forecast.latency_s(Phase.PREFILL, PROMPTS, ANSWERS) is None
    assert forecast.latency_s(Phase.REQUEST, PROMPTS, ANSWERS) is None
    assert forecast.remarks == ("latency of prefill needs 3 rows, one per coefficient",)
    one = rows_of(Phase.DECODE, steps)[:1]
    with pytest.raises(NotApplicableError, match="decode needs 2 rows"):
        EdgeReasoning().fit(known(one))
    with pytest.raises(NotApplicableError, match="request needs 5 rows"):
        EdgeReasoning().fit(known(rows_of(Phase.REQUEST, both)[:4]))
    metered = rows_of(Phase.DECODE, steps, decode_power)[:1] + rows_of(Phase.DECODE, steps)[1:]
    assert "energy of decode" in EdgeReasoning().fit(known(metered)).remarks[-1]


def test_published_coefficients_of_edgereasoning() -> None:
    """They are those of its authors, for their three models on their board only."""
    chosen = experiment(model=ORIN_8B["model"])
    orin = chosen.edge.model_copy(update={"name": ORIN_8B["device"]})
    rows = [{**one, **ORIN_8B} for one in rows_of(Phase.DECODE, steps)]
    published = EdgeReasoningPublished()
    forecast = published.fit(known(rows, chosen.model_copy(update={"edge": orin})))
    asked = (np.array([116.0]), np.array([82.0]))
    prefill_s, decode_s = (forecast.latency_s(phase, *asked) for phase in FITTED_PHASES)
    assert prefill_s == pytest.approx(
        6.645207285e-07 * 128**2 + 2.90354513e-04 * 128 + 0.1038084991
    )
    assert decode_s == pytest.approx(82 * (6.920219504e-07 * (116 + 40.5) + 0.10038429572))
    watts = 2.701709095 * math.log(82) + 8.806744003
    assert forecast.energy_j(Phase.DECODE, *asked) == pytest.approx(watts * decode_s)
    with pytest.raises(NotApplicableError, match="dsr1-llama-8b"):
        published.fit(known(rows_of(Phase.DECODE, steps)))


@pytest.mark.parametrize("contender", [Wilkins(), WilkinsRelative()])
def test_wilkins_finds_its_terms(contender: Contender) -> None:
    """Runtime and energy of whole requests come back; a phase is not its business."""
    watts = 20.0
    rows = rows_of(Phase.REQUEST, three_terms, lambda prompt, answer: watts)
    forecast = contender.fit(known(rows))
    assert latency_s(forecast, Phase.REQUEST) == pytest.approx(expected(three_terms), EXACT)
    joules = [watts * value for value in expected(three_terms)]
    assert energy_j(forecast, Phase.REQUEST) == pytest.approx(joules, EXACT)
    assert forecast.latency_s(Phase.DECODE, PROMPTS, ANSWERS) is None
    with pytest.raises(NotApplicableError, match="needs 3 rows"):
        contender.fit(known(rows[:2]))


def test_wilkins_with_few_metered_requests() -> None:
    """Energy needs as many rows as latency does, and says so."""
    rows = rows_of(Phase.REQUEST, three_terms)
    metered = rows_of(Phase.REQUEST, three_terms, decode_power)[:2]
    forecast = Wilkins().fit(known(metered + rows[2:]))
    assert forecast.energy_j(Phase.REQUEST, PROMPTS, ANSWERS) is None
    assert "energy of request" in forecast.remarks[-1]
    assert len(Wilkins().fit(known(rows)).remarks) == 1


def test_relative_weights_give_the_smallest_relative_error() -> None:
    """Where the form is wrong, weights by relative error are better by that measure."""
    rows = rows_of(Phase.REQUEST, both)
    asked = (np.array([float(prompt) for prompt, _ in GRID]), np.array([float(a) for _, a in GRID]))
    truth = np.array([both(*request) for request in GRID])
    squares = []
    for contender in (WilkinsRelative(), Wilkins()):
        found = contender.fit(known(rows)).latency_s(Phase.REQUEST, *asked)
        assert found is not None
        squares.append(float(np.mean((found / truth - 1.0) ** 2)))
    assert squares[0] < squares[1]


@pytest.mark.parametrize(
    ("parameters", "joules"),
    [(1.5, 0.24379681105800646), (8.0, 0.26745775365926616), (70.0, 1.9725869785005132)],
)
def test_ecologits_is_that_of_its_library(parameters: float, joules: float) -> None:
    """The energy per token is what EcoLogits 0.11.3 computes at an effectiveness of 1."""
    assert joules_per_output_token(parameters) == pytest.approx(joules, 1e-12)


def test_ecologits_counts_output_tokens() -> None:
    """Twice the output is twice the energy, at any prompt; there is no latency."""
    assert [gpus_needed(parameters) for parameters in (8.0, 70.0, 120.0)] == [1, 4, 4]
    forecast = EcoLogits().fit(known(per_step_phases()))
    found = energy_j(forecast, Phase.REQUEST)
    assert found / ANSWERS == pytest.approx(found[0] / ANSWERS[0])
    assert forecast.latency_s(Phase.REQUEST, PROMPTS, ANSWERS) is None
    assert forecast.energy_j(Phase.PREFILL, PROMPTS, ANSWERS) is None


def test_llm_d_finds_its_constants() -> None:
    """Overhead, time per token and time between tokens come back."""
    forecast = LlmD().fit(known(per_step_phases()))
    assert latency_s(forecast, Phase.PREFILL) == pytest.approx(expected(straight), EXACT)
    assert latency_s(forecast, Phase.DECODE) == pytest.approx(expected(steps), EXACT)
    assert forecast.energy_j(Phase.DECODE, PROMPTS, ANSWERS) is None


def test_llm_d_says_what_it_lacks() -> None:
    """One prefill row does not tell two constants; requests alone tell none."""
    forecast = LlmD().fit(known([*rows_of(Phase.PREFILL, straight)[:1], *per_step_phases()[-1:]]))
    assert forecast.remarks == ("latency of prefill needs 2 rows, one per coefficient",)
    single = row(Phase.DECODE, (64, 1), 0.01)
    forecast = LlmD().fit(known([*rows_of(Phase.PREFILL, straight), single]))
    assert "more than one output token" in forecast.remarks[0]
    with pytest.raises(NotApplicableError, match="prefill or decode rows"):
        LlmD().fit(known(rows_of(Phase.REQUEST, both)))


def test_llm_d_has_no_negative_constant() -> None:
    """An overhead that would be negative is none."""
    rows = rows_of(Phase.PREFILL, lambda prompt, answer: 1e-7 * prompt**2 + 1e-3)
    found = LlmD().fit(known(rows)).latency_s(Phase.PREFILL, np.zeros(1), np.ones(1))
    assert found is not None
    assert found[0] >= 0
