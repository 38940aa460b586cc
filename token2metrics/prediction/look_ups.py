"""Numbers that one length alone decides, computed once per length and looked up per row.

Only what takes longer to compute than to look up is looked up: a power or a hyperbolic
tangent costs up to thirty additions, a look-up three. The tables are filled by the same formulas.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from token2metrics.algebra import SQUARE_ROOT
from token2metrics.prediction.program import INPUTS, Program
from token2metrics.prediction.staged import NOT_SEARCHED, Known, with_program
from token2metrics.symbolic import Node, Operation

LONGEST_TABLE = 131_072
"""Longer lengths are computed; with some twenty numbers per length that is 20 MB a model."""

SHORTEST_TABLE = 1_024
ROWS_PER_LENGTH = 4
"""A table pays where each of its lengths serves so many rows."""

COSTLY = {
    Operation.POWER,
    Operation.EXP,
    Operation.TANH,
    Operation.LOG1P,
    Operation.STAIRCASE,
}


def costly_nodes(program: Program, name: str) -> tuple[Node, ...]:
    """Return what one input alone decides, at the price of a costly operation.

    Args:
        program: What is computed.
        name: The input.
    """
    is_costly: dict[Node, bool] = {}
    for node in program.nodes:
        below = any(is_costly[operand] for operand in node.operands)
        is_costly[node] = below or _costs(node)
    return tuple(node for node in program.depending_on_alone(name) if is_costly[node])


def _costs(node: Node) -> bool:
    """Return whether an operation costs more than some arithmetic."""
    root = node.operation is Operation.POWER and node.operands[1].number == SQUARE_ROOT
    return node.operation in COSTLY and not root


@dataclass(frozen=True)
class LookUps:
    """Tables of programs, each made when first needed.

    Attributes:
        programs: What is computed.
    """

    programs: Sequence[Program]
    _tables: dict[tuple[int, str, int], dict[Node, pl.Series]] = field(default_factory=dict)

    def known(self, longest: Mapping[str, float], rows: int) -> tuple[Known, ...]:
        """Return what of each program can be looked up.

        Args:
            longest: The largest value of each input.
            rows: How many rows there are.
        """
        sizes = {name: _size(longest[name], rows) for name in INPUTS}
        return tuple(
            {
                node: (name, table)
                for name, size in sizes.items()
                if size is not None
                for node, table in self._table(place, name, size).items()
            }
            for place in range(len(self.programs))
        )

    def _table(self, place: int, name: str, size: int) -> dict[Node, pl.Series]:
        """Return the numbers of every length below a size."""
        key = (place, name, size)
        if key not in self._tables:
            nodes = {f"{number}": node for number, node in enumerate(self._nodes(place, name))}
            lengths = pl.LazyFrame({name: pl.int_range(size, eager=True).cast(pl.Float64)})
            filled = with_program(lengths, Program(nodes), {name: name}).select(list(nodes))
            columns = filled.collect(optimizations=NOT_SEARCHED)
            self._tables[key] = {node: columns.get_column(one) for one, node in nodes.items()}
        return self._tables[key]

    def _nodes(self, place: int, name: str) -> tuple[Node, ...]:
        """Return what is looked up."""
        return costly_nodes(self.programs[place], name)


def _size(longest: float, rows: int) -> int | None:
    """Return how many lengths a table needs; None where it does not pay."""
    size = max(SHORTEST_TABLE, 1 << int(longest).bit_length())
    return size if size <= min(LONGEST_TABLE, rows / ROWS_PER_LENGTH) else None
