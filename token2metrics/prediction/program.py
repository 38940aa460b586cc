"""What a model predicts as a program: the steps of a computation, and the names of its results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from token2metrics.algebra import RequestAlgebra, StepTable, T
from token2metrics.artifact.fitted import FittedModel
from token2metrics.intervals import DEFAULT_CONFIDENCE, Sides
from token2metrics.parallel import SINGLE
from token2metrics.prediction.quantities import (
    ANY_SIDES,
    INPUTS,
    QUANTITIES,
    Asked,
    request_quantities,
)
from token2metrics.symbolic import Node, Operation, SymbolicAlgebra, in_order, rules_of
from token2metrics.vocabulary import Phase

__all__ = ["INPUTS", "Program", "build_program", "evaluate"]


@dataclass(frozen=True, slots=True)
class Program:
    """A computation from token counts, floats that hold whole numbers, to named numbers.

    Attributes:
        outputs: The node of each result.
    """

    outputs: Mapping[str, Node]

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Every node that the results need, once, each after its operands."""
        return in_order(self.outputs.values())

    def depending_on_alone(self, name: str) -> tuple[Node, ...]:
        """Return what one input alone decides, as far as anything else needs it or is a result.

        Args:
            name: The input, which is the first of them where anything needs it.
        """
        nodes = self.nodes
        decided: dict[Node, bool] = {}
        for node in nodes:
            is_input = node.operation is Operation.INPUT
            decided[node] = node.value == name if is_input else all(map(decided.get, node.operands))
        needed = {one for node in nodes if not decided[node] for one in node.operands}
        needed |= set(self.outputs.values())
        return tuple(
            node
            for node in nodes
            if decided[node] and node in needed and node.operation is not Operation.CONSTANT
        )

    def evaluate(
        self,
        algebra: RequestAlgebra[T],
        inputs: Mapping[str, T],
        given: Mapping[Node, T] | None = None,
    ) -> dict[str, T]:
        """Carry the computation out in any algebra.

        Args:
            algebra: Where the inputs live.
            inputs: One quantity for each of ``INPUTS``.
            given: Nodes whose values are known already.

        Returns:
            The outputs by name.
        """
        values = evaluate(algebra, tuple(self.outputs.values()), inputs, given)
        return dict(zip(self.outputs, values, strict=True))


def evaluate(
    algebra: RequestAlgebra[T],
    wanted: Sequence[Node],
    inputs: Mapping[str, T],
    given: Mapping[Node, T] | None = None,
) -> list[T]:
    """Compute some nodes in any algebra.

    Args:
        algebra: Where the inputs live.
        wanted: Nodes of one graph.
        inputs: One quantity for each of ``INPUTS``.
        given: Nodes whose values are known already.

    Returns:
        Their values, in order.
    """
    rules, found = rules_of(algebra), dict(given or {})
    for node in in_order(wanted, found.copy()):
        match node.operation, node.value:
            case _ if node in found:
                continue
            case Operation.INPUT, str() as name:
                found[node] = inputs[name]
            case Operation.CONSTANT, float() as number:
                known = number == number
                found[node] = algebra.number(number) if known else algebra.unknown()
            case Operation.STAIRCASE, StepTable() as table:
                found[node] = algebra.staircase(found[node.operands[0]], table)
            case operation, _:
                found[node] = rules[operation](*(found[one] for one in node.operands))
    return [found[node] for node in wanted]


def build_program(
    model: FittedModel,
    names: Sequence[str] = QUANTITIES,
    confidence: float = DEFAULT_CONFIDENCE,
    parallel: int = SINGLE,
    sides: Mapping[Phase, Sides] = ANY_SIDES,
) -> Program:
    """Record what a model predicts.

    Args:
        model: The fitted model.
        names: Results, among ``QUANTITIES``; nothing else is computed.
        confidence: Of the intervals, 0.5 to 0.99.
        parallel: Answers generated at once.
        sides: On which side of the measured ranges of a phase the lengths are known to lie.
    """
    algebra = SymbolicAlgebra()
    prompt, answer = (algebra.input(name) for name in INPUTS)
    asked = Asked(prompt, answer, confidence, parallel, sides)
    found = request_quantities(algebra, model, asked)
    return Program({name: found[name] for name in names})
