"""Token2Metrics itself, as configured: by default it chooses family and calibration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from token2metrics.bench.contender import Array, Contender, Forecast, Known, NotApplicableError
from token2metrics.cost import PhaseCost
from token2metrics.errors import DataError
from token2metrics.modeling.train import Trainer
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.vocabulary import Phase

WINDOW = "energy is what the meter of the known rows reads, over windows as long as theirs"


@dataclass(frozen=True, slots=True)
class Fitted(Forecast):
    """A trained model.

    Attributes:
        predictor: Prices its requests.
    """

    predictor: ModelPredictor

    @property
    def remarks(self) -> tuple[str, ...]:
        """Say how energy is compared, where there is power."""
        heads = (formula.head for formula in self.predictor.model.formulas.values())
        return (WINDOW,) if any(head is not None for head in heads) else ()

    def latency_s(self, phase: Phase, input_tokens: Array, output_tokens: Array) -> Array | None:
        """Return the latency of a phase in seconds; None where it has no fit."""
        return self._sum(phase, input_tokens, output_tokens, lambda cost: cost.latency_s)

    def energy_j(self, phase: Phase, input_tokens: Array, output_tokens: Array) -> Array | None:
        """Return the energy of a phase in joules; None without a fitted power."""
        return self._sum(phase, input_tokens, output_tokens, lambda cost: cost.energy_j)

    def metered_energy_j(
        self, phase: Phase, input_tokens: Array, output_tokens: Array
    ) -> Array | None:
        """Return what the meter of the known rows would read over its usual window."""
        *earlier, last = phase.parts
        requests = zip(input_tokens.tolist(), output_tokens.tolist(), strict=True)
        read = [self.predictor.window_energy_j(last, int(i), int(o)) for i, o in requests]
        if any(one is None for one in read):
            return None
        total = np.array(read, dtype=np.float64)
        for part in earlier:
            before = self.energy_j(part, input_tokens, output_tokens)
            if before is None:
                return None
            total += before
        return total

    def _sum(
        self,
        phase: Phase,
        input_tokens: Array,
        output_tokens: Array,
        value: Callable[[PhaseCost[float]], float | None],
    ) -> Array | None:
        """Add a value up over the phases of a row kind; None where a phase has none."""
        requests = list(zip(input_tokens.tolist(), output_tokens.tolist(), strict=True))
        total = np.zeros(len(requests))
        for part in phase.parts:
            costs = [self.predictor.phase_cost(part, int(i), int(o)) for i, o in requests]
            values = [None if cost is None else value(cost) for cost in costs]
            if any(one is None for one in values):
                return None
            total += np.array(values, dtype=np.float64)
        return total


class Ours(Contender):
    """The product under comparison, trained exactly as ``train`` does."""

    name = "ours"
    source = "Token2Metrics, as configured"

    def fit(self, known: Known) -> Fitted:
        """Train on the known rows.

        Raises:
            NotApplicableError: If nothing measured supports a prediction.
        """
        trainer = Trainer(known.data, known.catalog, _silent)
        try:
            trained = trainer.train(known.experiment)
        except DataError as error:
            raise NotApplicableError(str(error)) from error
        return Fitted(ModelPredictor(trained.model))


def _silent(step: str) -> None:
    """Leave the steps of a single fit unreported."""
