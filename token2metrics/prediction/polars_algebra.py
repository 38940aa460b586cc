"""The algebra of the cost formulas over Polars expressions."""

from __future__ import annotations

import polars as pl

from token2metrics.algebra import StepTable

GROUND = 0.0
UNKNOWN = pl.lit(None, dtype=pl.Float64)


class PolarsAlgebra:
    """The algebra of formulas over float expressions."""

    def constant(self, value: pl.Expr) -> pl.Expr:
        """Return a quantity that no weight changes, ready for arithmetic with weights."""
        return value

    def number(self, value: float) -> pl.Expr:
        """Return a plain number as a quantity."""
        return pl.lit(value, dtype=pl.Float64)

    def exp(self, exponent: pl.Expr) -> pl.Expr:
        """Return ``e`` to the power of ``exponent``."""
        return exponent.exp()

    def tanh(self, value: pl.Expr) -> pl.Expr:
        """Return the hyperbolic tangent."""
        return value.tanh()

    def log1p(self, value: pl.Expr) -> pl.Expr:
        """Return ``log(1 + value)``."""
        return value.log1p()

    def ceil(self, value: pl.Expr) -> pl.Expr:
        """Return the smallest whole number not below ``value``."""
        return value.ceil()

    def maximum(self, value: pl.Expr, floor: pl.Expr | float) -> pl.Expr:
        """Return the larger of both."""
        return pl.max_horizontal(value, floor)

    def power(self, base: pl.Expr | float, exponent: pl.Expr | float) -> pl.Expr:
        """Return ``base ** exponent`` for ``base >= 0``."""
        return as_expression(base).pow(exponent)

    def at_least(self, value: pl.Expr, threshold: float) -> pl.Expr:
        """Return 1 where ``value >= threshold`` and 0 elsewhere."""
        return (value >= threshold).cast(pl.Float64)

    def unknown(self) -> pl.Expr:
        """Return a quantity of which nothing is known: null."""
        return UNKNOWN

    def select(self, flag: pl.Expr, then: pl.Expr, otherwise: pl.Expr) -> pl.Expr:
        """Return ``then`` where ``flag`` is 1, and ``otherwise`` where it is 0."""
        return pl.when(flag == 1.0).then(then).otherwise(otherwise)

    def staircase(self, value: pl.Expr, table: StepTable[pl.Expr]) -> pl.Expr:
        """Return the level of the last edge below ``value``, or 0."""
        if not len(table.edges):
            return value * GROUND
        edges = pl.Series(table.edges, dtype=pl.Float64)
        levels = pl.Series([GROUND, *table.levels], dtype=pl.Float64)
        return pl.lit(levels).gather(pl.lit(edges).search_sorted(value, side="left"))


ALGEBRA = PolarsAlgebra()


def as_expression(value: pl.Expr | float) -> pl.Expr:
    """Return a constant as an expression."""
    return value if isinstance(value, pl.Expr) else pl.lit(value, dtype=pl.Float64)
