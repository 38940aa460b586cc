"""Wilkins et al.: energy and runtime of a request from three terms."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from token2metrics.bench.contender import Array, Contender, Forecast, Known, NotApplicableError
from token2metrics.bench.forecasts import Curve, CurveForecast, too_few
from token2metrics.bench.least_squares import count_of, fit_linear
from token2metrics.bench.rows import own_rows, phase_rows
from token2metrics.vocabulary import Phase

PAPER = "Wilkins, Keshav and Mortier 2024, Offline Energy-Optimal LLM Serving, arXiv:2407.04014"
WHOLE = "forecasts whole requests only"


def three_terms(input_tokens: Array, output_tokens: Array) -> Array:
    """Return ``I, O, I O``, ``(rows, 3)``."""
    return np.stack([input_tokens, output_tokens, input_tokens * output_tokens], axis=1)


class Wilkins(Contender):
    """``a0 I + a1 O + a2 I O`` for energy and for runtime, by ordinary least squares."""

    name = "wilkins"
    source = PAPER
    relative: ClassVar[bool] = False

    def fit(self, known: Known) -> Forecast:
        """Fit whole requests.

        Raises:
            NotApplicableError: If there are fewer whole requests than coefficients.
        """
        requests = phase_rows(own_rows(known), Phase.REQUEST)
        latency = self._curve(requests.input_tokens, requests.output_tokens, requests.latency_s)
        if latency is None:
            raise NotApplicableError(
                f"{too_few(Phase.REQUEST, count_of(three_terms))}; a decode row with a prefill row "
                "of its prompt length makes one"
            )
        metered = requests.metered
        energy = self._curve(metered.input_tokens, metered.output_tokens, metered.energy_j)
        if energy is not None:
            return CurveForecast({Phase.REQUEST: latency}, {Phase.REQUEST: energy}, (WHOLE,))
        unmetered = too_few(Phase.REQUEST, count_of(three_terms), "energy")
        remarks = (WHOLE, unmetered) if len(metered) else (WHOLE,)
        return CurveForecast({Phase.REQUEST: latency}, remarks=remarks)

    def _curve(self, input_tokens: Array, output_tokens: Array, target: Array) -> Curve | None:
        """Fit one metric; None with fewer rows than coefficients."""
        return fit_linear(three_terms, input_tokens, output_tokens, target, relative=self.relative)


class WilkinsRelative(Wilkins):
    """The same terms with every request weighted by one over its value."""

    name = "wilkins-relative"
    source = f"{PAPER}; with relative weights, which its authors do not use"
    relative = True
