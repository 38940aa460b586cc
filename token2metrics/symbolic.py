"""Cost formulas as a graph: recorded once, then written out in any language.

Values are those of the float algebra to the last bit: constants are folded with it, and nothing is
reordered. Only what changes no finite result is left out: ``x + 0``, ``x * 1``, ``x * 0``.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from token2metrics.algebra import FloatAlgebra, RequestAlgebra, StepTable, T

FLOATS = FloatAlgebra()


class Operation(StrEnum):
    """What a node does with its operands."""

    INPUT = "input"
    CONSTANT = "constant"
    ADD = "add"
    SUBTRACT = "subtract"
    MULTIPLY = "multiply"
    DIVIDE = "divide"
    EXP = "exp"
    TANH = "tanh"
    LOG1P = "log1p"
    CEIL = "ceil"
    MAXIMUM = "maximum"
    POWER = "power"
    AT_LEAST = "at_least"
    STAIRCASE = "staircase"
    SELECT = "select"


Steps = StepTable[float]


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One step of a computation; two nodes of a graph are equal only if they are the same.

    Attributes:
        graph: What the node belongs to.
        operation: What it does.
        operands: With what.
        value: The number of a constant, the name of an input, the table of a staircase.
    """

    graph: SymbolicAlgebra = field(repr=False)
    operation: Operation
    operands: tuple[Node, ...] = ()
    value: float | str | Steps | None = None

    @property
    def number(self) -> float | None:
        """The value of a constant; None for anything else."""
        return self.value if isinstance(self.value, float) else None

    def __add__(self, other: Node | float, /) -> Node:
        """Return the sum."""
        return self.graph.add(self, self.graph.lift(other))

    def __radd__(self, other: float, /) -> Node:
        """Return the sum."""
        return self.graph.add(self.graph.lift(other), self)

    def __sub__(self, other: Node | float, /) -> Node:
        """Return the difference."""
        return self.graph.subtract(self, self.graph.lift(other))

    def __rsub__(self, other: float, /) -> Node:
        """Return the difference."""
        return self.graph.subtract(self.graph.lift(other), self)

    def __mul__(self, other: Node | float, /) -> Node:
        """Return the product."""
        return self.graph.multiply(self, self.graph.lift(other))

    def __rmul__(self, other: float, /) -> Node:
        """Return the product."""
        return self.graph.multiply(self.graph.lift(other), self)

    def __truediv__(self, other: Node | float, /) -> Node:
        """Return the quotient."""
        return self.graph.divide(self, self.graph.lift(other))

    def __rtruediv__(self, other: float, /) -> Node:
        """Return the quotient."""
        return self.graph.divide(self.graph.lift(other), self)


class SymbolicAlgebra:
    """The algebra of formulas over nodes of one graph, each computation recorded once."""

    def __init__(self) -> None:
        self._nodes: dict[Hashable, Node] = {}

    def input(self, name: str) -> Node:
        """Return an input, >= 0, by its name."""
        return self._node(Operation.INPUT, (), name)

    def lift(self, value: Node | float) -> Node:
        """Return a plain number as a node."""
        return value if isinstance(value, Node) else self.number(value)

    def number(self, value: float) -> Node:
        """Return a plain number as a quantity."""
        return self._node(Operation.CONSTANT, (), float(value))

    def constant(self, value: Node) -> Node:
        """Return a quantity that no weight changes, ready for arithmetic with weights."""
        return value

    def unknown(self) -> Node:
        """Return a quantity of which nothing is known: the constant not-a-number."""
        return self.number(FLOATS.unknown())

    def add(self, one: Node, other: Node) -> Node:
        """Return the sum."""
        if one.number == 0.0:
            return other
        return one if other.number == 0.0 else self._computed(Operation.ADD, one, other)

    def subtract(self, one: Node, other: Node) -> Node:
        """Return the difference."""
        return one if other.number == 0.0 else self._computed(Operation.SUBTRACT, one, other)

    def multiply(self, one: Node, other: Node) -> Node:
        """Return the product."""
        numbers = one.number, other.number
        if None in numbers and 0.0 in numbers:
            return self.number(0.0)
        if one.number == 1.0:
            return other
        return one if other.number == 1.0 else self._computed(Operation.MULTIPLY, one, other)

    def divide(self, one: Node, other: Node) -> Node:
        """Return the quotient."""
        return one if other.number == 1.0 else self._computed(Operation.DIVIDE, one, other)

    def exp(self, exponent: Node) -> Node:
        """Return ``e`` to the power of ``exponent``."""
        return self._computed(Operation.EXP, exponent)

    def tanh(self, value: Node) -> Node:
        """Return the hyperbolic tangent."""
        return self._computed(Operation.TANH, value)

    def log1p(self, value: Node) -> Node:
        """Return ``log(1 + value)``."""
        return self._computed(Operation.LOG1P, value)

    def ceil(self, value: Node) -> Node:
        """Return the smallest whole number not below ``value``."""
        return self._computed(Operation.CEIL, value)

    def maximum(self, value: Node, floor: Node | float) -> Node:
        """Return the larger of both."""
        least = self.lift(floor)
        return value if value is least else self._computed(Operation.MAXIMUM, value, least)

    def power(self, base: Node, exponent: Node | float) -> Node:
        """Return ``base ** exponent`` for ``base >= 0``."""
        lifted = self.lift(exponent)
        return base if lifted.number == 1.0 else self._computed(Operation.POWER, base, lifted)

    def at_least(self, value: Node, threshold: float) -> Node:
        """Return 1 where ``value >= threshold`` and 0 elsewhere."""
        return self._computed(Operation.AT_LEAST, value, self.number(threshold))

    def select(self, flag: Node, then: Node, otherwise: Node) -> Node:
        """Return ``then`` where ``flag`` is 1, and ``otherwise`` where it is 0."""
        if flag.number is not None:
            return then if flag.number else otherwise
        if then is otherwise:
            return then
        return self._node(Operation.SELECT, (flag, then, otherwise))

    def staircase(self, value: Node, table: StepTable[Node]) -> Node:
        """Return the level of the last edge below ``value``, or 0."""
        if not len(table.edges):
            return self.number(0.0)
        steps: Steps = StepTable(tuple(table.edges), tuple(table.levels))
        return self._node(Operation.STAIRCASE, (value,), steps)

    def _computed(self, operation: Operation, *operands: Node) -> Node:
        """Return a node, or the constant it always is."""
        numbers = [operand.number for operand in operands]
        known = [number for number in numbers if number is not None]
        if len(known) == len(numbers):
            return self.number(FOLDING[operation](*known))
        return self._node(operation, operands)

    def _node(
        self,
        operation: Operation,
        operands: tuple[Node, ...],
        value: float | str | Steps | None = None,
    ) -> Node:
        """Return the only node of its kind."""
        told = repr(value) if isinstance(value, StepTable | float) else value
        key = (operation, *(id(operand) for operand in operands), told)
        if key not in self._nodes:
            self._nodes[key] = Node(self, operation, operands, value)
        return self._nodes[key]


def rules_of(algebra: RequestAlgebra[T]) -> dict[Operation, Callable[..., T]]:
    """Return how an algebra does each operation on operands; inputs and staircases have none.

    Args:
        algebra: Where the operands live.
    """
    return {
        Operation.ADD: lambda one, other: one + other,
        Operation.SUBTRACT: lambda one, other: one - other,
        Operation.MULTIPLY: lambda one, other: one * other,
        Operation.DIVIDE: lambda one, other: one / other,
        Operation.EXP: algebra.exp,
        Operation.TANH: algebra.tanh,
        Operation.LOG1P: algebra.log1p,
        Operation.CEIL: algebra.ceil,
        Operation.MAXIMUM: algebra.maximum,
        Operation.POWER: algebra.power,
        Operation.AT_LEAST: algebra.at_least,
        Operation.SELECT: algebra.select,
    }


FOLDING = rules_of(FLOATS)
"""How constants are computed while a formula is recorded."""


def in_order(outputs: Iterable[Node], given: Container[Node] = ()) -> tuple[Node, ...]:
    """Return every node that outputs need, once, each after its operands.

    Args:
        outputs: Nodes of one graph.
        given: Nodes that are known already, and so need no operands.
    """
    found: dict[Node, None] = {}
    waiting = [(node, False) for node in reversed(tuple(outputs))]
    while waiting:
        node, ready = waiting.pop()
        if ready or node in given:
            found[node] = None
        elif node not in found:
            waiting.append((node, True))
            waiting += [(operand, False) for operand in reversed(node.operands)]
    return tuple(found)
