"""Programs as layers of sub-selects: what is used twice becomes a column, so nothing is repeated.

Every step in one expression would repeat what is shared, and grow exponentially.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from token2metrics.algebra import StepTable
from token2metrics.export.language import LEAVES, Language
from token2metrics.prediction.program import INPUTS, Program
from token2metrics.symbolic import Node, Operation, Steps

COLUMN = "t2m_"
"""What names of columns begin with that only the query sees."""

DOUBLE = "DOUBLE PRECISION"
EXPONENT = "e"
SMALLEST_EXPONENT = -700.0
"""``exp`` of less is nearly the smallest double, which PostgreSQL refuses as an underflow."""

SMALL = 1e-8
"""Below it ``log(1 + x)`` is ``x``, to more digits than a sum with 1 keeps."""


class Sql(Language):
    """Standard SQL with the functions that DuckDB, PostgreSQL and SQLite have in common.

    Attributes:
        repeated: How often an operation writes its operands, where more than once.
    """

    functions: ClassVar[Mapping[Operation, str]] = {
        Operation.TANH: "tanh",
        Operation.CEIL: "ceil",
        Operation.POWER: "power",
    }
    square_root = "sqrt"
    unknown = f"CAST(NULL AS {DOUBLE})"
    repeated: ClassVar[Mapping[Operation, int]] = {
        Operation.MAXIMUM: 2,
        Operation.LOG1P: 2,
        Operation.EXP: 2,
        Operation.STAIRCASE: 2,
    }

    def number(self, value: float) -> str:
        """Return a constant with an exponent, which makes it a double."""
        text = super().number(value)
        if text == self.unknown:
            return text
        told = text if EXPONENT in text else f"{text}{EXPONENT}0"
        return f"({told})" if told.startswith("-") else told

    def choice(self, test: str, then: str, otherwise: str) -> str:
        """Return a case distinction; a comparison with nothing does not hold."""
        return f"CASE WHEN {test} THEN {then} ELSE {otherwise} END"

    def computed(self, node: Node, operands: Sequence[str]) -> str:
        """Return what a node computes, in brackets."""
        match node.operation:
            case Operation.LOG1P:
                value = operands[0]
                small = f"{value} < {self.number(SMALL)}"
                return self.choice(small, value, f"ln({self.number(1.0)} + {value})")
            case Operation.EXP:
                least = self.number(SMALLEST_EXPONENT)
                return self.choice(
                    f"{operands[0]} < {least}", self.number(0.0), f"exp({operands[0]})"
                )
            case _:
                return f"({super().computed(node, operands)})"

    def staircase(self, value: str, steps: Steps) -> str:
        """Return the level of the last edge below a value, found by halving."""
        levels = (0.0, *steps.levels)

        def between(low: int, high: int) -> str:
            if low == high:
                return self.number(float(levels[low]))
            middle = (low + high) // 2
            test = f"{value} <= {self.number(float(steps.edges[middle]))}"
            return self.choice(test, between(low, middle), between(middle + 1, high))

        return f"CAST({between(0, len(steps.edges))} AS {DOUBLE})"


LANGUAGE = Sql()


@dataclass(frozen=True, slots=True)
class Column:
    """A step with a name.

    Attributes:
        name: Its name.
        text: What it is.
        layer: The first layer that has it; it is computed from the one before.
    """

    name: str
    text: str
    layer: int


@dataclass(slots=True)
class Layers:
    """A program as columns, each in the first layer where all it needs is there.

    Attributes:
        columns: Steps with a name, in order.
        results: Text of each quantity, to be read from the last layer.
        last: The last layer.
    """

    columns: list[Column] = field(default_factory=list)
    results: dict[str, str] = field(default_factory=dict)
    last: int = 0
    _needed: dict[str, int] = field(default_factory=dict)

    def carried(self, layer: int) -> tuple[str, ...]:
        """Return the columns of the layer before that a layer hands on, the inputs beside them."""
        return tuple(
            column.name
            for column in self.columns
            if column.layer < layer <= self._needed.get(column.name, 0)
        )

    def fresh(self, layer: int) -> tuple[Column, ...]:
        """Return the columns that a layer computes."""
        return tuple(column for column in self.columns if column.layer == layer)

    def need(self, names: Sequence[str], layer: int) -> None:
        """Keep columns until a layer."""
        for name in names:
            self._needed[name] = max(self._needed.get(name, 0), layer)


@dataclass(frozen=True, slots=True)
class _Text:
    """A node as text, the columns it reads, and the first layer that has them all."""

    text: str
    reads: tuple[str, ...]
    layer: int


def layers_of(program: Program) -> Layers:
    """Return a program as layers.

    Args:
        program: What is computed.
    """
    layers, told = Layers(), dict[Node, _Text]()
    uses = _uses(program)
    for node in program.nodes:
        text = _text(node, [told[one] for one in node.operands])
        if node.operation not in LEAVES and uses[node] > 1:
            layers.need(text.reads, text.layer)
            name = f"{COLUMN}{len(layers.columns)}"
            layers.columns.append(Column(name, text.text, text.layer + 1))
            text = _Text(name, (name,), text.layer + 1)
        told[node] = text
    layers.last = max((column.layer for column in layers.columns), default=0)
    for name, node in program.outputs.items():
        layers.need(told[node].reads, layers.last)
        layers.results[name] = told[node].text
    return layers


def _uses(program: Program) -> Counter[Node]:
    """Count how often each node is written."""
    uses = Counter(program.outputs.values())
    for node in program.nodes:
        for operand in node.operands:
            uses[operand] += LANGUAGE.repeated.get(node.operation, 1)
    return uses


def _text(node: Node, operands: Sequence[_Text]) -> _Text:
    """Return a node as text."""
    match node.operation, node.value:
        case Operation.INPUT, str() as name:
            return _Text(input_column(name), (), 0)
        case Operation.CONSTANT, float() as number:
            return _Text(LANGUAGE.number(number), (), 0)
        case Operation.STAIRCASE, StepTable() as steps:
            text = LANGUAGE.staircase(operands[0].text, steps)
        case _:
            text = LANGUAGE.computed(node, [one.text for one in operands])
    reads = tuple(name for one in operands for name in one.reads)
    return _Text(text, reads, max(one.layer for one in operands))


def input_column(name: str) -> str:
    """Return the column that holds an input, null where it is none."""
    return f"{COLUMN}{name}"


INPUT_COLUMNS = tuple(input_column(name) for name in INPUTS)
