"""Price requests of one model: in plain Python; arrays and tables where their libraries are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from token2metrics.algebra import FloatAlgebra
from token2metrics.artifact.fitted import FittedModel
from token2metrics.cost import PhaseCost, phase_cost
from token2metrics.extras import needing
from token2metrics.heads import Window
from token2metrics.intervals import DEFAULT_CONFIDENCE, check_confidence
from token2metrics.parallel import SINGLE
from token2metrics.prediction.assemble import Request, RequestTeller
from token2metrics.prediction.checks import check_parallel, check_quantities, check_tokens
from token2metrics.prediction.interpreted import Compiled, Interpreted
from token2metrics.prediction.quantities import INPUTS, QUANTITIES
from token2metrics.prediction.result import Prediction, Prices
from token2metrics.vocabulary import Phase
from token2metrics.workload import Workload, workload_of

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import ArrayLike, NDArray

ALGEBRA = FloatAlgebra()

MOST_KINDS = 8
"""So many pairs of confidence and parallel answers are kept ready."""


class ModelPredictor:
    """Prices requests of one model on one device."""

    __slots__ = ("_made", "model")

    def __init__(self, model: FittedModel) -> None:
        """Take a fitted model.

        Args:
            model: The fitted model.
        """
        self.model = model
        self._made: dict[tuple[float, int], tuple[RequestTeller, Compiled]] = {}

    def __reduce__(self) -> tuple[type[ModelPredictor], tuple[FittedModel]]:
        """Send the model to another process; what was made to answer faster is made again there."""
        return ModelPredictor, (self.model,)

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
        teller, numbers = self._answers(confidence, parallel)
        request = Request(input_tokens, output_tokens, confidence, parallel)
        return teller(numbers(input_tokens, output_tokens), request, prices)

    def compiled(
        self,
        names: Sequence[str] = QUANTITIES,
        confidence: float = DEFAULT_CONFIDENCE,
        parallel: int = SINGLE,
    ) -> Compiled:
        """Return a function of token counts that gives bare numbers, for who asks all the time.

        Args:
            names: Wanted quantities, among ``quantities.QUANTITIES``.
            confidence: Of every interval, 0.5 to 0.99.
            parallel: Answers generated at once.

        Returns:
            A function of input and output tokens, whole numbers from 0 to ten million, which it
            does not check; its numbers, in the order of ``names``, are those of a prediction, and
            not a number (``nan``) where that says None.

        Raises:
            RequestError: If a quantity is unknown, no interval is offered for the confidence, or
                there is less than one answer.
        """
        from token2metrics.prediction.compiled import compile_model

        check_quantities(names)
        check_confidence(confidence)
        check_parallel(parallel)
        return compile_model(self.model, names, confidence, parallel)

    def predict_many(
        self,
        input_tokens: ArrayLike,
        output_tokens: ArrayLike,
        names: Sequence[str] = QUANTITIES,
        confidence: float = DEFAULT_CONFIDENCE,
        parallel: int = SINGLE,
    ) -> dict[str, NDArray[Any]]:
        """Price many requests at once, on NumPy.

        Args:
            input_tokens: Prompt tokens: an array, a Polars series or a list, ``(requests,)``.
            output_tokens: Generated tokens of each answer, ``(requests,)``.
            names: Wanted quantities, among ``quantities.QUANTITIES``.
            confidence: Of every interval, 0.5 to 0.99.
            parallel: Answers generated at once.

        Returns:
            An array ``(requests,)`` for each name, with the numbers of single predictions; ``nan``
            where those say None. ``extrapolated`` is boolean.

        Raises:
            RequestError: If a count, a quantity, the confidence or the number of answers is none
                that a single prediction would take, or the lengths differ.
        """
        check_quantities(names)
        check_confidence(confidence)
        check_parallel(parallel)
        with needing("pricing arrays"):
            from token2metrics.prediction.arrays import price_arrays
        counts = input_tokens, output_tokens
        return price_arrays(self.model, counts, names, confidence, parallel)

    def price_table(
        self,
        table: pl.LazyFrame,
        input_tokens: str = INPUTS[0],
        output_tokens: str = INPUTS[1],
        names: Sequence[str] = QUANTITIES,
        confidence: float = DEFAULT_CONFIDENCE,
        parallel: int = SINGLE,
    ) -> pl.LazyFrame:
        """Add what requests cost to a lazy Polars table, each step computed once.

        Args:
            table: The requests.
            input_tokens: Column of prompt tokens, whole and >= 0.
            output_tokens: Column of generated tokens, likewise.
            names: Wanted quantities, among ``quantities.QUANTITIES``; they name the new columns.
            confidence: Of every interval, 0.5 to 0.99.
            parallel: Answers generated at once.

        Raises:
            RequestError: If a column is missing or would be replaced, or the rest is none that
                ``predict_many`` would take.
        """
        check_quantities(names)
        check_confidence(confidence)
        check_parallel(parallel)
        with needing("pricing tables"):
            from token2metrics.prediction.lazy_tables import price_lazily
        columns = input_tokens, output_tokens
        return price_lazily(self.model, table, columns, names, confidence, parallel)

    def expressions(
        self,
        input_tokens: str = INPUTS[0],
        output_tokens: str = INPUTS[1],
        confidence: float = DEFAULT_CONFIDENCE,
        parallel: int = SINGLE,
    ) -> list[pl.Expr]:
        """Return what requests cost as Polars expressions: ``lazy.with_columns(expressions())``.

        They stand alone, and so repeat what they share; ``price_table`` is many times faster.

        Args:
            input_tokens: Column of prompt tokens, whole and >= 0.
            output_tokens: Column of generated tokens, likewise.
            confidence: Of every interval, 0.5 to 0.99.
            parallel: Answers generated at once.

        Returns:
            The columns of ``prediction.expressions.PREDICTED_COLUMNS``, null where a single
            prediction says None.

        Raises:
            RequestError: If no interval is offered for the confidence, or there is less than one
                answer.
        """
        check_confidence(confidence)
        check_parallel(parallel)
        with needing("pricing tables"):
            import polars as pl

            from token2metrics.prediction.expressions import expressions
        counts = pl.col(input_tokens), pl.col(output_tokens)
        return list(expressions(self.model, *counts, confidence, parallel).values())

    def _answers(self, confidence: float, parallel: int) -> tuple[RequestTeller, Compiled]:
        """Return how requests are answered at a confidence, made when first asked for."""
        hashable = isinstance(confidence, float) and type(parallel) is int
        answers = self._made.get((confidence, parallel)) if hashable else None
        if answers is None:
            check_confidence(confidence)
            check_parallel(parallel)
            self._make_room()
            teller = RequestTeller(self.model.record, parallel)
            answers = teller, Interpreted(self.model, confidence, parallel)
            self._made[confidence, parallel] = answers
        elif isinstance(answers[1], Interpreted) and answers[1].worn:
            answers = answers[0], self.compiled(QUANTITIES, confidence, parallel)
            self._made[confidence, parallel] = answers
        return answers

    def _make_room(self) -> None:
        """Forget a kind of question where there are many: one that was seldom asked, if any was.

        So whoever asks at ever new confidences leaves what others ask all the time compiled.
        """
        kinds = list(self._made.items())
        if len(kinds) < MOST_KINDS:
            return
        seldom = (kind for kind, (_, numbers) in kinds if isinstance(numbers, Interpreted))
        oldest, _ = kinds[0]
        self._made.pop(next(seldom, oldest), None)

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
