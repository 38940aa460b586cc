"""Latency as a polynomial in tokens with non-negative coefficients."""

from __future__ import annotations

from token2metrics.algebra import Algebra, T
from token2metrics.curves.curve import Curve, present
from token2metrics.vocabulary import Phase
from token2metrics.workload import Workload

MAX_DEGREE = 4


def _whole_power(base: T, exponent: int) -> T:
    """Return ``base ** exponent`` by multiplication."""
    result = present(base)
    for _ in range(exponent):
        result = result * base
    return result


class PolynomialCurve(Curve, frozen=True):
    """Monomials of the token counts.

    Prefill: ``sum_k c_k I^k``. Decode: ``sum c_ab S^a I^b`` with ``a >= 1`` and
    ``a + b <= degree``; without interactions only ``b = 0``.

    Attributes:
        degree: Highest total degree, at least 1.
        interactions: Whether decode has products of prompt tokens and steps.
        fit_intercept: Whether there is a constant, paid once the phase has work.
    """

    degree: int = 2
    interactions: bool = True
    fit_intercept: bool = True

    def ranges(self) -> dict[str, tuple[float, float]]:
        """Return the lawful ranges."""
        return {"degree": (1, MAX_DEGREE)}

    def basis(self, algebra: Algebra[T], workload: Workload[T]) -> dict[str, T]:
        """Return the monomials by name, such as ``s2_i1`` for ``S^2 I``."""
        prompt, steps = workload.input_tokens, workload.steps
        if self.phase is Phase.PREFILL:
            features = {f"i{k}": _whole_power(prompt, k) for k in range(1, self.degree + 1)}
            intercept = present(prompt)
        else:
            features = {
                f"s{a}_i{b}": _whole_power(steps, a) * _whole_power(prompt, b)
                for a in range(1, self.degree + 1)
                for b in range(self.degree + 1 - a if self.interactions else 1)
            }
            intercept = workload.started
        return {**features, "intercept": intercept} if self.fit_intercept else features
