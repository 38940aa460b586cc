"""Price requests from a saved artifact, in plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from token2metrics.algebra import FloatAlgebra
from token2metrics.artifact.fitted import FittedModel
from token2metrics.artifact.load import load_artifact
from token2metrics.artifact.manifest import ModelRecord
from token2metrics.cost import PhaseCost, phase_cost
from token2metrics.errors import RequestError
from token2metrics.heads import Window
from token2metrics.intervals import DEFAULT_CONFIDENCE, check_confidence
from token2metrics.parallel import SINGLE
from token2metrics.prediction.assemble import Request, phase_prediction, request_prediction
from token2metrics.prediction.bounded import Price, phase_bounds
from token2metrics.prediction.result import PhasePrediction, Prediction, Prices
from token2metrics.vocabulary import FITTED_PHASES, MAX_PARALLEL, MAX_TOKENS, Phase
from token2metrics.workload import Workload, workload_of

ALGEBRA = FloatAlgebra()


@dataclass(frozen=True, slots=True)
class Conditions:
    """Where a model was measured; None leaves a condition open.

    Attributes:
        device: Device, such as ``jetson-agx-orin-64gb``.
        power_mode: Power mode, such as ``maxn``.
        runtime: Inference engine, such as ``vllm``.
        precision: Precision of the weights, such as ``bf16``.
    """

    device: str | None = None
    power_mode: str | None = None
    runtime: str | None = None
    precision: str | None = None

    def __str__(self) -> str:
        """Return the stated conditions in words."""
        return ", ".join(value for value in asdict(self).values() if value is not None)

    def fit(self, record: ModelRecord) -> bool:
        """Return whether a model was trained under these conditions."""
        wanted = {name: value for name, value in asdict(self).items() if value is not None}
        return all(
            str(getattr(record, name)).casefold() == value.strip().casefold()
            for name, value in wanted.items()
        )


ANYWHERE = Conditions()


@dataclass(frozen=True, slots=True)
class ModelPredictor:
    """Prices requests of one model on one device.

    Attributes:
        model: The fitted model.
    """

    model: FittedModel

    def __call__(
        self,
        input_tokens: int,
        output_tokens: int,
        prices: Prices | None = None,
        confidence: float = DEFAULT_CONFIDENCE,
        parallel: int = SINGLE,
    ) -> Prediction:
        """Price one request.

        Args:
            input_tokens: Prompt tokens, >= 0.
            output_tokens: Generated tokens, >= 0; the first one ends prefill.
            prices: Electricity and device prices; without them there is no cost.
            confidence: Of every interval, 0.5 to 0.99.
            parallel: Answers to the prompt that are generated at once, each of ``output_tokens``.

        Raises:
            RequestError: If a token count is negative, fractional or absurdly large, no interval
                is offered for the confidence, or there is less than one answer.
        """
        check_tokens("input_tokens", input_tokens)
        check_tokens("output_tokens", output_tokens)
        check_confidence(confidence)
        check_parallel(parallel)
        request = Request(input_tokens, output_tokens, confidence, parallel)
        phases = {phase: self._phase_prediction(phase, request) for phase in FITTED_PHASES}
        return request_prediction(self.model.record, phases, request, prices)

    def _phase_prediction(self, phase: Phase, request: Request) -> PhasePrediction:
        """Say what a phase costs, within which bounds, and what that rests on."""
        cost = self.phase_cost(phase, request.input_tokens, request.output_tokens, request.parallel)
        record = self.model.record.phases.get(phase)
        if cost is None or record is None:
            return phase_prediction(record, cost, None, request)
        bounded = phase_bounds(
            ALGEBRA,
            record,
            self.model.record.hardware,
            cost,
            self._price_of(phase, request.parallel),
            self._workload(request.input_tokens, request.output_tokens),
            request.confidence,
            request.parallel,
        )
        return phase_prediction(record, cost, bounded, request)

    def _price_of(self, phase: Phase, parallel: int) -> Price[float]:
        """Return what a phase costs at any, even fractional, lengths."""
        formula, weights = self.model.formulas[phase], self.model.weights[phase]

        def price(prompt: float, steps: float) -> PhaseCost[float]:
            asked = self._workload(prompt, steps + 1.0)
            return phase_cost(ALGEBRA, formula, asked, weights, parallel)

        return price

    def phase_cost(
        self, phase: Phase, input_tokens: int, output_tokens: int, parallel: int = SINGLE
    ) -> PhaseCost[float] | None:
        """Return latency and power of one phase; None where it has work and no fit."""
        formula = self.model.formulas.get(phase)
        if formula is None or (parallel > SINGLE and formula.parallel is None):
            idle = phase is Phase.DECODE and output_tokens <= 1
            return PhaseCost(0.0, None) if idle else None
        workload = self._workload(input_tokens, output_tokens)
        return phase_cost(ALGEBRA, formula, workload, self.model.weights[phase], parallel)

    def window_energy_j(
        self,
        phase: Phase,
        input_tokens: int,
        output_tokens: int,
        window_s: float | None = None,
        latency_s: float | None = None,
    ) -> float | None:
        """Return what the meter of the calibration rows would read around a phase, in joules.

        Args:
            phase: The phase.
            input_tokens: Prompt tokens.
            output_tokens: Generated tokens.
            window_s: Seconds it sums over; None for the latency and the meter's usual pad.
            latency_s: Seconds of work; None for the predicted ones.

        Returns:
            Joules; None without a power head.
        """
        cost = self.phase_cost(phase, input_tokens, output_tokens)
        record = self.model.record.phases.get(phase)
        formula = self.model.formulas.get(phase)
        if cost is None or cost.bare_s is None or record is None or record.head is None:
            return None
        assert formula is not None
        assert formula.head is not None
        worked_s = cost.latency_s if latency_s is None else latency_s
        meter = record.head.meter
        length_s = worked_s + meter.pad_s if window_s is None else window_s
        window = Window(length_s, meter.period_s)
        bare_s = cost.bare_s * (worked_s / cost.latency_s if cost.latency_s > 0 else 1.0)
        weights = self.model.weights[phase].head
        return formula.head.window_energy_j(ALGEBRA, worked_s, bare_s, window, weights)

    def _workload(self, input_tokens: float, output_tokens: float) -> Workload[float]:
        """Return what a request asks of the model."""
        return workload_of(ALGEBRA, float(input_tokens), float(output_tokens), self.model.traffic)


@dataclass(frozen=True, slots=True)
class Predictor:
    """Every model of an artifact.

    Attributes:
        models: One predictor per model and device.
    """

    models: tuple[ModelPredictor, ...]

    @classmethod
    def load(cls, directory: Path | str) -> Predictor:
        """Load an artifact directory.

        Raises:
            ArtifactError: If the artifact cannot be trusted.
        """
        return cls(tuple(ModelPredictor(m) for m in load_artifact(Path(directory)).models))

    def select(self, name: str, conditions: Conditions = ANYWHERE) -> ModelPredictor:
        """Return the predictor of a model by any of its names.

        Args:
            name: Short name, full id or alias.
            conditions: Needed when the model was trained for several devices or settings.

        Raises:
            RequestError: If no model, or more than one, answers.
        """
        named = [p for p in self.models if p.model.record.answers_to(name)]
        found = [p for p in named if conditions.fit(p.model.record)]
        if len(found) == 1:
            return found[0]
        if not found:
            trained = "; ".join(_where(p.model.record) for p in named or self.models)
            wanted = repr(name) if conditions == ANYWHERE else f"{name!r} on {conditions}"
            raise RequestError(f"no trained model answers to {wanted}; trained: {trained}")
        trained = "; ".join(_where(p.model.record) for p in found)
        raise RequestError(
            f"{name!r} was trained more than once ({trained}); give "
            + " or ".join(_distinguishing([p.model.record for p in found]))
        )

    def choose(self, names: Sequence[str], conditions: Conditions) -> tuple[ModelPredictor, ...]:
        """Return the named models, or without names every model trained under some conditions.

        Raises:
            RequestError: If a name is unknown or ambiguous, or no model is left.
        """
        if names:
            return tuple(self.select(name, conditions) for name in names)
        found = tuple(p for p in self.models if conditions.fit(p.model.record))
        if not found:
            trained = "; ".join(_where(p.model.record) for p in self.models)
            raise RequestError(f"no model was trained for {conditions}; trained: {trained}")
        return found


def check_tokens(name: str, count: int) -> None:
    """Refuse token counts no request can have.

    Raises:
        RequestError: If the count is not a whole number between 0 and ten million.
    """
    whole = isinstance(count, int) and not isinstance(count, bool)
    if not whole or not 0 <= count <= MAX_TOKENS:
        raise RequestError(f"expected {name} to be a whole number 0..{MAX_TOKENS}, got {count!r}")


def check_parallel(parallel: int) -> None:
    """Refuse numbers of answers that no request can have.

    Raises:
        RequestError: If it is not a whole number between 1 and ten thousand.
    """
    whole = isinstance(parallel, int) and not isinstance(parallel, bool)
    if not whole or not SINGLE <= parallel <= MAX_PARALLEL:
        raise RequestError(
            f"expected parallel to be a whole number {SINGLE}..{MAX_PARALLEL}, got {parallel!r}"
        )


def _where(record: ModelRecord) -> str:
    """Name a trained model and its conditions."""
    conditions = (record.device, record.power_mode, record.runtime, record.precision)
    return f"{record.name} on {', '.join(part for part in conditions if part)}"


def _distinguishing(records: list[ModelRecord]) -> list[str]:
    """Return the options in which trained models differ."""
    differing = [
        f"--{name.replace('_', '-')}"
        for name in asdict(ANYWHERE)
        if len({getattr(record, name) for record in records}) > 1
    ]
    return differing or ["a --model NAME that only one of them has"]
