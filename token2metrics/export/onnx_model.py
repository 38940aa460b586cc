"""An ONNX graph in double precision: lengths of ``N`` requests in, ``N`` of each quantity out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from token2metrics.algebra import SQUARE_ROOT, StepTable
from token2metrics.export.metadata import headline, metadata_of
from token2metrics.export.target import Bundle, Target
from token2metrics.prediction.program import INPUTS, Program
from token2metrics.symbolic import Node, Operation, Steps
from token2metrics.vocabulary import MAX_TOKENS

OPSET = 18
"""Operators of ONNX 1.13: every ONNX Runtime since 1.14 has them."""

INTERMEDIATE_VERSION = 8
"""Of the file format, as ONNX 1.13 wrote it."""

REQUESTS = "N"
METADATA = "token2metrics"
BETWEEN_NAMES = "/"

OPERATORS = {
    Operation.ADD: "Add",
    Operation.SUBTRACT: "Sub",
    Operation.MULTIPLY: "Mul",
    Operation.DIVIDE: "Div",
    Operation.EXP: "Exp",
    Operation.TANH: "Tanh",
    Operation.CEIL: "Ceil",
    Operation.POWER: "Pow",
}

NEUTRAL = {
    Operation.ADD: 0.0,
    Operation.SUBTRACT: 0.0,
    Operation.MULTIPLY: 1.0,
    Operation.DIVIDE: 1.0,
}
"""Constants that change nothing."""

NEAR = {0.0: 1e-44, 1.0: 1e-7}
"""All that single precision rounds to them lies nearer, and some more."""


class OnnxModel(Target):
    """Writes the graph."""

    def encode(self, bundle: Bundle) -> bytes:
        """Return the content of the file."""
        graph = Graph()
        outputs = []
        for one in bundle.models:
            stem = output_stem(bundle, one.identifier)
            for quantity, name in graph.program(one.program).items():
                outputs.append(f"{stem}{quantity}")
                graph.answer(name, outputs[-1])
        model = helper.make_model(
            helper.make_graph(
                graph.nodes,
                METADATA,
                [_vector(name) for name in INPUTS],
                [_vector(name) for name in outputs],
                initializer=graph.used_constants(),
            ),
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=INTERMEDIATE_VERSION,
            producer_name=METADATA,
            producer_version=bundle.provenance.token2metrics,
            doc_string=" ".join(headline(bundle)),
        )
        told = msgspec.json.encode(metadata_of(bundle)).decode()
        helper.set_model_props(model, {METADATA: told})
        onnx.checker.check_model(model, full_check=True)
        content: bytes = model.SerializeToString(deterministic=True)
        return content

    def usage(self, bundle: Bundle, path: Path) -> tuple[str, ...]:
        """Return lines of Python with ONNX Runtime."""
        stem = output_stem(bundle, bundle.models[0].identifier)
        lengths = '{"input_tokens": np.array([512.0]), "output_tokens": np.array([128.0])}'
        return (
            f'session = onnxruntime.InferenceSession("{path.name}")',
            f'session.run(["{stem}{bundle.example}"], {lengths})',
        )


def output_stem(bundle: Bundle, identifier: str) -> str:
    """Return what outputs of a model begin with: nothing where it is the only one."""
    return "" if len(bundle.models) == 1 else f"{identifier}{BETWEEN_NAMES}"


@dataclass(slots=True)
class Graph:
    """Steps and constants of a graph that is being written.

    Attributes:
        nodes: Steps so far.
        constants: Constants so far, each once.
    """

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)
    _names: dict[tuple[str, tuple[int, ...], bytes], str] = field(default_factory=dict)
    _asked: str = ""

    def step(self, operator: str, *operands: str, to: int | None = None) -> str:
        """Add a step and return the name of what it gives.

        Args:
            operator: Of ONNX.
            operands: Names.
            to: Element type of a cast.
        """
        name = f"t{len(self.nodes)}"
        attributes = {} if to is None else {"to": to}
        self.nodes.append(
            helper.make_node(operator, list(operands), [name], None, None, None, None, **attributes)
        )
        return name

    def number(self, value: float | Sequence[float]) -> str:
        """Return the name of a constant of doubles."""
        return self._constant(np.array(value, dtype=np.float64))

    def whole(self, value: int) -> str:
        """Return the name of a whole number."""
        return self._constant(np.array(value, dtype=np.int64))

    def used_constants(self) -> list[onnx.TensorProto]:
        """Return the constants that a step reads."""
        read = {name for node in self.nodes for name in node.input}
        return [constant for constant in self.constants if constant.name in read]

    def answer(self, name: str, output: str) -> None:
        """Add an output: what is asked for, not a number where a request is none."""
        asked = self._asked or self._lawful()
        self.nodes.append(helper.make_node("Where", [asked, name, self.number(math.nan)], [output]))

    def program(self, program: Program) -> dict[str, str]:
        """Add what a model computes and return the names of its quantities."""
        told: dict[Node, str] = {}
        for node in program.nodes:
            operands = [told[one] for one in node.operands]
            match node.operation, node.value:
                case Operation.INPUT, str() as name:
                    told[node] = name
                case Operation.CONSTANT, float() as number:
                    told[node] = self.number(number)
                case Operation.STAIRCASE, StepTable() as steps:
                    told[node] = self._staircase(operands[0], steps)
                case _:
                    told[node] = self._computed(node, operands)
        return {name: told[node] for name, node in program.outputs.items()}

    def _computed(self, node: Node, operands: Sequence[str]) -> str:
        """Add what a node computes."""
        special: dict[Operation, Callable[..., str]] = {
            Operation.MAXIMUM: self._maximum,
            Operation.AT_LEAST: self._at_least,
            Operation.SELECT: self._select,
            Operation.LOG1P: self._log1p,
        }
        if node.operation in special:
            return special[node.operation](*operands)
        if node.operation is Operation.POWER and node.operands[1].number == SQUARE_ROOT:
            return self.step("Sqrt", operands[0])
        neutral = NEUTRAL.get(node.operation)
        kept = [
            self._kept(one.number, name, neutral)
            for one, name in zip(node.operands, operands, strict=True)
        ]
        return self.step(OPERATORS[node.operation], *kept)

    def _kept(self, number: float | None, name: str, neutral: float | None) -> str:
        """Return an operand that no optimiser takes for neutral.

        ONNX Runtime rounds constants to single precision before it drops ``x + 0`` and ``x * 1``,
        and so would drop ``x + 1e-300`` too; a vector of constants it leaves alone.
        """
        if number is None or neutral is None or not 0.0 < abs(number - neutral) < NEAR[neutral]:
            return name
        nothing = self.step("Mul", INPUTS[0], self.number(0.0))
        one = self.step("Add", nothing, self.number(1.0))
        if neutral:
            return self.step("Add", one, self.number(number - neutral))
        return self.step("Mul", one, self.number(number))

    def _maximum(self, value: str, floor: str) -> str:
        """Return the larger of both, and the floor of what is unknown."""
        return self.step("Where", self.step("GreaterOrEqual", value, floor), value, floor)

    def _at_least(self, value: str, threshold: str) -> str:
        """Return 1 where a value reaches a threshold, else 0."""
        test = self.step("GreaterOrEqual", value, threshold)
        return self.step("Cast", test, to=TensorProto.DOUBLE)

    def _select(self, flag: str, then: str, otherwise: str) -> str:
        """Return one of two values."""
        return self.step("Where", self.step("Cast", flag, to=TensorProto.BOOL), then, otherwise)

    def _log1p(self, value: str) -> str:
        """Return ``log(1 + x)`` as ``log(s) x / (s - 1)`` with ``s = 1 + x``, exact for small x."""
        one = self.number(1.0)
        more = self.step("Add", value, one)
        gained = self.step("Sub", more, one)
        nothing = self.step("Equal", gained, self.number(0.0))
        divisor = self.step("Where", nothing, one, gained)
        logarithm = self.step("Div", self.step("Mul", self.step("Log", more), value), divisor)
        return self.step("Where", nothing, value, logarithm)

    def _staircase(self, value: str, steps: Steps) -> str:
        """Return the level of the last edge below a value, found by halving."""
        rounds = len(steps.edges).bit_length()
        beyond = 2**rounds - 1 - len(steps.edges)
        edges = self.number([*steps.edges, *[math.inf] * beyond])
        levels = self.number([0.0, *steps.levels, *[float(steps.levels[-1])] * beyond])
        passed = self.step("Cast", self.step("Mul", value, self.number(0.0)), to=TensorProto.INT64)
        for place in reversed(range(rounds)):
            stride = 2**place
            probe = self.step("Add", passed, self.whole(stride - 1))
            below = self.step("Less", self.step("Gather", edges, probe), value)
            stepped = self.step("Cast", below, to=TensorProto.INT64)
            passed = self.step("Add", passed, self.step("Mul", stepped, self.whole(stride)))
        return self.step("Gather", levels, passed)

    def _lawful(self) -> str:
        """Return where both lengths are token counts."""
        tests = []
        for name in INPUTS:
            tests.append(self.step("GreaterOrEqual", name, self.number(0.0)))
            tests.append(self.step("LessOrEqual", name, self.number(float(MAX_TOKENS))))
            tests.append(self.step("Equal", name, self.step("Floor", name)))
        whole, *others = tests
        for test in others:
            whole = self.step("And", whole, test)
        self._asked = whole
        return whole

    def _constant(self, value: np.ndarray) -> str:
        """Return the name of a constant, the same for equal ones."""
        key = (str(value.dtype), value.shape, value.tobytes())
        if key not in self._names:
            self._names[key] = f"c{len(self._names)}"
            self.constants.append(numpy_helper.from_array(value, self._names[key]))
        return self._names[key]


def _vector(name: str) -> onnx.ValueInfoProto:
    """Describe a vector of doubles, one per request."""
    return helper.make_tensor_value_info(name, TensorProto.DOUBLE, [REQUESTS])
