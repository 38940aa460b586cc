"""Data sets that differ by a common factor, and rows that lie far off."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.synthetic import (
    MODEL,
    PROMPTS,
    Request,
    Row,
    Truth,
    experiment,
    measured,
    prepared,
    row,
    train,
)
from token2metrics.artifact.fitted import FittedModel
from token2metrics.config import CalibrationMethod, RegressionConfig, RegressionType
from token2metrics.modeling.campaigns import campaigns_of, levelled, offsets_of
from token2metrics.modeling.gather import gather
from token2metrics.modeling.rows import FitRows
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.vocabulary import Phase

TRUTH = Truth(RegressionType.ROOFLINE)
FIRST, SECOND = "first campaign", "second campaign"
REQUESTS: tuple[Request, ...] = tuple((prompt, 200) for prompt in PROMPTS)
SLOWER = 1.03
NEAR = 0.006
"""A 3 % offset is pulled towards none by its prior."""

CHOSEN = experiment(
    RegressionConfig(type=RegressionType.ROOFLINE), CalibrationMethod.AUTO, server_model=None
)


def campaign(
    source: str, factor: float = 1.0, requests: tuple[Request, ...] = REQUESTS
) -> list[Row]:
    """Return decode rows of one data set, all slower by one factor."""
    return [
        row(Phase.DECODE, request, factor * TRUTH.latency_s(Phase.DECODE, request), source=source)
        for request in requests
    ]


def answers(longer: int) -> tuple[Request, ...]:
    """Return longer answers to the same prompts."""
    return tuple((prompt, answer + longer) for prompt, answer in REQUESTS)


def fitted(rows: list[Row]) -> FittedModel:
    """Train the imagined model on rows."""
    return train(rows, CHOSEN).model


def edge_rows(rows: list[Row]) -> FitRows:
    """Return rows as a fit sees them."""
    edge = gather(prepared(rows), [CHOSEN], CHOSEN).edge
    assert edge is not None
    return edge


def overlapping(factor: float) -> list[Row]:
    """Return two campaigns over the same prompts, the first one larger."""
    first = [one for longer in (0, 20, 40) for one in campaign(FIRST, 1.0, answers(longer))]
    second = [one for longer in (10, 30) for one in campaign(SECOND, factor, answers(longer))]
    return [*first, *second]


@pytest.mark.parametrize("factor", [1.0 / SLOWER, 1.0, SLOWER])
def test_an_offset_is_fitted_and_reported(factor: float) -> None:
    """The smaller data set's offset is found; the larger one is the level."""
    campaigns = fitted(overlapping(factor)).record.phases[Phase.DECODE].campaigns
    found = {one.source: one.offset_percent / 100.0 for one in campaigns}
    assert found[FIRST] == 0.0
    assert found[SECOND] == pytest.approx(factor - 1.0, abs=NEAR)


def test_predictions_refer_to_the_larger_data_set() -> None:
    """A smaller data set that is slower does not slow predictions down."""
    alone = fitted([one for one in overlapping(SLOWER) if one["source"] == FIRST])
    together = fitted(overlapping(SLOWER))
    for model in (alone, together):
        assert model.record.id == MODEL
    request = (400, 210)
    assert decode_s(together, request) == pytest.approx(decode_s(alone, request), rel=NEAR)


def decode_s(model: FittedModel, request: Request) -> float:
    """Return the decode latency of a request."""
    cost = ModelPredictor(model).phase_cost(Phase.DECODE, *request)
    assert cost is not None
    return cost.latency_s


@pytest.mark.parametrize(
    "rows",
    [
        campaign(FIRST),
        [*campaign(FIRST, requests=REQUESTS[:6]), *campaign(SECOND, requests=REQUESTS[7:])],
        [*campaign(FIRST), *campaign(SECOND, requests=REQUESTS[4:7])],
    ],
    ids=["one data set", "no overlap", "too few shared rows"],
)
def test_what_cannot_be_compared_has_no_offset(rows: list[Row]) -> None:
    """One data set, separate ranges, or a handful of shared rows tell nothing."""
    assert campaigns_of(edge_rows(rows)) == ((), ())
    assert fitted(rows).record.phases[Phase.DECODE].campaigns == ()


def test_levelling_divides_by_the_offset() -> None:
    """Rows of the smaller data set are brought to the level of the larger one."""
    edge = edge_rows(overlapping(SLOWER))
    compared = campaigns_of(edge)
    level = levelled(edge, offsets_of(compared, [0.05]))
    ratio = (edge.latency_s / level.latency_s).log()
    assert ratio.tolist() == pytest.approx((0.05 * compared[1][0].rows).tolist())
    assert replace(level, latency_s=edge.latency_s).campaigns == edge.campaigns


def test_a_far_row_is_named_as_an_outlier() -> None:
    """One row ten times too slow is reported with what the fit says, the others are not."""
    rows = measured(TRUTH, REQUESTS, [Phase.PREFILL])
    spoiled = rows[5]
    rows[5] = {**spoiled, "latency_s": 10.0 * spoiled["latency_s"]}
    (outlier,) = fitted(rows).record.phases[Phase.PREFILL].outliers
    assert outlier.input_tokens == spoiled["input_tokens"]
    assert outlier.measured_s == pytest.approx(10.0 * spoiled["latency_s"])
    assert outlier.fitted_s == pytest.approx(spoiled["latency_s"], rel=0.1)


def test_ordinary_rows_are_no_outliers() -> None:
    """Noise-free rows leave nothing to name."""
    model = fitted(measured(TRUTH, REQUESTS, [Phase.PREFILL]))
    assert model.record.phases[Phase.PREFILL].outliers == ()
