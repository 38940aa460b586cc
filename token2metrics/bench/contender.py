"""The seam of the comparison: anything that learns from rows and forecasts requests."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from token2metrics.config import ExperimentConfig
from token2metrics.processors.pipeline import PreparedData
from token2metrics.vocabulary import Phase

Array = NDArray[np.float64]


class NotApplicableError(Exception):
    """A contender cannot learn from the given rows; the message says why."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a contender may learn from.

    Attributes:
        data: Prepared measurements: the model's calibration rows, and whatever else is known.
        experiment: The model and device forecast for.
        catalog: Every known experiment.
    """

    data: PreparedData
    experiment: ExperimentConfig
    catalog: Sequence[ExperimentConfig]


class Forecast(ABC):
    """What a contender learned."""

    @property
    def remarks(self) -> tuple[str, ...]:
        """Where it has no say and why, and what else its numbers need to be read rightly."""
        return ()

    @abstractmethod
    def latency_s(self, phase: Phase, input_tokens: Array, output_tokens: Array) -> Array | None:
        """Return the latency of a phase in seconds, ``(rows,)``; None where it has no say.

        Args:
            phase: ``prefill``, ``decode`` or ``request`` (both).
            input_tokens: Prompt tokens, ``(rows,)``.
            output_tokens: Generated tokens, ``(rows,)``.
        """

    def energy_j(self, phase: Phase, input_tokens: Array, output_tokens: Array) -> Array | None:
        """Return the energy of a phase in joules, ``(rows,)``; None where it has no say."""
        return None

    def metered_energy_j(
        self, phase: Phase, input_tokens: Array, output_tokens: Array
    ) -> Array | None:
        """Return what the meter of the known rows would read, ``(rows,)``.

        A meter's window may outlast the work. A form without a notion of windows, the default,
        forecasts the energy it was fitted to.
        """
        return self.energy_j(phase, input_tokens, output_tokens)


class Contender(ABC):
    """A way to learn from measured rows.

    Attributes:
        name: Short name, unique among the contenders.
        source: Where the form comes from: paper or project.
    """

    name: ClassVar[str]
    source: ClassVar[str]

    @abstractmethod
    def fit(self, known: Known) -> Forecast:
        """Learn from the rows.

        Raises:
            NotApplicableError: If the form cannot apply to these rows.
        """
