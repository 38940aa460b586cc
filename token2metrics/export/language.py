"""Programs as text: what languages share, a statement per step."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from token2metrics.algebra import SQUARE_ROOT, StepTable
from token2metrics.prediction.program import Program
from token2metrics.symbolic import Node, Operation, Steps

SIGNS = {
    Operation.ADD: "+",
    Operation.SUBTRACT: "-",
    Operation.MULTIPLY: "*",
    Operation.DIVIDE: "/",
}
LEAVES = (Operation.INPUT, Operation.CONSTANT)


class Language(ABC):
    """How a language writes each operation on operands that are names or numbers.

    Attributes:
        functions: Names of the functions by operation; ``square_root`` beside them.
        square_root: Name of the root.
        unknown: What is known of nothing.
    """

    functions: ClassVar[Mapping[Operation, str]]
    square_root: ClassVar[str]
    unknown: ClassVar[str]

    @abstractmethod
    def choice(self, test: str, then: str, otherwise: str) -> str:
        """Return ``then`` where a comparison holds, and ``otherwise`` elsewhere."""

    def number(self, value: float) -> str:
        """Return a constant, so that reading it gives the same number."""
        return self.unknown if math.isnan(value) else repr(value)

    def computed(self, node: Node, operands: Sequence[str]) -> str:
        """Return what a node computes, other than a leaf or a staircase.

        Args:
            node: The node.
            operands: Its operands as text.
        """
        operation = node.operation
        if operation in SIGNS:
            return f"{operands[0]} {SIGNS[operation]} {operands[1]}"
        match operation:
            case Operation.MAXIMUM:
                value, floor = operands
                return self.choice(f"{value} >= {floor}", value, floor)
            case Operation.AT_LEAST:
                value, threshold = operands
                return self.choice(f"{value} >= {threshold}", self.number(1.0), self.number(0.0))
            case Operation.SELECT:
                flag, then, otherwise = operands
                return self.choice(f"{flag} >= {self.number(1.0)}", then, otherwise)
            case Operation.POWER if node.operands[1].number == SQUARE_ROOT:
                return f"{self.square_root}({operands[0]})"
            case _:
                return f"{self.functions[operation]}({', '.join(operands)})"


@dataclass(frozen=True, slots=True)
class Statements:
    """A program as statements.

    Attributes:
        tables: Staircases by name.
        lines: A name and what it is, in order.
        results: Name or number of each quantity.
    """

    tables: dict[str, Steps] = field(default_factory=dict)
    lines: list[tuple[str, str]] = field(default_factory=list)
    results: dict[str, str] = field(default_factory=dict)


def statements(
    program: Program, language: Language, tables: str, look_up: str, inputs: Mapping[str, str]
) -> Statements:
    """Write a program, a statement for each step that anything needs.

    Args:
        program: What is computed.
        language: How.
        tables: What names of staircases begin with.
        look_up: A call with the places ``{table}`` and ``{value}``.
        inputs: What the inputs are called.
    """
    written, told = Statements(), dict[Node, str]()
    for node in program.nodes:
        operands = [told[one] for one in node.operands]
        match node.operation, node.value:
            case Operation.INPUT, str() as name:
                told[node] = inputs[name]
                continue
            case Operation.CONSTANT, float() as number:
                told[node] = language.number(number)
                continue
            case Operation.STAIRCASE, StepTable() as steps:
                table = _named(written.tables, tables, steps)
                text = look_up.format(table=table, value=operands[0], count=len(steps.edges))
            case _:
                text = language.computed(node, operands)
        told[node] = f"t{len(written.lines)}"
        written.lines.append((told[node], text))
    written.results.update({name: told[node] for name, node in program.outputs.items()})
    return written


def _named(tables: dict[str, Steps], stem: str, steps: Steps) -> str:
    """Return the name of a staircase, the same for equal ones."""
    for name, other in tables.items():
        if other == steps:
            return name
    name = f"{stem}_{len(tables)}"
    tables[name] = steps
    return name


def numbers(language: Language, values: Sequence[float]) -> str:
    """Return numbers with commas between."""
    return ", ".join(language.number(float(value)) for value in values)
