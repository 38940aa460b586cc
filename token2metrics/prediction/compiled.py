"""A model as a Python function: what the formulas say, without the formulas."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from token2metrics.algebra import FloatAlgebra
from token2metrics.artifact.fitted import FittedModel
from token2metrics.artifact.manifest import Hull
from token2metrics.intervals import DEFAULT_CONFIDENCE
from token2metrics.parallel import SINGLE
from token2metrics.prediction.program import INPUTS, Program, build_program
from token2metrics.prediction.python_source import INDENT, REQUIRED, python_function
from token2metrics.prediction.quantities import QUANTITIES, Asked, request_quantities
from token2metrics.vocabulary import FITTED_PHASES, MAX_TOKENS

Numbers = tuple[float, ...]
Compiled = Callable[[int, int], Numbers]
"""From input and output tokens to the wanted quantities, in their order."""

ALGEBRA = FloatAlgebra()

COMPILED_AFTER = 32
"""A model is compiled in the time that this many requests take by its formulas."""

MOST_PROMPTS = 16_384
"""Lengths of prompts that are remembered: about 4 MB."""

EVERYTHING = (0.0, float(MAX_TOKENS))
NOTHING = (1.0, 0.0)
"""A range that holds no count."""


@dataclass(slots=True)
class Interpreted:
    """The formulas themselves, evaluated one by one: right for the first requests.

    Attributes:
        model: The fitted model.
        confidence: Of the intervals.
        parallel: Answers generated at once.
        asked: How many requests were priced.
    """

    model: FittedModel
    confidence: float
    parallel: int
    asked: int = 0

    @property
    def worn(self) -> bool:
        """Whether a compiled model would have paid by now."""
        return self.asked >= COMPILED_AFTER

    def __call__(self, input_tokens: int, output_tokens: int) -> Numbers:
        """Return all quantities of a request."""
        self.asked += 1
        counts = float(input_tokens), float(output_tokens)
        asked = Asked(*counts, self.confidence, self.parallel)
        return tuple(request_quantities(ALGEBRA, self.model, asked).values())


def compile_model(
    model: FittedModel,
    names: Sequence[str] = QUANTITIES,
    confidence: float = DEFAULT_CONFIDENCE,
    parallel: int = SINGLE,
) -> Compiled:
    """Compile a model; the numbers are those of the formulas, to the last bit.

    Within the measured range of a phase its bounds lie around the request itself, which saves
    two prices; so there is a function for each case, made when it is first needed.

    Args:
        model: The fitted model.
        names: Wanted quantities, among ``QUANTITIES``; what is unknown is not a number.
        confidence: Of the intervals, 0.5 to 0.99.
        parallel: Answers generated at once.

    Returns:
        A function that does not check its arguments: whole numbers from 0 to ten million.
    """
    prefill, decode = (
        model.record.phases[phase].hull if phase in model.record.phases else None
        for phase in FITTED_PHASES
    )
    (fewest, most), _ = _ranges(prefill)
    (fewest_read, most_read), (fewest_made, most_made) = _ranges(decode)
    cases: list[Compiled] = []

    def compute(input_tokens: int, output_tokens: int) -> Numbers:
        read = fewest <= input_tokens <= most
        made = (
            fewest_read <= input_tokens <= most_read and fewest_made <= output_tokens <= most_made
        )
        return cases[read + made + made](input_tokens, output_tokens)

    def first(case: int, input_tokens: int, output_tokens: int) -> Numbers:
        measured = [phase for place, phase in enumerate(FITTED_PHASES) if case >> place & 1]
        program = build_program(model, names, confidence, parallel, measured)
        cases[case] = _function(program)
        return cases[case](input_tokens, output_tokens)

    cases += [partial(first, case) for case in range(1 << len(FITTED_PHASES))]
    if prefill is None or decode is None:
        return compute
    within = (
        (max(fewest, fewest_read), min(most, most_read)),
        (fewest_made, most_made),
    )
    program = build_program(model, names, confidence, parallel, FITTED_PHASES)
    return _function(program, Elsewhere(within, compute))


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Who answers outside some ranges of token counts.

    Attributes:
        within: The ranges, ends included, in the order of ``INPUTS``.
        answer: What answers beyond them.
    """

    within: tuple[tuple[float, float], ...]
    answer: Compiled

    @property
    def statements(self) -> tuple[str, str]:
        """What a function begins with to hand such requests over."""
        ranges = zip(self.within, INPUTS, strict=True)
        inside = " and ".join(
            f"{least!r} <= {count} <= {most!r}" for (least, most), count in ranges
        )
        return f"if not ({inside}):", f"{INDENT}return elsewhere({', '.join(INPUTS)})"


class PromptTable(dict[int, Numbers]):
    """What a prompt alone decides, computed when a length is first met."""

    def __init__(self, compute: Callable[[int], Numbers]) -> None:
        super().__init__()
        self._compute = compute

    def __missing__(self, input_tokens: int) -> Numbers:
        """Compute what a length decides; the table never grows beyond bounds."""
        if len(self) >= MOST_PROMPTS:
            self.clear()
        self[input_tokens] = row = self._compute(input_tokens)
        return row


def _function(program: Program, elsewhere: Elsewhere | None = None) -> Compiled:
    """Return the function of a program: a table of prompts, and what the answer adds."""
    prompt, answer = INPUTS
    decided = program.depending_on_alone(prompt)
    given = {node: f"p{number}" for number, node in enumerate(decided)}
    before = python_function("prompt_numbers", (prompt,), decided, (f"{prompt} = {prompt} + 0.0",))
    opening = [*elsewhere.statements] if elsewhere else []
    if given:
        opening.append(f"({', '.join(given.values())},) = prompts[{prompt}]")
    opening.append(f"{answer} = {answer} + 0.0")
    wanted = tuple(program.outputs.values())
    after = python_function("numbers", INPUTS, wanted, opening, given)
    scope: dict[str, Any] = {"elsewhere": elsewhere.answer if elsewhere else None}
    text = REQUIRED + before.tables + before.function + after.tables + after.function
    exec(compile(text, "<model>", "exec"), scope)
    scope["prompts"] = PromptTable(scope["prompt_numbers"])
    function: Compiled = scope["numbers"]
    return function


def _ranges(hull: Hull | None) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the measured ranges of prompts and answers."""
    if hull is None:
        return NOTHING, NOTHING
    return hull.input_tokens, hull.output_tokens or EVERYTHING
