"""Slopes carried by dual numbers are those that torch finds, for every family and operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd.functional import jacobian

from tests.profiles import fewer_examples
from tests.strategies import COMBINATIONS, Combination, lawful_model
from token2metrics.algebra import StepTable
from token2metrics.artifact.fitted import FittedModel
from token2metrics.cost import PhaseFormula, phase_cost
from token2metrics.heads import Window
from token2metrics.modeling.parameters import LawfulMap, Part, slots_of, weights_of
from token2metrics.modeling.rows import ALGEBRA
from token2metrics.modeling.unknowns import independent, placed, slopes_of, value_of
from token2metrics.vocabulary import Phase
from token2metrics.workload import ModelTraffic, Workload, workload_of

pytestmark = pytest.mark.law

Function = Callable[[Tensor], Tensor]

SLACK = 1e-7
PROMPTS, ANSWERS = (1.0, 64.0, 65.0, 700.0), (2.0, 40.0, 3.0, 900.0)
PERIODS_S = (0.0, 1.0, 0.1, 1.0)
OVERHANG_S = 0.7

OPERATIONS: Mapping[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "sum": lambda x, y, plain: 2.0 + x + y + plain + 1.0 + (plain + x),
    "difference": lambda x, y, plain: 2.0 - x - y - plain - 1.0 - (plain - x),
    "product": lambda x, y, plain: 2.0 * x * y * plain * 3.0 * (plain * x),
    "quotient": lambda x, y, plain: 2.0 / x / y / plain / 3.0 / (plain / y),
    "matrix product": lambda x, y, plain: x @ plain.expand(2, -1).T,
    "clamped": lambda x, y, plain: x.clamp(0.5, 1.5) + y.clamp_min(1.0),
    "logarithm": lambda x, y, plain: x.log() + torch.log1p(y),
    "exponential": lambda x, y, plain: torch.exp(x) + y.exp(),
    "saturating": lambda x, y, plain: torch.tanh(x) + torch.sigmoid(y),
    "power": lambda x, y, plain: torch.pow(x, y) + torch.pow(x, 2.5) + torch.pow(plain, y),
    "larger": lambda x, y, plain: torch.maximum(x, y) + torch.maximum(x, plain),
    "chosen": lambda x, y, plain: torch.where(plain > 1.0, x, y) + torch.where(x >= 1.0, x, 0.0),
    "joined": lambda x, y, plain: torch.cat([x, plain.expand(2, -1), y], dim=1),
}


def agree(function: Function, at: Tensor) -> None:
    """Check values and slopes of a function of ``(problems, unknowns)`` against torch's own."""
    found = function(independent(at))
    assert torch.equal(value_of(found), function(at))
    slopes = slopes_of(found, at.shape[1])
    for problem in range(len(at)):
        ours = slopes[:, problem]
        whole: Tensor = jacobian(function, at, vectorize=True)  # type: ignore[no-untyped-call]
        own = whole[problem][..., problem, :].movedim(-1, 0)
        largest = own.abs().amax().clamp_min(1.0)
        assert float(((ours - own).abs() / largest).max()) <= SLACK


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_has_the_slopes_that_torch_finds(name: str) -> None:
    """Dual with dual, with a tensor and with a plain number, on either side."""
    plain = torch.tensor([[0.7, 1.2, 1.9]], dtype=torch.float64)
    held = torch.tensor([[0.5, 0.6, 0.7, 0.8]], dtype=torch.float64).expand(2, -1)
    values = torch.tensor([[0.4, 1.1, 0.9], [1.6, 0.2, 1.3]], dtype=torch.float64)

    def function(at: Tensor) -> Tensor:
        columns = placed(at, held, (True, False, True, True)).exp() * 0.5
        last = columns[:, 3:4] * plain
        x, y = columns[:, :1] * plain, columns[:, 1:2] + columns[:, 2:3] * plain + last
        return OPERATIONS[name](x, y, plain) * (columns[:, 2:] @ torch.ones_like(plain[:, :2]).T)

    agree(function, values)


def asked(model: FittedModel) -> Workload[Tensor]:
    """Return a few requests of a model, fields ``(rows,)``."""
    shape = model.traffic
    prompts, answers = (torch.tensor(one, dtype=torch.float64) for one in (PROMPTS, ANSWERS))
    columns = (
        shape.flop_per_token,
        shape.attention_flop,
        shape.weight_bytes,
        shape.kv_bytes_per_token,
        shape.layers,
    )
    return workload_of(
        ALGEBRA,
        prompts,
        answers,
        ModelTraffic(*(torch.full_like(prompts, column) for column in columns)),
    )


def free_numbers(
    formula: PhaseFormula, phase: Phase, model: FittedModel
) -> tuple[Tensor, Function]:
    """Return the free numbers of a phase, and what maps them to costs of all requests."""
    slots, weights, workload = slots_of({phase: formula}), model.weights[phase], asked(model)
    parts = {
        Part.CURVE: weights.curve.values,
        Part.CALIBRATION: weights.calibration,
        Part.HEAD: weights.head,
    }
    values = [[parts[slot.part][slot.parameter.name] for slot in slots]]
    lawful = LawfulMap(slots, "cpu")
    table = weights.curve.steps
    steps: dict[Phase, StepTable[Tensor]] = {}
    if table is not None:
        levels = torch.tensor([table.levels], dtype=torch.float64)
        steps = {phase: StepTable(table.edges, levels)}

    def costs(free: Tensor) -> Tensor:
        own = weights_of(slots, lawful.to_weights(free), steps)[phase]
        cost = phase_cost(ALGEBRA, formula, workload, own)
        assert formula.head is not None
        assert cost.bare_s is not None
        assert cost.power_w is not None
        window = Window(cost.latency_s + OVERHANG_S, torch.tensor(PERIODS_S, dtype=torch.float64))
        energy_j = formula.head.window_energy_j(
            ALGEBRA, cost.latency_s, cost.bare_s, window, own.head
        )
        return torch.cat([cost.latency_s.log(), cost.power_w.log(), energy_j.log()], dim=1)

    return lawful.to_free(torch.tensor(values, dtype=torch.float64)), costs


@pytest.mark.parametrize("combination", COMBINATIONS, ids=str)
@fewer_examples()
@given(seed=st.integers(0, 2**32 - 1))
def test_every_family_has_the_slopes_that_torch_finds(combination: Combination, seed: int) -> None:
    """Latency, power and a meter's reading, by every free number of a phase."""
    model = lawful_model(combination, seed)
    for phase, formula in model.formulas.items():
        free, costs = free_numbers(formula, phase, model)
        if bool(costs(free).isfinite().all()):
            agree(costs, free)
