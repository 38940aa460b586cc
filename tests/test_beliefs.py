"""What is believed of a device before, and after, it was measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.profiles import fewer_examples
from tests.strategies import curve_parameters
from tests.synthetic import (
    BETWEEN,
    EDGE,
    GRID,
    LARGE,
    MIDDLE,
    MODEL,
    SERVER,
    SERVER_MODEL,
    SPARSE,
    Request,
    Row,
    Truth,
    experiment,
    latencies_s,
    measured,
    on_server,
    prepared,
    row,
    train,
    worst_error,
)
from token2metrics.artifact.fitted import FittedModel
from token2metrics.config import (
    CalibrationMethod,
    ExperimentConfig,
    HardwareConfig,
    RegressionConfig,
    RegressionType,
)
from token2metrics.curves import build_curve
from token2metrics.curves.roofline import EXCESS_ORDER, MAX_NORM_ORDER
from token2metrics.modeling.beliefs import (
    ARITHMETIC_EFFICIENCY,
    BANDWIDTH_EFFICIENCY,
    SPREADS,
    Belief,
    handed_down,
    nominal_beliefs,
)
from token2metrics.modeling.gather import gather
from token2metrics.modeling.hierarchy import beliefs_of
from token2metrics.vocabulary import FITTED_PHASES, Phase, SourceKind

TRUTH = Truth(RegressionType.ROOFLINE)
BANDWIDTH = 1.0 / (6e-12 * BANDWIDTH_EFFICIENCY)
FLOP_RATE = 1.0 / (8e-14 * ARITHMETIC_EFFICIENCY)
"""Nominal figures that, at the efficiencies believed in, give the imagined device."""

ROUNDING = 1e-9
NO_WIDER = 1.01
"""Rows of another scatter may widen a belief by so much."""

WRONG = (0.2, 1.0, 5.0)
"""Nominal figures by so much too low, right, and too high."""

FORGOTTEN = 0.03
"""Largest error that a belief five times off may leave after 39 rows."""

ANOTHER_FACTOR = 1.3
CARRIED = 0.03
"""Mean error of a model of which one row is known, beside those of two others."""

SIBLING_SHAPES = {"sibling-a": MIDDLE, "sibling-b": LARGE}
ONE_MEASURED: Request = (700, 200)
SLOW_GRID: tuple[Request, ...] = ((16, 16), (32, 4), (64, 16), (128, 4), (256, 16))
SLOW_START_TOKENS = 8
FOUND = 0.1
LITTLE = 0.1
FIFTEEN = GRID[::2][:15]

rates = st.none() | st.floats(6.0, 16.0).map(lambda power: 10.0**power)
hardware = st.builds(
    HardwareConfig,
    name=st.just(EDGE),
    memory_bandwidth_bytes_per_s=rates,
    compute_flop_per_s=rates,
    tiled=st.booleans(),
)
norm_orders = st.sampled_from((1.0, MAX_NORM_ORDER)) | st.floats(1.0, MAX_NORM_ORDER)


def board(factor: float = 1.0) -> HardwareConfig:
    """Return the imagined device, its nominal figures off by a factor."""
    return HardwareConfig(
        name=EDGE,
        memory_bandwidth_bytes_per_s=BANDWIDTH * factor,
        compute_flop_per_s=FLOP_RATE * factor,
    )


def chosen(factor: float = 1.0, model: str = MODEL, server: bool = False) -> ExperimentConfig:
    """Return an experiment that may start from any belief, on that device."""
    return experiment(
        RegressionConfig(type=RegressionType.ROOFLINE),
        CalibrationMethod.AUTO,
        model=model,
        server_model=SERVER_MODEL if server else None,
        edge=board(factor),
    )


def learned_on(factor: float, rows: Sequence[Row]) -> FittedModel:
    """Train the imagined model on a device whose nominal figures are off by a factor."""
    return train(rows, chosen(factor)).model


def is_distribution(belief: Belief) -> bool:
    """Return whether a belief is a proper normal distribution."""
    covariance = belief.covariance
    finite = bool(np.isfinite(belief.means).all() and np.isfinite(covariance).all())
    symmetric = np.array_equal(covariance, covariance.T)
    return finite and symmetric and bool((np.linalg.eigvalsh(covariance) > 0.0).all())


def is_wider(wide: np.ndarray, narrow: np.ndarray) -> bool:
    """Return whether no direction has a smaller variance, up to rounding."""
    return bool(np.linalg.eigvalsh(wide - narrow).min() >= -ROUNDING * np.abs(wide).max())


@pytest.mark.law
@given(device=hardware, order=norm_orders)
def test_nominal_beliefs_are_distributions(device: HardwareConfig, order: float) -> None:
    """Of every weight of both curves, whether the figures are stated or not."""
    for phase, belief in nominal_beliefs(device, order).items():
        assert is_distribution(belief)
        curve = build_curve(RegressionType.ROOFLINE, phase)
        assert set(belief.names) == {parameter.name for parameter in curve_parameters(curve)}
        root = belief.root_precision()
        identity = root.T @ root @ belief.covariance
        assert identity == pytest.approx(np.eye(len(belief.names)), abs=1e-6)


@pytest.mark.law
@given(device=hardware, order=norm_orders)
def test_unstated_figures_are_believed_less(device: HardwareConfig, order: float) -> None:
    """The covariance of a device that states its figures is nowhere the wider one."""
    nothing = HardwareConfig(name=EDGE, tiled=device.tiled)
    for phase, belief in nominal_beliefs(device, order).items():
        assert is_wider(nominal_beliefs(nothing, order)[phase].covariance, belief.covariance)


@pytest.mark.law
@given(device=hardware, factor=st.floats(0.1, 10.0))
def test_a_faster_device_is_believed_faster(device: HardwareConfig, factor: float) -> None:
    """Twice the bandwidth halves what bytes cost, and nothing else; so does arithmetic."""
    bandwidth, flop_rate = device.memory_bandwidth_bytes_per_s, device.compute_flop_per_s
    faster = device.model_copy(
        update={
            "memory_bandwidth_bytes_per_s": bandwidth and bandwidth * factor,
            "compute_flop_per_s": flop_rate and flop_rate * factor,
        }
    )
    before, after = nominal_beliefs(device), nominal_beliefs(faster)
    for phase, belief in before.items():
        fallen = belief.means - after[phase].means
        for name, change in zip(belief.names, fallen, strict=True):
            rate = bandwidth if name.endswith("byte") else flop_rate
            moves = rate is not None and name.endswith(("byte", "flop"))
            assert change == pytest.approx(math.log(factor) if moves else 0.0, abs=ROUNDING)


@st.composite
def learned(draw: st.DrawFn) -> dict[Phase, Belief]:
    """Draw what rows may have taught about some device: any means, any covariance."""
    beliefs = {}
    chance = np.random.default_rng(draw(st.integers(0, 1_000)))
    for phase, belief in nominal_beliefs(board()).items():
        count = len(belief.names)
        mixed = chance.normal(size=(count, count)) * 10.0 ** chance.uniform(-3.0, 0.5)
        covariance = mixed @ mixed.T + np.eye(count) * 1e-6
        moved = belief.means + chance.normal(size=count)
        beliefs[phase] = Belief(belief.names, moved, (covariance + covariance.T) / 2.0)
    return beliefs


@pytest.mark.law
@given(
    known=learned(),
    kind=st.sampled_from(tuple(SPREADS)),
    above=hardware,
    own=hardware,
)
def test_handing_down_adds_no_knowledge(
    known: dict[Phase, Belief], kind: SourceKind, above: HardwareConfig, own: HardwareConfig
) -> None:
    """What arrives is a distribution, and beyond the device's own figures no narrower."""
    nominal = nominal_beliefs(own)
    arrived = handed_down(known, kind, nominal_beliefs(above), nominal)
    for phase, belief in arrived.items():
        assert belief.names == known[phase].names
        assert is_distribution(belief)
        before = np.linalg.inv(known[phase].covariance)
        after = np.linalg.inv(belief.covariance)
        if kind is SourceKind.SERVER:
            after = after - np.linalg.inv(nominal[phase].covariance)
        assert is_wider(before, after)


@given(known=learned(), device=hardware)
def test_a_device_tells_itself_what_it_knows(
    known: dict[Phase, Belief], device: HardwareConfig
) -> None:
    """From the nominal figures to themselves nothing changes; siblings keep the means."""
    nominal = nominal_beliefs(device)
    same = handed_down(known, SourceKind.HARDWARE, nominal, nominal)
    siblings = handed_down(known, SourceKind.SIBLINGS, nominal, nominal)
    for phase, belief in known.items():
        assert same[phase].covariance == pytest.approx(belief.covariance)
        assert same[phase].means == pytest.approx(belief.means)
        assert siblings[phase].means == pytest.approx(belief.means)


@given(server=hardware, edge=hardware)
def test_a_server_as_efficient_as_believed_moves_nothing(
    server: HardwareConfig, edge: HardwareConfig
) -> None:
    """Its efficiencies are carried over, not its seconds."""
    above, own = nominal_beliefs(server), nominal_beliefs(edge)
    for phase, belief in handed_down(above, SourceKind.SERVER, above, own).items():
        assert belief.means == pytest.approx(own[phase].means, abs=1e-6)


@given(factor=st.floats(-4.0, 4.0).map(math.exp))
def test_a_server_of_unknown_figures_says_little_of_the_level(factor: float) -> None:
    """However fast it is, against figures that nobody stated, the edge's own decide."""
    server, edge = HardwareConfig(name=SERVER), board()
    above, own = nominal_beliefs(server), nominal_beliefs(edge)
    known = {
        phase: Belief(belief.names, belief.means + math.log(factor), 0.01 * belief.covariance)
        for phase, belief in above.items()
    }
    arrived = handed_down(known, SourceKind.SERVER, above, own)
    for name, phase in (("s_per_byte", Phase.DECODE), ("s_per_flop", Phase.PREFILL)):
        place = own[phase].names.index(name)
        moved = arrived[phase].means[place] - own[phase].means[place]
        assert abs(moved) <= LITTLE * abs(math.log(factor)) + ROUNDING


@pytest.mark.parametrize("factor", WRONG)
def test_without_rows_the_belief_s_mean_predicts(factor: float) -> None:
    """A model that nobody measured costs what the nominal figures say, and says so."""
    unmeasured = chosen(factor, "never-measured")
    model = train(measured(TRUTH, SPARSE), unmeasured).model
    for phase, belief in nominal_beliefs(board(factor)).items():
        record, weights = model.record.phases[phase], model.weights[phase].curve.values
        assert (record.source, record.edge_rows) == (SourceKind.HARDWARE, 0)
        assert f"nominal figures of {EDGE}" in record.rests_on
        assert "no row of never-measured" in record.rests_on
        assert record.hull is None
        for name, mean in zip(belief.names, belief.means, strict=True):
            assert weights[name] == pytest.approx(math.exp(mean), rel=ROUNDING)


def test_without_rows_the_device_s_other_models_predict() -> None:
    """Better than the nominal figures do, wrong ones."""
    rows = [
        one
        for name, shape in SIBLING_SHAPES.items()
        for one in measured(TRUTH, SPARSE, architecture=shape, model=name)
    ]
    factor = WRONG[0]
    alone, among = chosen(factor), catalog(factor)
    model = train(rows, among[0], among).model
    assert {p.source for p in model.record.phases.values()} == {SourceKind.SIBLINGS}
    assert "no row of" in model.record.phases[Phase.DECODE].rests_on
    nominal = train(rows, alone).model
    assert worst_error(model, TRUTH.latency_s) < worst_error(nominal, TRUTH.latency_s) / 10.0


def catalog(factor: float) -> list[ExperimentConfig]:
    """Return the experiment with those of the device's other models."""
    others = [
        experiment(model=name, architecture=shape, server_model=None, edge=board(factor))
        for name, shape in SIBLING_SHAPES.items()
    ]
    return [chosen(factor), *others]


@pytest.mark.parametrize("factor", WRONG)
def test_many_rows_outweigh_a_wrong_belief(factor: float) -> None:
    """Nominal figures five times too high or too low are forgotten."""
    model = learned_on(factor, measured(TRUTH, GRID))
    assert worst_error(model, TRUTH.latency_s) < FORGOTTEN
    assert worst_error(model, TRUTH.latency_s, phases=[Phase.DECODE]) < 2e-3


@pytest.mark.parametrize("factor", WRONG)
@fewer_examples()
@given(request=st.sampled_from(GRID))
def test_one_row_is_met(factor: float, request: Request) -> None:
    """With one measured request the prediction passes near it, and improves everywhere."""
    model = learned_on(factor, measured(TRUTH, [request]))
    assert worst_error(model, TRUTH.latency_s, [request], [Phase.PREFILL]) < 0.1
    assert worst_error(model, TRUTH.latency_s, [request], [Phase.DECODE]) < 0.01


def mean_error(model: FittedModel) -> float:
    """Return the mean logarithmic error of the predicted phases between the measured requests."""
    errors = [
        abs(math.log(found_s / TRUTH.latency_s(phase, request)))
        for request, pair in zip(BETWEEN, latencies_s(model), strict=True)
        for phase, found_s in zip(FITTED_PHASES, pair, strict=True)
        if found_s
    ]
    return float(np.mean(errors))


@pytest.mark.parametrize("request_tokens", [(64, 16), ONE_MEASURED, (2_000, 1_000)])
def test_siblings_beat_nominal_figures_at_one_row(request_tokens: Request) -> None:
    """What was learned of the device's other models carries further than its data sheet."""
    own = measured(TRUTH, [request_tokens])
    rows = own + [
        one
        for name, shape in SIBLING_SHAPES.items()
        for one in measured(TRUTH, SPARSE, architecture=shape, model=name)
    ]
    among = catalog(ANOTHER_FACTOR)
    siblings = train(rows, among[0], among).model
    nominal = learned_on(ANOTHER_FACTOR, own)
    assert {p.source for p in siblings.record.phases.values()} == {SourceKind.SIBLINGS}
    assert {p.source for p in nominal.record.phases.values()} == {SourceKind.HARDWARE}
    assert mean_error(siblings) < CARRIED
    assert mean_error(siblings) < mean_error(nominal)


@pytest.mark.parametrize("factor", [10.0, 0.1])
@pytest.mark.parametrize("victim", range(0, len(FIFTEEN), 5))
@pytest.mark.parametrize("phase", FITTED_PHASES)
def test_a_gross_outlier_hardly_moves_a_believed_curve(
    phase: Phase, victim: int, factor: float
) -> None:
    """One of fifteen rows ten times off changes predictions by a few percent at most."""
    rows = measured(TRUTH, FIFTEEN)
    spoilt = [dict(one) for one in rows]
    places = [number for number, one in enumerate(rows) if one["phase"] == phase]
    spoilt[places[victim]]["latency_s"] *= factor
    before, after = (latencies_s(learned_on(ANOTHER_FACTOR, one)) for one in (rows, spoilt))
    for clean, moved in zip(before, after, strict=True):
        assert moved == pytest.approx(clean, rel=0.03)


def test_rows_narrow_a_belief() -> None:
    """The more rows of a server, the more certain its efficiencies; their means approach truth."""
    server = HardwareConfig(
        name=SERVER,
        memory_bandwidth_bytes_per_s=BANDWIDTH * ANOTHER_FACTOR,
        compute_flop_per_s=FLOP_RATE * ANOTHER_FACTOR,
    )
    known = chosen(server=True).model_copy(update={"server": server})
    spreads = []
    for requests in (SPARSE[:1], SPARSE[:5], SPARSE):
        rows = on_server(measured(TRUTH, requests))
        sources = gather(prepared(rows), [known], known)
        beliefs = beliefs_of(SourceKind.SERVER, sources, known, "cpu")
        assert all(is_distribution(belief) for belief in beliefs.values())
        spreads.append([float(np.trace(beliefs[phase].covariance)) for phase in FITTED_PHASES])
    nominal = [float(np.trace(b.covariance)) for b in nominal_beliefs(board()).values()]
    for less, more in zip((nominal, *spreads[:-1]), spreads, strict=True):
        pairs = zip(less, more, strict=True)
        assert all(narrow <= wide * NO_WIDER for wide, narrow in pairs)
    assert spreads[-1][0] < spreads[0][0] < nominal[0]


def test_the_believed_order_is_the_configured_one() -> None:
    """``norm_order`` is where the roofline starts; order one is the plain sum."""
    for order in (1.0, 2.0, 5.0):
        belief = nominal_beliefs(board(), order)[Phase.PREFILL]
        excess = math.exp(belief.means[belief.names.index(EXCESS_ORDER)])
        assert excess == pytest.approx(order - 1.0, abs=1e-5)
    regression = RegressionConfig(
        type=RegressionType.ROOFLINE, hyperparameters={"norm_order": 2.0}, test_size=0.0
    )
    configured = experiment(
        regression, CalibrationMethod.AUTO, model="never-measured", server_model=None
    )
    model = train(measured(TRUTH, SPARSE), configured).model
    assert model.weights[Phase.PREFILL].curve.values[EXCESS_ORDER] == pytest.approx(1.0)


def slow_latency_s(s_per_token: float, phase: Phase, request: Request) -> float:
    """Return the seconds of an engine that works token by token."""
    prompt, answer = request
    if phase is Phase.PREFILL:
        return s_per_token * (SLOW_START_TOKENS + prompt)
    return s_per_token * (answer - 1)


@fewer_examples()
@given(s_per_token=st.floats(-3.2, 0.0).map(lambda power: 10.0**power))
def test_arithmetic_that_nobody_stated_does_not_stay_hidden(s_per_token: float) -> None:
    """Prompts take what they take, however far off the guess at the unknown device was."""
    truth = partial(slow_latency_s, s_per_token)
    rows = [row(phase, one, truth(phase, one)) for one in SLOW_GRID for phase in FITTED_PHASES]
    edge = HardwareConfig(name=EDGE, memory_bandwidth_bytes_per_s=BANDWIDTH, tiled=False)
    model = train(rows, chosen().model_copy(update={"edge": edge})).model
    assert worst_error(model, truth, SLOW_GRID, [Phase.PREFILL]) < FOUND
