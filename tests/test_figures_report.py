"""The report's own pictures: the numbers they hold, their units, and names that do no harm."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import vl_convert

from tests.finding import gathered, named, rows_of
from tests.strategies import COMBINATIONS, Combination, lawful_model
from token2metrics.figures.drawing import specification
from token2metrics.figures.factors import NARROWEST_RATIO, WIDEST_RATIO, factors
from token2metrics.figures.figure import Figure
from token2metrics.figures.residuals import residuals
from token2metrics.figures.staircase import staircase
from token2metrics.figures.style import DARK
from token2metrics.findings.drawn import DIGITS, factored, residual, token_series
from token2metrics.findings.factors import factors_of
from token2metrics.findings.findings import Findings
from token2metrics.findings.pictures import figures_of
from token2metrics.findings.points import compare
from token2metrics.findings.shown import PowerStep, Standing
from token2metrics.findings.token_curves import Lengths, staircase_of
from token2metrics.intervals import DEFAULT_CONFIDENCE
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.vocabulary import Phase

__all__ = ["gathered"]

HOSTILE = "</script><img src=x onerror=alert(1)>' + datum.x + \\"
USUAL = Lengths((16, 900), (2, 300))
OWN = {
    "measured-predicted",
    "residuals",
    "prefill-staircase",
    "decode-context",
    "power-time",
    "shots",
    "factors",
    "pareto",
}


def by_name(findings: Findings) -> dict[str, Figure]:
    """Return the pictures of findings."""
    return {figure.name: figure for figure in figures_of(findings)}


def rows_in(spec: Any) -> Iterator[dict[str, Any]]:
    """Yield every row of data of a chart, wherever it lies."""
    if isinstance(spec, dict):
        for key, value in spec.items():
            if key == "values" and isinstance(value, list):
                yield from (row for row in value if isinstance(row, dict))
            elif key == "datasets":
                for rows in value.values():
                    yield from rows
            else:
                yield from rows_in(value)
    elif isinstance(spec, list):
        for one in spec:
            yield from rows_in(one)


def titles_in(spec: Any) -> Iterator[str]:
    """Yield every title of an axis or a tooltip."""
    if isinstance(spec, dict):
        if isinstance(title := spec.get("title"), str):
            yield title
        for value in spec.values():
            yield from titles_in(value)
    elif isinstance(spec, list):
        for one in spec:
            yield from titles_in(one)


def test_all_pictures_of_a_report_are_there(gathered: Findings) -> None:
    """Once each, with words, and what there is no data for is left out."""
    found = figures_of(gathered)
    assert [figure.name for figure in found] == list(dict.fromkeys(f.name for f in found))
    assert {figure.name for figure in found} == OWN
    assert all(figure.title and figure.description.endswith(".") for figure in found)
    bare = msgspec.structs.replace(
        gathered,
        models=tuple(
            msgspec.structs.replace(
                model, points=(), factors=(), staircase=None, context=None, power=None
            )
            for model in gathered.models
        ),
        shots=None,
        comparison=None,
    )
    assert figures_of(bare) == ()


@pytest.mark.parametrize("name", sorted(OWN))
def test_pictures_are_drawn_without_warnings(name: str, gathered: Findings) -> None:
    """With nothing remote and no number that is none."""
    figure = by_name(gathered)[name]
    spec = specification(figure)
    text = json.dumps(spec)
    assert "NaN" not in text
    assert "Infinity" not in text
    assert "http" not in text.replace(str(spec.get("$schema")), "")
    assert "tooltip" in text
    assert vl_convert.vegalite_to_svg(spec, config=DARK, allowed_base_urls=[]).startswith("<svg")


UNITS = {
    "residuals": "error / %",
    "prefill-staircase": "prefill / ms",
    "decode-context": "time per output token / ms",
    "power-time": "power / W",
    "shots": "error / %",
    "factors": "fitted over reference",
}


@pytest.mark.parametrize("name", sorted(UNITS))
def test_axes_have_units(name: str, gathered: Findings) -> None:
    """Quantity and unit stand beside the axis."""
    assert UNITS[name] in set(titles_in(specification(by_name(gathered)[name])))


@pytest.mark.law
@pytest.mark.parametrize(("place", "combination"), list(enumerate(COMBINATIONS)), ids=str)
def test_curves_hold_what_the_predictor_says(place: int, combination: Combination) -> None:
    """For every family and calibration, to the digits that are drawn."""
    model = lawful_model(combination, place)
    predictor = ModelPredictor(model)
    curve = staircase_of(predictor, (), USUAL, DEFAULT_CONFIDENCE)
    assert curve is not None
    figure = staircase([token_series("m", curve)], DEFAULT_CONFIDENCE)
    drawn = {row["x"]: row["y"] for row in rows_in(specification(figure))}
    assert set(drawn) == {point.context_tokens for point in curve.predicted}
    for prompt in (min(drawn), max(drawn)):
        latency_s = predictor(int(prompt), 1).prefill.latency_s
        assert latency_s is not None
        assert drawn[prompt] == float(f"{latency_s * 1e3:{DIGITS}}")


@pytest.mark.law
@pytest.mark.parametrize(("place", "combination"), list(enumerate(COMBINATIONS)), ids=str)
def test_factors_hold_every_ratio(place: int, combination: Combination) -> None:
    """For every family and calibration: exactly in the tooltip, within the axis as a point."""
    found = factors_of(lawful_model(combination, place))
    shown = [drawn for one in found if (drawn := factored("m", one)) is not None]
    assert len(shown) == sum(one.ratio is not None for one in found)
    if shown:
        rows = list(rows_in(specification(factors(shown))))
        assert [row["exact ratio"] for row in rows] == [one.ratio for one in shown]
        assert all(NARROWEST_RATIO <= row["ratio"] <= WIDEST_RATIO for row in rows)


TOLD = {
    Standing.FITTED: "fitted",
    Standing.UNSEEN: "held out",
    Standing.UNTOLD: "not known to be held out",
}


@pytest.mark.parametrize("standing", Standing)
def test_held_out_points_are_told_from_fitted_ones(standing: Standing) -> None:
    """By how they are filled, and in words."""
    model = lawful_model(COMBINATIONS[0], 3)
    points = compare(model, "m", rows_of(model, standing), DEFAULT_CONFIDENCE).points
    figure = residuals([residual(one) for one in points if one.metric == "latency"])
    told = {row["row"] for row in rows_in(specification(figure))}
    assert told == {TOLD[standing]}
    assert ("had not seen" if standing is Standing.UNSEEN else "flatter") in figure.description


def test_residuals_are_errors_of_held_out_forecasts(gathered: Findings) -> None:
    """In percent of what was measured, above 0 where too much is predicted."""
    points = [one for one in gathered.models[0].points if one.metric == "latency"]
    drawn = sorted(row["percent"] for row in rows_in(specification(by_name(gathered)["residuals"])))
    expected = sorted(
        100.0 * ((one.held_out or one.predicted) / one.measured - 1.0) for one in points
    )
    assert drawn == pytest.approx(expected)


def test_power_over_time_holds_every_span(gathered: Findings) -> None:
    """Both ends of each, and an unmetered phase as a band up to the limit."""
    spec = specification(by_name(gathered)["power-time"])
    rows = list(rows_in(spec))
    spans = sum(len(one.power.steps) for one in gathered.models if one.power is not None)
    assert len(rows) == 2 * spans
    bands = [row for row in rows if row["power"] is None]
    hardware = gathered.models[0].hardware
    assert {row["series"] for row in bands} == {"prefill"}
    assert {row["most"] for row in bands} == {hardware.power_limit_w}
    assert {row["least"] for row in bands} == {hardware.idle_power_w}


def test_an_unknown_limit_is_drawn_to_the_top(gathered: Findings) -> None:
    """A band without an upper end reaches as far as the picture."""
    power = gathered.models[0].power
    assert power is not None
    steps: tuple[PowerStep, ...] = tuple(
        msgspec.structs.replace(one, most_w=None) if one.power_w is None else one
        for one in power.steps
    )
    model = msgspec.structs.replace(
        gathered.models[0], power=msgspec.structs.replace(power, steps=steps)
    )
    figures = by_name(msgspec.structs.replace(gathered, models=(model,)))
    rows = list(rows_in(specification(figures["power-time"])))
    highest = max(row["power"] for row in rows if row["power"] is not None)
    assert {row["most"] for row in rows if row["power"] is None} == {highest}


def test_shots_hold_every_error(gathered: Findings) -> None:
    """Models with as many rows stand side by side, close to their number."""
    assert gathered.shots is not None
    figure = by_name(gathered)["shots"]
    assert "family and source stay as training chose them on all rows" in figure.description
    rows = list(rows_in(specification(figure)))
    assert len(rows) == len(gathered.shots.errors)
    assert all(abs(row["place"] - row["rows"]) < 0.5 for row in rows)
    assert {row["draws"] for row in rows} == {one.draws for one in gathered.shots.errors}


def test_curves_leave_no_gap_where_the_measured_range_ends(gathered: Findings) -> None:
    """Each segment starts where the one before it ended."""
    rows = [
        row
        for row in rows_in(specification(by_name(gathered)["prefill-staircase"]))
        if row["row"] == "predicted" and row["series"] == "1.5B"
    ]
    segments = {row["segment"] for row in rows}
    ends = {s: [row["x"] for row in rows if row["segment"] == s] for s in segments}
    assert len(segments) == 3
    assert ends[1][0] == ends[0][-1]
    assert ends[2][0] == ends[1][-1]


def test_hostile_names_are_only_text(gathered: Findings) -> None:
    """A label is data: it is in no expression, and escaped where it is drawn."""
    models = tuple(
        msgspec.structs.replace(
            model,
            label=f"{HOSTILE} {place}",
            points=tuple(
                msgspec.structs.replace(point, model=f"{HOSTILE} {place}") for point in model.points
            ),
        )
        for place, model in enumerate(named(gathered.models, 3))
    )
    hostile = msgspec.structs.replace(gathered, models=models, shots=None, comparison=None)
    for figure in figures_of(hostile):
        spec = specification(figure)
        assert all("onerror" not in words for words in expressions_in(spec))
        if figure.name in ("power-time", "residuals"):
            svg = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
            assert "<img" not in svg
            assert "<script" not in svg


def expressions_in(spec: Any) -> Iterator[str]:
    """Yield every Vega expression of a chart."""
    if isinstance(spec, dict):
        for key, value in spec.items():
            if key in ("filter", "expr", "calculate", "test") and isinstance(value, str):
                yield value
            else:
                yield from expressions_in(value)
    elif isinstance(spec, list):
        for one in spec:
            yield from expressions_in(one)


def test_ratios_far_away_are_drawn_at_the_ends(gathered: Findings) -> None:
    """With the exact ratio in the tooltip, and without a ratio not at all."""
    factor, *_ = gathered.models[0].factors
    far = msgspec.structs.replace(factor, phase=Phase.DECODE, ratio=1e6, name="far")
    none = msgspec.structs.replace(factor, phase=Phase.DECODE, ratio=None, name="none")
    model = msgspec.structs.replace(gathered.models[0], factors=(far, none))
    figures = by_name(msgspec.structs.replace(gathered, models=(model,)))
    (row,) = rows_in(specification(figures["factors"]))
    assert row["factor"] == "decode: far"
    assert row["exact ratio"] == 1e6
    assert row["ratio"] == 10.0
    assert math.isfinite(row["ratio"])
