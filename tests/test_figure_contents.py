"""What pictures show is what was measured, predicted, planned, compared and watched."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.figures import addresses_of, colours_of, data_of, panels_of, parts_of
from tests.strategies import COMBINATIONS, Combination, lawful_model
from token2metrics.comparing.compare import compare_totals
from token2metrics.comparing.comparison import Comparison
from token2metrics.comparing.configurations import Configuration, Trained
from token2metrics.comparing.pareto import dominates
from token2metrics.comparing.totals import percentiles, request_totals
from token2metrics.errors import DataError, RequestError
from token2metrics.figures.against import UNITS, Compared, measured_against_predicted
from token2metrics.figures.drawing import draw, specification
from token2metrics.figures.figure import Figure
from token2metrics.figures.frontier import SHORTEST_PROMPT, longest_answers
from token2metrics.figures.pareto import CONNECTED, MOST_LABELS, pareto
from token2metrics.figures.scene import scene_of
from token2metrics.figures.stream import watched_stream
from token2metrics.figures.style import DARK, LIGHT
from token2metrics.intervals import DEFAULT_CONFIDENCE
from token2metrics.monitoring.history import Series
from token2metrics.monitoring.metric import Metric
from token2metrics.monitoring.result import Event, Kind
from token2metrics.planning.frontier import Frontier
from token2metrics.planning.limits import Demand, Limits
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.money import prices_on
from token2metrics.prediction.workload import single_request
from token2metrics.vocabulary import Phase

REQUEST = (512, 128)
CONTEXT = 300
every_combination = pytest.mark.parametrize("combination", COMBINATIONS, ids=str)
sizes = st.floats(1e-6, 1e6)
compared_rows = st.lists(
    st.builds(
        Compared,
        series=st.sampled_from(["1.5B", "8B on a<b>&'\"board", "</script>"]),
        phase=st.sampled_from(Phase),
        metric=st.sampled_from([*UNITS, "latency of several"]),
        measured=sizes,
        predicted=sizes,
        lower=st.none() | sizes,
        upper=sizes,
        held_out=st.none() | sizes,
        seen=st.sampled_from([None, True, False]),
        input_tokens=st.none() | st.integers(0, 10**6),
        output_tokens=st.integers(0, 10**6),
    ),
    min_size=1,
    max_size=5,
)


def seed_of(combination: Combination) -> int:
    """Return a seed of its own for each combination."""
    return crc32(str(combination).encode())


def models_of(combination: Combination, count: int = 3) -> list[ModelPredictor]:
    """Return models of drawn devices."""
    seed = seed_of(combination)
    return [
        ModelPredictor(lawful_model(combination, seed + at, name=f"model {at}"))
        for at in range(count)
    ]


def compared(models: Sequence[ModelPredictor], qualities: Sequence[float | None]) -> Comparison:
    """Compare models for one request."""
    configurations = [
        Configuration(
            Trained("artifact", one), prices_on(one.model.record.hardware), 1, None, quality
        )
        for one, quality in zip(models, qualities, strict=True)
    ]
    levels = percentiles(95.0)
    totals = [request_totals(one, REQUEST, levels, DEFAULT_CONFIDENCE) for one in configurations]
    return compare_totals(configurations, totals, single_request(*REQUEST))


@given(compared_rows)
def test_every_compared_number_is_a_point(rows: list[Compared]) -> None:
    """A panel per phase and metric holds its rows; a held-out forecast is a point of its own."""
    shown = [one for one in rows if one.metric in UNITS]
    if not shown:
        with pytest.raises(DataError, match="to draw, got none"):
            measured_against_predicted(rows)
        return
    chart = specification(measured_against_predicted(rows, 0.9))
    assert json.loads(json.dumps(chart, allow_nan=False)) == chart
    panels = {panel["title"]: data_of(chart, panel) for panel in panels_of(chart)}
    expected: dict[str, list[tuple[str, float, float, str]]] = {}
    for one in shown:
        points = expected.setdefault(f"{one.phase} {one.metric}", [])
        known = {True: "fitted", False: "held out", None: "not known to be held out"}[one.seen]
        points.append((one.series, one.measured, one.predicted, known))
        if one.seen is not False and one.held_out is not None:
            points.append((one.series, one.measured, one.held_out, "held out"))
    assert panels.keys() == expected.keys()
    for title, sets in panels.items():
        (found,) = sets
        fields = ("series", "measured", "predicted", "row")
        assert [tuple(row[field] for field in fields) for row in found] == expected[title]


@given(compared_rows)
def test_every_point_lies_inside_its_panel(rows: list[Compared]) -> None:
    """Both axes are the same and reach every number, and the ends of intervals."""
    shown = [one for one in rows if one.metric in UNITS]
    if not shown:
        return
    chart = specification(measured_against_predicted(shown))
    for panel in panels_of(chart):
        (found,) = data_of(chart, panel)
        domains = {
            tuple(part["scale"]["domain"])
            for part in parts_of(panel)
            if isinstance(part.get("scale"), dict) and part["scale"].get("type") == "log"
        }
        ((low, high),) = domains
        for row in found:
            ends = [row[name] for name in ("measured", "predicted", "lower") if row.get(name)]
            assert all(low < end < high for end in ends)


@every_combination
def test_a_frontier_is_drawn_as_it_is_planned(combination: Combination) -> None:
    """At both ends of every step the line is the longest answer; it never rises with the prompt."""
    frontiers = []
    for one in models_of(combination, 2):
        found = one(*REQUEST).latency_s
        assert found is not None
        limits = Limits(latency_s=max(found, 1e-9))
        frontiers.append(Frontier.of(one, Demand(limits, context_tokens=CONTEXT)))
    if not any(one.input_tokens for one in frontiers):
        with pytest.raises(RequestError, match="no request keeps the limits"):
            longest_answers(frontiers)
        return
    figure = longest_answers(frontiers)
    (rows,) = data_of(specification(figure))
    planned = [one for one in frontiers if one.input_tokens]
    for name, frontier in zip(series_of(rows), planned, strict=True):
        own = [row for row in rows if row["series"] == name]
        assert {row["input tokens"] for row in own} >= {
            max(end, SHORTEST_PROMPT) for end in frontier.input_tokens
        }
        for row in own:
            if row["input tokens"] > SHORTEST_PROMPT:
                assert row["longest answer"] == frontier.longest_answer(row["input tokens"])
        steps = [(row["input tokens"], row["longest answer"]) for row in own]
        assert all(one[0] <= two[0] and one[1] >= two[1] for one, two in pairwise(steps))


def series_of(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return the names of series in their order."""
    return list(dict.fromkeys(row["series"] for row in rows))


@every_combination
@pytest.mark.parametrize("rated", [False, True])
def test_a_comparison_is_drawn_as_it_is(combination: Combination, rated: bool) -> None:
    """Energies, latencies or qualities and the front are those compared, the line the best."""
    models = models_of(combination)
    found = compared(models, [0.5, 0.7, 0.6] if rated else [None] * 3)
    figure = pareto(found)
    (rows,) = data_of(specification(figure))
    assert [(row["configuration"], row["x"], row["y"], row["filled"]) for row in rows] == [
        (
            one.label,
            configuration.energy.mean_j,
            configuration.quality if rated else configuration.latency.at_percentile_s,
            configuration.on_front,
        )
        for one, configuration in zip(scene_of(found).points, found.configurations, strict=True)
    ]
    costs = [(row["x"], -row["y"] if rated else row["y"]) for row in rows]
    for row, cost in zip(rows, costs, strict=True):
        assert row["best"] is not any(dominates(other, cost) for other in costs)
    assert (CONNECTED in figure.description) is (sum(row["best"] for row in rows) > 1)
    assert ("quality" if rated else "latency / s") in json.dumps(specification(figure))


def test_of_many_configurations_those_of_the_front_are_labelled() -> None:
    """Up to two dozen each has its name; of more, those that nothing beats."""
    models = models_of(COMBINATIONS[0], MOST_LABELS + 1)
    few, many = (compared(own, [None] * len(own)) for own in (models[:MOST_LABELS], models))
    assert all(row["label"] for row in data_of(specification(pareto(few)))[0])
    for row in data_of(specification(pareto(many)))[0]:
        assert row["label"] == (row["configuration"] if row["filled"] else "")


def event(since: int, kind: Kind = Kind.DRIFT, model: str = "1.5B") -> Event:
    """Return something that happened to the latency of prefill."""
    return Event(
        kind=kind,
        model=model,
        key=model,
        phase=Phase.PREFILL,
        metric=Metric.LATENCY,
        request=since + 5,
        since_request=since,
        timestamp=None,
        change_percent=-3.25,
        interval_percent=None,
    )


@given(st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=40))
def test_a_stream_shows_every_request(errors: list[float]) -> None:
    """Each error is told exactly and drawn inside its panel; sums and events are those watched."""
    requests = list(range(3, 3 + len(errors)))
    sums = [min(abs(error), 1.0) for error in errors]
    series = Series("1.5B prefill latency", requests, errors, sums, [-one for one in sums])
    events = [event(3), event(4, Kind.BACK, "8B"), event(3, Kind.OFF)]
    chart = specification(watched_stream([series], events))
    left, right = panels_of(chart)
    dots, happened = data_of(chart, left)
    assert [(row["request"], row["error"]) for row in dots] == list(
        zip(requests, errors, strict=True)
    )
    assert [row["event"] for row in happened] == ["drift -3.2 %", "off -3.2 %"]
    low, high = next(
        part["scale"]["domain"] for part in parts_of(left) if part.get("field") == "shown"
    )
    assert all(low <= row["shown"] <= high for row in dots)
    drawn = data_of(chart, right)[0]
    assert [row["share of threshold"] for row in drawn] == [*sums, *(-one for one in sums)]


def test_an_empty_stream_is_nothing_to_draw() -> None:
    """It is said."""
    with pytest.raises(DataError, match="at least one request"):
        watched_stream([], [])


def of_rows() -> Figure:
    """Return measured against predicted numbers of two models."""
    rows = [
        Compared(
            series=name,
            phase=Phase.DECODE,
            metric=metric,
            measured=1.0 + at,
            predicted=1.1 + at,
            lower=1.0,
            upper=1.2 + at,
            held_out=1.2 + at,
            seen=bool(at),
        )
        for name in ("1.5B", "8B")
        for metric in ("latency", "energy")
        for at in range(3)
    ]
    return measured_against_predicted(rows, 0.9)


def of_limits() -> Figure:
    """Return the longest answers of some models."""
    demand = Demand(Limits(latency_s=1e6), context_tokens=CONTEXT)
    return longest_answers([Frontier.of(one, demand) for one in models_of(COMBINATIONS[0])])


def of_configurations() -> Figure:
    """Return some models side by side."""
    return pareto(compared(models_of(COMBINATIONS[0]), [None] * 3))


def of_a_stream() -> Figure:
    """Return a watched stream."""
    series = Series("1.5B prefill latency", [1, 2, 3], [1.0, -2.0, 0.5], [0.1] * 3, [-0.1] * 3)
    return watched_stream([series], [event(2)])


@pytest.mark.parametrize("build", [of_rows, of_limits, of_configurations, of_a_stream])
def test_every_figure_is_lawful(build: Callable[[], Figure]) -> None:
    """It is valid Vega-Lite, names no colour and no address, and is drawn by day and by night."""
    figure = build()
    chart = specification(figure)
    assert not colours_of(chart)
    assert not addresses_of(chart)
    assert figure.description
    figure.chart.to_dict(validate=True)
    pictures = [draw(figure, ".svg", config) for config in (LIGHT, DARK)]
    assert pictures[0] != pictures[1]
    tooltips = [part["tooltip"] for part in parts_of(chart) if "tooltip" in part]
    assert tooltips or build is of_limits
