"""Power modes: a new one from few requests, with what another mode says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.conftest import ORIN, Run, write_rows
from tests.synthetic import (
    BETWEEN,
    LIMIT_W,
    RAIL,
    SPARSE,
    Request,
    Row,
    Truth,
    experiment,
    mean_power_w,
    measured,
    prepared,
    train,
    worst_error,
)
from token2metrics.config import (
    CalibrationMethod,
    DataConfig,
    ExperimentConfig,
    HardwareConfig,
    RegressionConfig,
    RegressionType,
)
from token2metrics.curves import FAMILIES
from token2metrics.devices import JETSON_AGX_ORIN_64GB
from token2metrics.heads import LOAD_SHARE
from token2metrics.modeling.gather import gather, on_measured_server
from token2metrics.prediction.conditions import Conditions
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.training.choice import Choice, TrainingOptions, choose_experiments
from token2metrics.training.read import prepare_groups
from token2metrics.vocabulary import Phase, SourceKind

KNOWN = Truth(RegressionType.ROOFLINE)
SLOWDOWNS = (0.4, 1.0, 3.3)
ONE_REQUEST: tuple[Request, ...] = ((500, 200),)
THREE_REQUESTS: tuple[Request, ...] = ((64, 200), (500, 200), (2_000, 200))
NEW_MODE = "30w"
TOLERANCE = 0.08
STEADY_W, RISE_W, RAMP_S = 30.0, 6.0, 2.0


def by_phase(factor: float, phase: Phase, request: Request) -> float:
    """Return the seconds of a phase after such a change."""
    return factor * KNOWN.latency_s(phase, request)


def in_new_mode(rows: Sequence[Row], factor: float) -> list[Row]:
    """Return rows as the new mode would give them."""
    return [{**one, "power_mode": NEW_MODE, "latency_s": one["latency_s"] * factor} for one in rows]


def chosen(family: RegressionType = RegressionType.AUTO) -> ExperimentConfig:
    """Return the experiment, in the new mode, without anything known of the board."""
    plain = experiment(
        RegressionConfig(type=family),
        CalibrationMethod.AUTO,
        server_model=None,
        edge=HardwareConfig(name="edge-board", idle_power_w=5.0, power_limit_w=LIMIT_W),
    )
    return plain.model_copy(update={"data": DataConfig(power_mode=NEW_MODE)})


def both_modes(new: Sequence[Request], factor: float) -> list[Row]:
    """Return all requests of the known mode and few of the new one."""
    return [*measured(KNOWN, SPARSE), *in_new_mode(measured(KNOWN, new), factor)]


@pytest.mark.parametrize("factor", SLOWDOWNS)
def test_one_request_carries_a_mode_over(factor: float) -> None:
    """Up or down: no order of clocks is assumed, and all of the curve's shape is kept."""
    rows = prepared(both_modes(ONE_REQUEST, factor), power_mode=NEW_MODE)
    model = train(rows, chosen()).model

    def truth(phase: Phase, request: Request) -> float:
        return by_phase(factor, phase, request)

    assert worst_error(model, truth, BETWEEN) < TOLERANCE
    assert model.record.power_mode == NEW_MODE
    for record in model.record.phases.values():
        assert record.source is SourceKind.MODES
        assert "13 rows of edge-model on edge-board in power mode maxn" in record.rests_on
        assert "calibrated (prior) on 1 rows" in record.rests_on


@pytest.mark.parametrize("family", FAMILIES)
def test_any_family_starts_from_another_mode(family: RegressionType) -> None:
    """Rows of the other mode are of the model itself, so a scaling of any family applies."""
    rows = prepared(both_modes(THREE_REQUESTS, 2.0), power_mode=NEW_MODE)
    scaled = chosen(family).model_copy(
        update={
            "calibration": chosen().calibration.model_copy(
                update={"method": CalibrationMethod.LOG_RATIO}
            )
        }
    )
    model = train(rows, scaled).model
    for record in model.record.phases.values():
        assert record.family is family
        assert record.source is SourceKind.MODES


def test_the_mode_with_the_most_rows_speaks() -> None:
    """Of several other modes one is taken: their clocks differ."""
    rows = both_modes(ONE_REQUEST, 2.0)
    rows += [{**one, "power_mode": "15w"} for one in measured(KNOWN, ONE_REQUEST)]
    sources = gather(prepared(rows, power_mode=NEW_MODE), [chosen()], chosen())
    assert sources.other_mode == "maxn"
    assert len(sources.others[SourceKind.MODES]) == 2 * len(SPARSE)


def test_siblings_in_the_mode_come_first() -> None:
    """The device's other models in the same mode tell its clocks; another mode does not."""
    rows = both_modes(ONE_REQUEST, 2.0)
    rows += [{**one, "model": "sibling"} for one in in_new_mode(measured(KNOWN, SPARSE), 2.0)]
    sibling = experiment(model="sibling", server_model=None)
    model = train(prepared(rows, power_mode=NEW_MODE), chosen(), [chosen(), sibling]).model
    assert {one.source for one in model.record.phases.values()} == {SourceKind.SIBLINGS}


def metered(rows: Sequence[Row], steady_w: float, rise_w: float) -> list[Row]:
    """Return decode rows with the energy of a ramp."""
    return [
        {
            **one,
            "energy_j": mean_power_w(one["latency_s"], steady_w, rise_w, RAMP_S) * one["latency_s"],
            "power_rail": RAIL,
        }
        for one in rows
    ]


def test_a_ramp_is_expected_to_be_that_of_the_other_mode() -> None:
    """One long metered request tells the steady power; the ramp's length comes from elsewhere."""
    decodes = [Phase.DECODE]
    long = ((100, 1_000),)
    rows = metered(measured(KNOWN, SPARSE, decodes), STEADY_W, RISE_W)
    new = metered(in_new_mode(measured(KNOWN, long, decodes), 3.0), STEADY_W / 2, RISE_W / 2)
    model = train(prepared([*rows, *new], power_mode=NEW_MODE), chosen()).model
    alone = train(prepared(new, power_mode=NEW_MODE), chosen()).model
    request = (100, 40)
    latency_s = 3.0 * KNOWN.latency_s(Phase.DECODE, request)
    truth_w = mean_power_w(latency_s, STEADY_W / 2, RISE_W / 2, RAMP_S)
    errors = []
    for fitted in (model, alone):
        power_w = ModelPredictor(fitted)(*request).decode.power_w
        assert power_w is not None
        errors.append(abs(power_w / truth_w - 1.0))
    assert errors[0] < errors[1]
    head = model.formulas[Phase.DECODE].head
    assert head is not None
    assert LOAD_SHARE not in dict(head.expected)


def test_both_modes_live_in_one_artifact(run: Run, tmp_path: Path) -> None:
    """Train each; predict by mode; without a mode the error names the option."""
    rows = [
        f"dsr1-qwen-1.5b,{phase},{tokens},{answer},1,{seconds},,,,desk"
        for phase, tokens, answer, seconds in (
            ("prefill", 128, 1, 0.04),
            ("prefill", 512, 1, 0.09),
            ("decode", 128, 100, 2.4),
            ("decode", 512, 100, 2.5),
        )
    ]
    table = write_rows(tmp_path / "rows.csv", *rows)
    slow = [line.replace(ORIN, ORIN.replace("maxn", "30w")) for line in table.read_text().split()]
    assert slow[0].startswith("device")
    table.write_text("\n".join([*table.read_text().split(), *slow[1:3]]) + "\n")
    command = ("train", "-m", "1.5B", "-d", table, "-o", "both")
    assert run(*command, "--power-mode", "maxn").code == 0
    assert run(*command, "--power-mode", "30w").code == 0
    request = ("predict", "-a", "both", "-m", "1.5B", "-i", 200, "-o", 50)
    refusal = run(*request)
    assert refusal.code == 2
    assert "--power-mode" in refusal.err
    answer = run(*request, "--power-mode", "30w")
    assert answer.code == 0
    assert "in power mode maxn" in " ".join(answer.out.split())
    judged = run("evaluate", "-a", "both", "-d", table, "--power-mode", "30w", "--json")
    assert json.loads(judged.out)["not_compared"]["in another power mode"] == 4


def test_a_moved_experiment_learns_from_the_device_it_leaves(tmp_path: Path) -> None:
    """On a new device the configured one is the first server, before the card."""
    options = TrainingOptions(models=("8B",), where=Conditions(device="orin-nano"))
    choice = choose_experiments(options, None)
    (moved,) = choice.chosen
    assert moved.edge.name == "orin-nano"
    assert moved.servers[0].name == JETSON_AGX_ORIN_64GB.name
    rows = write_rows(
        tmp_path / "rows.csv",
        "dsr1-llama-8b,prefill,128,1,1,0.2,,,,board",
        "dsr1-llama-8b,decode,128,100,1,10.2,,,,board",
    )
    text = rows.read_text()
    rows.write_text(text + "orin-nano" + text.splitlines()[1][len("jetson-agx-orin-64gb") :] + "\n")
    placed = moved.model_copy(update={"data": DataConfig(paths=(rows,))})
    (group,) = prepare_groups(Choice(choice.catalog, (placed,)))
    server = on_measured_server(group.data, placed).server
    assert server is not None
    assert server.name == JETSON_AGX_ORIN_64GB.name
