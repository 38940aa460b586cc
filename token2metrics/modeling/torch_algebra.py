"""Cost formulas on float64 tensors: differentiable, one row of weights per fit problem."""

from __future__ import annotations

import torch
from torch import Tensor

from token2metrics.algebra import StepTable

SMALLEST_BASE = 1e-300


class TorchAlgebra:
    """The algebra of formulas over tensors that broadcast to ``(problems, rows)``.

    Dual numbers (``dual``) pass for tensors in all of it.
    """

    def constant(self, value: Tensor) -> Tensor:
        """Return a quantity that no weight changes, ready for arithmetic with weights."""
        return value

    def number(self, value: float) -> Tensor:
        """Return a plain number as a quantity."""
        return torch.tensor(value, dtype=torch.float64)

    def exp(self, exponent: Tensor) -> Tensor:
        """Return ``e`` to the power of ``exponent``."""
        return torch.exp(exponent)

    def tanh(self, value: Tensor) -> Tensor:
        """Return the hyperbolic tangent."""
        return torch.tanh(value)

    def log1p(self, value: Tensor) -> Tensor:
        """Return ``log(1 + value)``."""
        return torch.log1p(value)

    def ceil(self, value: Tensor) -> Tensor:
        """Return the smallest whole number not below ``value``."""
        return torch.ceil(value)

    def maximum(self, value: Tensor, floor: Tensor | float) -> Tensor:
        """Return the larger of both."""
        if isinstance(floor, float):
            return value.clamp_min(floor)
        return torch.maximum(value, floor)

    def power(self, base: Tensor, exponent: Tensor | float) -> Tensor:
        """Return ``base ** exponent`` for ``base >= 0``, with finite gradients at 0."""
        return torch.pow(base.clamp_min(SMALLEST_BASE), exponent)

    def at_least(self, value: Tensor, threshold: float) -> Tensor:
        """Return 1 where ``value >= threshold`` and 0 elsewhere."""
        return (value >= threshold).to(value.dtype)

    def staircase(self, value: Tensor, table: StepTable[Tensor]) -> Tensor:
        """Return the level of the last edge below ``value``, or 0; ``(problems, rows)``."""
        levels: Tensor = table.levels
        ground = levels.new_zeros(len(levels), 1)
        edges = torch.tensor(tuple(table.edges), dtype=value.dtype, device=value.device)
        return torch.cat([ground, levels], dim=1)[:, torch.bucketize(value, edges)]
