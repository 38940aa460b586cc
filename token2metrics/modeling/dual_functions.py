"""What torch's functions do with dual numbers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from token2metrics.modeling.dual import FUNCTIONS, Dual, Operand, joined, spread, value_of

HALF = 0.5
"""Each side's part of the slope where two values tie."""


def _tanh(number: Dual) -> Dual:
    """Return the hyperbolic tangent."""
    value = number.value.tanh()
    return number.alike(value, number.slopes * (1.0 - value * value))


def _log1p(number: Dual) -> Dual:
    """Return ``log(1 + number)``."""
    return number.alike(number.value.log1p(), number.slopes / (number.value + 1.0))


def _sigmoid(number: Dual) -> Dual:
    """Return the logistic function."""
    value = number.value.sigmoid()
    return number.alike(value, number.slopes * ((1.0 - value) * value))


def _power(base: Operand, exponent: Operand) -> Dual:
    """Return ``base ** exponent`` of a base above 0."""
    least, order = value_of(base), value_of(exponent)
    value = torch.pow(least, order)
    parts = []
    if isinstance(base, Dual):
        parts.append((base, base.slopes * (order * torch.pow(least, order - 1.0))))
    if isinstance(exponent, Dual):
        parts.append((exponent, exponent.slopes * (value * torch.log(least))))
    return _gathered(value, parts)


def _maximum(one: Operand, other: Operand) -> Dual:
    """Return the larger of both; where they tie, half the slope of each."""
    first, second = value_of(one), value_of(other)
    share = torch.where(first == second, HALF, (first > second).to(first.dtype))
    parts = [(one, one.slopes * share)] if isinstance(one, Dual) else []
    if isinstance(other, Dual):
        parts.append((other, other.slopes * (1.0 - share)))
    return _gathered(torch.maximum(first, second), parts)


def _where(chosen: Tensor, one: Operand, other: Operand) -> Dual:
    """Return one number where a condition holds and another elsewhere."""
    value = torch.where(chosen, value_of(one), value_of(other))
    parts = [(one, torch.where(chosen, one.slopes, 0.0))] if isinstance(one, Dual) else []
    if isinstance(other, Dual):
        parts.append((other, torch.where(chosen, 0.0, other.slopes)))
    return _gathered(value, parts)


def _gathered(value: Tensor, parts: Sequence[tuple[Dual, Tensor]]) -> Dual:
    """Return a number that depends on what one or two others depend on."""
    if len(parts) == 1:
        ((only, slopes),) = parts
        return only.alike(value, slopes)
    return joined(value, *parts)


def _cat(numbers: Sequence[Operand], dim: int = 0) -> Dual:
    """Return numbers side by side along a dimension."""
    duals = [one for one in numbers if isinstance(one, Dual)]
    start = min(one.first for one in duals)
    stop = max(one.first + len(one.slopes) for one in duals)
    slopes = [
        (
            spread(one, start, stop)
            if isinstance(one, Dual)
            else value_of(one).new_zeros(stop - start, *value_of(one).shape)
        )
        for one in numbers
    ]
    values = torch.cat([value_of(one) for one in numbers], dim)
    return Dual(values, torch.cat(slopes, dim + 1), start)


FUNCTIONS.update(
    {
        torch.Tensor.add: lambda plain, dual: dual + plain,
        torch.Tensor.sub: lambda plain, dual: dual.__rsub__(plain),
        torch.Tensor.mul: lambda plain, dual: dual * plain,
        torch.Tensor.div: lambda plain, dual: dual.__rtruediv__(plain),
        torch.exp: Dual.exp,
        torch.tanh: _tanh,
        torch.log1p: _log1p,
        torch.sigmoid: _sigmoid,
        torch.pow: _power,
        torch.maximum: _maximum,
        torch.where: _where,
        torch.cat: _cat,
    }
)
