"""Measurements computed from known formulas: what a fit must find again."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import polars as pl

from tests.strategies import FLOATS
from token2metrics.algebra import StepTable
from token2metrics.artifact.fitted import FittedModel
from token2metrics.calibration import build_calibration
from token2metrics.config import (
    Architecture,
    CalibrationConfig,
    CalibrationMethod,
    DataConfig,
    ExperimentConfig,
    HardwareConfig,
    ModelConfig,
    RegressionConfig,
    RegressionType,
)
from token2metrics.cost import PhaseFormula, PhaseWeights, edge_latency_s
from token2metrics.curves import CurveWeights, build_curve
from token2metrics.curves.spline import KNOTS_TOKENS
from token2metrics.modeling.gather import model_traffic
from token2metrics.modeling.train import TrainedModel, Trainer
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.processors.pipeline import PreparedData, prepare
from token2metrics.vocabulary import FITTED_PHASES, Phase
from token2metrics.workload import workload_of

EDGE = "edge-board"
SERVER = "server-card"
MODEL = "edge-model"
SERVER_MODEL = "server-model"
RAIL = "gpu"
IDLE_W = 5.0
LIMIT_W = 60.0

Row = dict[str, Any]
Request = tuple[int, int]

SMALL = Architecture(
    layers=28, hidden=1536, heads=12, kv_heads=2, head_dim=128, ffn=8960, vocabulary=151_936
)
MIDDLE = Architecture(
    layers=32, hidden=4096, heads=32, kv_heads=8, head_dim=128, ffn=14_336, vocabulary=128_256
)
LARGE = Architecture(
    layers=48, hidden=5120, heads=40, kv_heads=8, head_dim=128, ffn=13_824, vocabulary=152_064
)

PROMPTS = (16, 64, 65, 100, 160, 256, 300, 500, 700, 1_000, 1_500, 2_000, 3_000)
ANSWERS = (16, 200, 1_000)
GRID: tuple[Request, ...] = tuple(product(PROMPTS, ANSWERS))
"""Requests that are measured."""

SPARSE: tuple[Request, ...] = tuple(
    (prompt, ANSWERS[number % len(ANSWERS)]) for number, prompt in enumerate(PROMPTS)
)
"""The fewest of them that still tell every weight of every family."""

BETWEEN: tuple[Request, ...] = tuple(product((64, 180, 1_300), (40, 150, 600)))
"""Requests that are predicted, inside the measured range."""

FEW: tuple[Request, ...] = ((32, 16), (256, 200), (700, 64), (2_000, 1_000), (100, 1_000))
"""Requests of a small calibration."""

SLOPES = tuple(f"slope_from_{knot}" for knot in KNOTS_TOKENS)
"""Weights of the spline's ranges; equal slopes are what its smoothness leaves alone."""

CURVE_WEIGHTS: Mapping[RegressionType, Mapping[Phase, Mapping[str, float]]] = {
    RegressionType.LINEAR: {
        Phase.PREFILL: {"token": 2e-4, "intercept": 0.05},
        Phase.DECODE: {"step": 0.02, "attended": 2e-6, "intercept": 0.05},
    },
    RegressionType.POLYNOMIAL: {
        Phase.PREFILL: {"i1": 2e-4, "i2": 5e-8, "intercept": 0.05},
        Phase.DECODE: {
            "s1_i0": 0.02,
            "s1_i1": 2e-6,
            "s2_i0": 5e-6,
            "intercept": 0.05,
        },
    },
    RegressionType.TREE: {
        Phase.PREFILL: {
            "token": 1e-4,
            "tile": 5e-5,
            "wide_tile": 3e-5,
            "widest_tile": 2e-5,
            "intercept": 0.05,
        },
        Phase.DECODE: {"step": 0.02, "attended": 2e-6},
    },
    RegressionType.SPLINE: {
        Phase.PREFILL: {
            "tile": 5e-5,
            "wide_tile": 3e-5,
            "widest_tile": 2e-5,
            "intercept": 0.05,
            **dict.fromkeys(SLOPES, 1e-4),
        },
        Phase.DECODE: {"attended": 2e-6, **dict.fromkeys(SLOPES, 0.02)},
    },
    RegressionType.MLP: {
        Phase.PREFILL: {"token": 2e-4, "intercept": 0.05},
        Phase.DECODE: {"step": 0.02, "attended": 2e-6},
    },
    RegressionType.ROOFLINE: {
        Phase.PREFILL: {
            "s_per_flop": 4e-14,
            "s_per_tile_flop": 2e-14,
            "s_per_wide_tile_flop": 1e-14,
            "s_per_widest_tile_flop": 1e-14,
            "s_per_attention_flop": 2e-13,
            "s_per_byte": 6e-12,
            "s_per_layer": 1e-3,
        },
        Phase.DECODE: {"s_per_byte": 6e-12, "s_per_kv_byte": 8e-12, "s_per_layer": 1e-4},
    },
}
"""Numbers of an imagined device, by family."""


@dataclass(frozen=True, slots=True)
class Truth:
    """A device whose latencies are known exactly.

    Attributes:
        family: Of the curve.
        method: Form of the correction.
        calibration: Its weights; those left out are the identity.
        changed: Curve weights that differ from the family's, in each phase that has them.
    """

    family: RegressionType
    method: CalibrationMethod = CalibrationMethod.DIRECT
    calibration: Mapping[str, float] | None = None
    changed: Mapping[str, float] | None = None

    def latency_s(
        self, phase: Phase, request: Request, architecture: Architecture = SMALL
    ) -> float:
        """Return the seconds of a phase, or of the whole request."""
        if phase is Phase.REQUEST:
            return sum(self.latency_s(part, request, architecture) for part in FITTED_PHASES)
        curve = build_curve(self.family, phase)
        traffic = model_traffic(experiment(architecture=architecture))
        workload = workload_of(FLOATS, float(request[0]), float(request[1]), traffic)
        calibration = build_calibration(self.method, curve.term_names(FLOATS, workload))
        values = {p.name: p.initial for p in curve.shape_parameters()}
        values.update(CURVE_WEIGHTS[self.family][phase])
        values.update({k: v for k, v in (self.changed or {}).items() if k in values})
        weights = PhaseWeights(
            CurveWeights(values, StepTable((), ())),
            {p.name: p.initial for p in calibration.parameters()} | dict(self.calibration or {}),
            {},
        )
        return edge_latency_s(FLOATS, PhaseFormula(curve, calibration), workload, weights)


def experiment(
    regression: RegressionConfig | None = None,
    calibration: CalibrationMethod = CalibrationMethod.DIRECT,
    architecture: Architecture = SMALL,
    model: str = MODEL,
    server_model: str | None = SERVER_MODEL,
    edge: HardwareConfig | None = None,
    **calibration_choices: float,
) -> ExperimentConfig:
    """Describe the experiment on the imagined device."""
    return ExperimentConfig(
        model=ModelConfig(
            id=model, name=model, architecture=architecture, server_model=server_model
        ),
        edge=edge or HardwareConfig(name=EDGE, idle_power_w=IDLE_W, power_limit_w=LIMIT_W),
        server=HardwareConfig(name=SERVER),
        regression=regression or RegressionConfig(type=RegressionType.LINEAR),
        calibration=CalibrationConfig(method=calibration, **calibration_choices),
    )


def row(phase: Phase, request: Request, latency_s: float, **others: Any) -> Row:
    """Return one canonical row of the model on the edge device."""
    prompt, answer = request
    return {
        "device": EDGE,
        "power_mode": "maxn",
        "runtime": "vllm",
        "precision": "bf16",
        "model": MODEL,
        "phase": str(phase),
        "input_tokens": prompt,
        "output_tokens": answer,
        "parallel": 1,
        "latency_s": latency_s,
        "energy_j": None,
        "energy_window_s": None,
        "energy_samples": None,
        "power_rail": None,
        "repeats": 1,
        "source": "computed",
        **others,
    }


def measured(
    truth: Truth,
    requests: Iterable[Request] = GRID,
    phases: Sequence[Phase] = FITTED_PHASES,
    architecture: Architecture = SMALL,
    **others: Any,
) -> list[Row]:
    """Return rows of every phase of every request, as the true device would give them."""
    return [
        row(phase, request, truth.latency_s(phase, request, architecture), **others)
        for request in requests
        for phase in phases
    ]


def on_server(rows: Iterable[Row]) -> list[Row]:
    """Return the rows as rows of the server."""
    return [{**one, "device": SERVER, "model": SERVER_MODEL} for one in rows]


SCHEMA = {
    "energy_j": pl.Float64,
    "energy_window_s": pl.Float64,
    "energy_samples": pl.Float64,
    "power_rail": pl.String,
}


def prepared(rows: Sequence[Row], **choices: Any) -> PreparedData:
    """Prepare rows as if they had been read from one file, those that the choices leave."""
    frame = pl.DataFrame(list(rows), schema_overrides=SCHEMA, infer_schema_length=None)
    table = frame.lazy().with_row_index("row", 1).with_columns(file=pl.lit("computed.csv"))
    return prepare(table, EDGE, DataConfig(**choices))


def train(
    rows: Sequence[Row] | PreparedData,
    chosen: ExperimentConfig,
    catalog: Sequence[ExperimentConfig] = (),
) -> TrainedModel:
    """Train a model on rows, prepared ones or not, silently."""
    data = rows if isinstance(rows, PreparedData) else prepared(rows)
    return Trainer(data, catalog or [chosen], silent).train(chosen)


def silent(message: str) -> None:
    """Ignore what a training reports."""


def latencies_s(
    model: FittedModel, requests: Iterable[Request] = BETWEEN
) -> list[tuple[float | None, float | None]]:
    """Return the predicted seconds of both phases of every request."""
    predictions = [ModelPredictor(model)(*request) for request in requests]
    return [(p.prefill.latency_s, p.decode.latency_s) for p in predictions]


def worst_error(
    model: FittedModel,
    truth: Callable[[Phase, Request], float],
    requests: Iterable[Request] = BETWEEN,
    phases: Sequence[Phase] = FITTED_PHASES,
) -> float:
    """Return the largest relative error of the predicted phases."""
    requests = list(requests)
    worst = 0.0
    for request, pair in zip(requests, latencies_s(model, requests), strict=True):
        for phase, found_s in zip(FITTED_PHASES, pair, strict=True):
            if phase in phases:
                assert found_s is not None
                worst = max(worst, abs(found_s / truth(phase, request) - 1.0))
    return worst


def mean_power_w(latency_s: float, steady_w: float, rise_w: float, ramp_s: float) -> float:
    """Return the mean of ``steady - rise exp(-t / ramp)`` over a latency."""
    return steady_w + rise_w * ramp_s / latency_s * math.expm1(-latency_s / ramp_s)
