"""A fitted model as formulas and plain floats, ready to predict."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from token2metrics.algebra import FloatAlgebra, StepTable
from token2metrics.artifact.manifest import ModelRecord, PhaseRecord
from token2metrics.calibration import build_calibration
from token2metrics.cost import AS_FITTED, PhaseFormula, PhaseWeights
from token2metrics.curves import CurveWeights, Parameter, build_curve
from token2metrics.errors import ArtifactError, ConfigurationError
from token2metrics.heads import UNLIMITED_POWER_W, PowerHead
from token2metrics.intervals import HIGHEST_CONFIDENCE, LOWEST_CONFIDENCE, MAX_HALF_WIDTH
from token2metrics.parallel import ParallelSamples
from token2metrics.vocabulary import Phase
from token2metrics.workload import ANY_REQUEST, ModelTraffic

Table = Mapping[str, tuple[float, ...]]
"""Named vectors of float64, as the weights file holds them."""

MAX_TRAFFIC = 1e15
"""No model asks for more FLOP or bytes per token."""

SMALLEST_LEVEL = 1e-3
LARGEST_LEVEL = 1e3
"""Between them lies every level that finished requests can move a phase to."""

STEP_EDGES = "step_edges"
STEP_LEVELS = "step_levels"


class FittedModel(Struct, frozen=True):
    """One model on one device.

    Attributes:
        record: What the manifest says of it.
        formulas: Formula of each fitted phase.
        weights: Weights of each fitted phase.
    """

    record: ModelRecord
    formulas: Mapping[Phase, PhaseFormula]
    weights: Mapping[Phase, PhaseWeights[float]]

    @property
    def traffic(self) -> ModelTraffic[float]:
        """The model's shape."""
        shape = self.record.traffic
        return ModelTraffic(
            flop_per_token=shape.flop_per_token,
            attention_flop=shape.attention_flop,
            weight_bytes=shape.weight_bytes,
            kv_bytes_per_token=shape.kv_bytes_per_token,
            layers=shape.layers,
        )


def formula_of(record: ModelRecord, phase: Phase) -> PhaseFormula:
    """Rebuild the formula of a phase from its record."""
    fitted = record.phases[phase]
    hardware = record.hardware
    return PhaseFormula(
        curve=build_curve(fitted.family, phase, fitted.hyperparameters),
        calibration=build_calibration(fitted.calibration, fitted.terms),
        head=(
            PowerHead(hardware.idle_power_w, hardware.power_limit_w)
            if fitted.head is not None
            else None
        ),
        parallel=(
            ParallelSamples(hardware.idle_power_w, hardware.power_limit_w)
            if fitted.parallel is not None
            else None
        ),
        level=fitted.level,
    )


def weight_tables(model: FittedModel) -> dict[str, tuple[float, ...]]:
    """Return every weight of a model under its name in the weights file."""
    tables: dict[str, tuple[float, ...]] = {}
    for phase, weights in model.weights.items():
        parts = {
            "curve": weights.curve.values,
            "calibration": weights.calibration,
            "head": weights.head,
            "parallel": weights.parallel,
        }
        for part, values in parts.items():
            for name, value in values.items():
                tables[f"{model.record.key}/{phase}/{part}/{name}"] = (float(value),)
        if weights.curve.steps is not None and len(weights.curve.steps.edges):
            stem = f"{model.record.key}/{phase}/curve"
            tables[f"{stem}/{STEP_EDGES}"] = tuple(weights.curve.steps.edges)
            tables[f"{stem}/{STEP_LEVELS}"] = tuple(weights.curve.steps.levels)
    return tables


def read_model(record: ModelRecord, tables: Table) -> FittedModel:
    """Rebuild a model and check that every weight keeps the laws.

    Raises:
        ArtifactError: If a weight, a shape, a power or a hyperparameter is missing or unlawful.
    """
    _check_numbers(record)
    for phase, fitted in record.phases.items():
        _check_intervals(f"{record.key}/{phase}", fitted)
    try:
        formulas = {phase: formula_of(record, phase) for phase in record.phases}
    except ConfigurationError as error:
        raise ArtifactError(f"model {record.key}: {error}; train again") from error
    weights = {
        phase: _phase_weights(record, phase, formulas[phase], tables) for phase in record.phases
    }
    return FittedModel(record, formulas, weights)


def _check_numbers(record: ModelRecord) -> None:
    """Check that shape and powers are such that every law can hold."""
    shape = Parameter("traffic", 0.0, upper=MAX_TRAFFIC)
    for name, value in msgspec.structs.asdict(record.traffic).items():
        if not shape.allows(value):
            raise ArtifactError(
                f"expected {name} of {record.key} in 0..{MAX_TRAFFIC:g}, got {value!r}; train again"
            )
    idle_w, limit_w = record.hardware.idle_power_w, record.hardware.power_limit_w
    if not 0.0 <= idle_w < limit_w <= UNLIMITED_POWER_W:
        raise ArtifactError(
            f"expected 0 <= idle_power_w < power_limit_w <= {UNLIMITED_POWER_W:g} for "
            f"{record.key}, got {idle_w!r} and {limit_w!r}; train again"
        )


def _check_intervals(stem: str, record: PhaseRecord) -> None:
    """Check that margins and measured range are such that intervals are ordered and finite."""
    level = Parameter("level", AS_FITTED, SMALLEST_LEVEL, LARGEST_LEVEL)
    if not level.allows(record.level):
        raise ArtifactError(
            f"expected {stem} to hold a level in {level.lower:g}..{level.upper:g}, "
            f"got {record.level!r}; train again"
        )
    parts = (record, record.head, record.parallel)
    margins = [part.margin for part in parts if part is not None]
    width = Parameter("half_width", 0.0, upper=MAX_HALF_WIDTH)
    for margin in margins:
        confidences, widths = margin.confidences, margin.half_widths
        lawful = (
            len(confidences) == len(widths) > 1
            and (confidences[0], confidences[-1]) == (LOWEST_CONFIDENCE, HIGHEST_CONFIDENCE)
            and list(confidences) == sorted(set(confidences))
            and list(widths) == sorted(widths)
            and all(width.allows(value) for value in widths)
        )
        if not lawful:
            raise ArtifactError(f"expected {stem} to hold ascending margins; train again")
    hull = record.hull
    ranges = () if hull is None else (hull.input_tokens, hull.output_tokens)
    count = Parameter("tokens", 0.0)
    for ends in ranges:
        if ends is not None and not (all(count.allows(end) for end in ends) and ends[0] <= ends[1]):
            raise ArtifactError(
                f"expected {stem} to hold a measured range, got {ends}; train again"
            )


def _phase_weights(
    record: ModelRecord, phase: Phase, formula: PhaseFormula, tables: Table
) -> PhaseWeights[float]:
    """Read the weights of one phase."""
    stem = f"{record.key}/{phase}"
    basis = formula.curve.basis(FloatAlgebra(), ANY_REQUEST)
    trunk = tuple(Parameter(name, 0.0) for name in basis)
    return PhaseWeights(
        curve=CurveWeights(
            _scalars(f"{stem}/curve", (*trunk, *formula.curve.shape_parameters()), tables),
            _steps(f"{stem}/curve", record.phases[phase], tables),
        ),
        calibration=_scalars(f"{stem}/calibration", formula.calibration.parameters(), tables),
        head=_scalars(f"{stem}/head", formula.head.parameters() if formula.head else (), tables),
        parallel=_scalars(
            f"{stem}/parallel", formula.parallel.parameters() if formula.parallel else (), tables
        ),
    )


def _scalars(stem: str, parameters: tuple[Parameter, ...], tables: Table) -> dict[str, float]:
    """Read one weight per parameter, each inside its interval."""
    values = {}
    for parameter in parameters:
        (value,) = _vector(f"{stem}/{parameter.name}", tables, length=1)
        if not parameter.allows(value):
            raise ArtifactError(
                f"expected weight {stem}/{parameter.name} in "
                f"[{parameter.lower:g}, {parameter.upper:g}], got {value!r}; train again"
            )
        values[parameter.name] = value
    return values


def _steps(stem: str, record: PhaseRecord, tables: Table) -> StepTable[float]:
    """Read the learned staircase; it must ascend, since predictions may not fall."""
    if not record.step_count:
        return StepTable((), ())
    edges = _vector(f"{stem}/{STEP_EDGES}", tables, record.step_count)
    levels = _vector(f"{stem}/{STEP_LEVELS}", tables, record.step_count)
    ground = Parameter(STEP_LEVELS, 0.0)
    lawful = all(ground.allows(value) for value in (*edges, *levels))
    if not lawful or list(edges) != sorted(edges) or list(levels) != sorted(levels):
        raise ArtifactError(f"expected {stem} to hold ascending steps; train again")
    return StepTable(edges, levels)


def _vector(name: str, tables: Table, length: int) -> tuple[float, ...]:
    """Return a named vector of the expected length."""
    vector = tables.get(name)
    if vector is None or len(vector) != length:
        found = "nothing" if vector is None else f"{len(vector)} numbers"
        raise ArtifactError(f"expected {length} numbers for weight {name}, got {found}")
    return vector
