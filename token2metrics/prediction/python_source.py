"""A program as Python source: straight-line arithmetic on floats."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field

from token2metrics.algebra import SQUARE_ROOT, StepTable
from token2metrics.prediction.program import INPUTS, Program
from token2metrics.symbolic import Node, Operation, in_order

INDENT = "    "
DEEPEST = 16
"""Deeper expressions get a name in between: parsers limit their nesting."""

REQUIRED = "from bisect import bisect_left\nfrom math import exp, inf, log1p, nan, sqrt, tanh\n"
"""What the source needs."""

BETWEEN = {
    Operation.ADD: "+",
    Operation.SUBTRACT: "-",
    Operation.MULTIPLY: "*",
    Operation.DIVIDE: "/",
    Operation.POWER: "**",
}


@dataclass(frozen=True, slots=True)
class PythonSource:
    """A function as text.

    No name or text of an artifact is part of it: only numbers, and names made here.

    Attributes:
        tables: Assignments of the staircases that the function reads.
        function: Its definition; it returns the outputs of the program as a tuple.
    """

    tables: str
    function: str


def python_source(program: Program, name: str) -> PythonSource:
    """Write a program as a function of two whole numbers.

    Args:
        program: What to compute.
        name: An identifier; those of staircases begin with it.
    """
    floats = tuple(f"{count} = {count} + 0.0" for count in INPUTS)
    return python_function(name, INPUTS, tuple(program.outputs.values()), floats)


def python_function(
    name: str,
    parameters: Sequence[str],
    results: Sequence[Node],
    opening: Sequence[str] = (),
    given: Mapping[Node, str] | None = None,
) -> PythonSource:
    """Write the computation of some nodes as a function that returns them as a tuple.

    Args:
        name: An identifier; those of staircases begin with it.
        parameters: Names of its parameters.
        results: What to compute.
        opening: Its first statements.
        given: Nodes that have a value by then, under these names.
    """
    ready = given or {}
    nodes = in_order(results, ready)
    writer = _Writer(name, {**_named(nodes, results, ready), **ready}, written=set(ready))
    returned = "".join(f"{writer.text(node)}, " for node in results)
    lines = [f"def {name}({', '.join(parameters)}):"]
    lines += [f"{INDENT}{line}" for line in (*opening, *writer.lines, f"return ({returned})")]
    return PythonSource("".join(f"{line}\n" for line in writer.tables), "\n".join([*lines, ""]))


def _named(
    nodes: Sequence[Node], results: Sequence[Node], given: Container[Node]
) -> dict[Node, str]:
    """Return names for the nodes that are written more than once, or lie too deep."""
    uses = Counter(results)
    for node in nodes:
        uses.update(node.operands)
        if node.operation is Operation.MAXIMUM:
            uses.update(node.operands)
    depth: dict[Node, int] = {}
    chosen: dict[Node, str] = {}
    for node in nodes:
        depth[node] = 0
        if node in given or node.operation in (Operation.INPUT, Operation.CONSTANT):
            continue
        deep = 1 + max(depth[operand] for operand in node.operands)
        if uses[node] > 1 or deep > DEEPEST:
            chosen[node] = f"t{len(chosen)}"
        else:
            depth[node] = deep
    return chosen


@dataclass(slots=True)
class _Writer:
    """Writes nodes, giving lines to those that have a name.

    Attributes:
        stem: What names of staircases begin with.
        names: Of nodes with a line of their own.
        lines: Those lines so far.
        tables: Staircases so far.
        written: Nodes that have their value.
    """

    stem: str
    names: Mapping[Node, str]
    lines: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    written: set[Node] = field(default_factory=set)

    def text(self, node: Node) -> str:
        """Return a node as an expression: its name, or what it computes."""
        name = self.names.get(node)
        if name is None:
            return self._computed(node)
        if node not in self.written:
            self.written.add(node)
            self.lines.append(f"{name} = {self._computed(node)}")
        return name

    def _computed(self, node: Node) -> str:
        """Return what a node computes."""
        match node.operation, node.value:
            case Operation.INPUT, str() as name:
                return name
            case Operation.CONSTANT, float() as number:
                return repr(number) if math.copysign(1.0, number) > 0 else f"({number!r})"
            case Operation.STAIRCASE, StepTable() as table:
                return self._staircase(self.text(node.operands[0]), table)
            case Operation.SELECT, _:
                return self._choice(*node.operands)
        operands = [self.text(operand) for operand in node.operands]
        return _arithmetic(node, operands)

    def _choice(self, flag: Node, then: Node, otherwise: Node) -> str:
        """Return a case distinction."""
        held = self.text(flag)
        if flag.operation is Operation.AT_LEAST and flag not in self.names:
            value, threshold = (self.text(operand) for operand in flag.operands)
            held = f"{value} >= {threshold}"
        return f"({self.text(then)} if {held} else {self.text(otherwise)})"

    def _staircase(self, value: str, table: StepTable[float]) -> str:
        """Return a look-up in a table that gets a name."""
        number = len(self.tables) // 2
        edges, levels = f"{self.stem}_edges_{number}", f"{self.stem}_levels_{number}"
        self.tables.append(f"{edges} = {tuple(table.edges)!r}")
        self.tables.append(f"{levels} = {(0.0, *table.levels)!r}")
        return f"{levels}[bisect_left({edges}, {value})]"


def _arithmetic(node: Node, operands: list[str]) -> str:
    """Return one operation on written operands."""
    operation = node.operation
    if operation is Operation.MAXIMUM:
        value, floor = operands
        return f"({value} if {value} >= {floor} else {floor})"
    if operation is Operation.AT_LEAST:
        value, threshold = operands
        return f"(1.0 if {value} >= {threshold} else 0.0)"
    if operation is Operation.CEIL:
        return f"(-(-{operands[0]} // 1.0))"
    if operation is Operation.POWER and node.operands[1].number == SQUARE_ROOT:
        return f"sqrt({operands[0]})"
    if operation in BETWEEN:
        return f"({operands[0]} {BETWEEN[operation]} {operands[1]})"
    return f"{operation}({operands[0]})"
