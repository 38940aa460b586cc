"""A model as a Python function: what the formulas say, without the formulas."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from token2metrics.artifact.fitted import FittedModel
from token2metrics.intervals import DEFAULT_CONFIDENCE, Side
from token2metrics.parallel import SINGLE
from token2metrics.prediction.interpreted import Compiled, Numbers
from token2metrics.prediction.program import INPUTS, Program, build_program
from token2metrics.prediction.python_source import REQUIRED, python_function
from token2metrics.prediction.quantities import QUANTITIES
from token2metrics.vocabulary import FITTED_PHASES, MAX_TOKENS, Phase

MOST_PROMPTS = 8_192
"""Lengths of prompts that a compiled model remembers, in all its cases together: 4 MB."""

ANY_COUNT = (0.0, float(MAX_TOKENS))


def compile_model(
    model: FittedModel,
    names: Sequence[str] = QUANTITIES,
    confidence: float = DEFAULT_CONFIDENCE,
    parallel: int = SINGLE,
) -> Compiled:
    """Compile a model; the numbers are those of the formulas, to the last bit.

    Args:
        model: The fitted model.
        names: Wanted quantities, among ``QUANTITIES``; what is unknown is not a number.
        confidence: Of the intervals, 0.5 to 0.99.
        parallel: Answers generated at once.

    Returns:
        A function that does not check its arguments: whole numbers from 0 to ten million.
    """
    prefill, decode = (_measured(model, phase) for phase in FITTED_PHASES)
    cases = Cases(model, names, confidence, parallel, prefill, decode)
    return _function(cases.program(0, 0, 0), cases.tables, (prefill.within(decode), cases))


class Ranges(msgspec.Struct, frozen=True):
    """The measured token counts of a phase, ends included."""

    fewest_read: float
    most_read: float
    fewest_made: float
    most_made: float

    def within(self, other: Ranges) -> Ranges:
        """Return what both phases measured."""
        return Ranges(
            max(self.fewest_read, other.fewest_read),
            min(self.most_read, other.most_read),
            max(self.fewest_made, other.fewest_made),
            min(self.most_made, other.most_made),
        )

    @property
    def condition(self) -> str:
        """Whether a request lies within both, in Python."""
        prompt, answer = INPUTS
        return (
            f"{self.fewest_read!r} <= {prompt} <= {self.most_read!r}"
            f" and {self.fewest_made!r} <= {answer} <= {self.most_made!r}"
        )


SIDES = {-1: Side.BELOW, 0: Side.WITHIN, 1: Side.ABOVE}


@dataclass(slots=True)
class Cases:
    """Answers by a function for each case, made when it is first needed.

    Within the measured ranges bounds lie around the request itself, beyond one end of them only one
    bound looks elsewhere; where that is known, a price or two are saved.

    Attributes:
        model: The fitted model.
        names: Wanted quantities.
        confidence: Of the intervals.
        parallel: Answers generated at once.
        prefill: Measured ranges of the first phase.
        decode: Those of the second.
        tables: What each case remembers of prompts.
    """

    model: FittedModel
    names: Sequence[str]
    confidence: float
    parallel: int
    prefill: Ranges
    decode: Ranges
    tables: list[PromptTable] = field(default_factory=list)
    _functions: dict[tuple[int, int, int], Compiled] = field(default_factory=dict)

    def __call__(self, input_tokens: int, output_tokens: int) -> Numbers:
        """Return the wanted quantities of a request."""
        prefill, decode = self.prefill, self.decode
        case = (
            (input_tokens > prefill.most_read) - (input_tokens < prefill.fewest_read),
            (input_tokens > decode.most_read) - (input_tokens < decode.fewest_read),
            (output_tokens > decode.most_made) - (output_tokens < decode.fewest_made),
        )
        function = self._functions.get(case)
        if function is None:
            self._functions[case] = function = _function(self.program(*case), self.tables)
        return function(input_tokens, output_tokens)

    def program(self, read: int, read_before: int, made: int) -> Program:
        """Return the program of one case.

        Args:
            read: Where the prompt lies to prefill: -1 below, 0 within, 1 above its range.
            read_before: Where it lies to decode.
            made: Where the answer lies to decode.
        """
        sides = {
            Phase.PREFILL: (SIDES[read], Side.WITHIN),
            Phase.DECODE: (SIDES[read_before], SIDES[made]),
        }
        return build_program(self.model, self.names, self.confidence, self.parallel, sides)


class PromptTable(dict[int, Numbers]):
    """What a prompt alone decides, computed when a length is first met.

    Args:
        compute: Computes it.
        tables: Those that keep within bounds together; this one joins them.
    """

    def __init__(self, compute: Callable[[int], Numbers], tables: list[PromptTable]) -> None:
        super().__init__()
        self._compute = compute
        self._tables = tables
        tables.append(self)

    def __missing__(self, input_tokens: int) -> Numbers:
        """Compute what a length decides; the tables never grow beyond bounds."""
        if sum(map(len, self._tables)) >= MOST_PROMPTS:
            for table in self._tables:
                table.clear()
        self[input_tokens] = row = self._compute(input_tokens)
        return row


def _function(
    program: Program,
    tables: list[PromptTable],
    elsewhere: tuple[Ranges, Compiled] | None = None,
) -> Compiled:
    """Return the function of a program: a table of prompts, and what the answer adds.

    Args:
        program: What to compute.
        tables: What other cases remember of prompts.
        elsewhere: Ranges that the program is right for, and who answers beyond them.
    """
    prompt, answer = INPUTS
    decided = program.depending_on_alone(prompt)
    given = {node: f"p{number}" for number, node in enumerate(decided)}
    before = python_function("prompt_numbers", (prompt,), decided, (f"{prompt} = {prompt} + 0.0",))
    scope: dict[str, Any] = {}
    opening = []
    if elsewhere is not None:
        ranges, scope["elsewhere"] = elsewhere
        opening.append(f"if not ({ranges.condition}): return elsewhere({prompt}, {answer})")
    if given:
        opening.append(f"({', '.join(given.values())},) = prompts[{prompt}]")
    opening.append(f"{answer} = {answer} + 0.0")
    after = python_function("numbers", INPUTS, [*program.outputs.values()], opening, given)
    text = REQUIRED + before.tables + before.function + after.tables + after.function
    exec(compile(text, "<model>", "exec"), scope)
    scope["prompts"] = PromptTable(scope["prompt_numbers"], tables)
    function: Compiled = scope["numbers"]
    return function


def _measured(model: FittedModel, phase: Phase) -> Ranges:
    """Return the measured ranges of a phase; all counts where it has none, which is one case."""
    record = model.record.phases.get(phase)
    if record is None or record.hull is None:
        return Ranges(*ANY_COUNT, *ANY_COUNT)
    return Ranges(*record.hull.input_tokens, *(record.hull.output_tokens or ANY_COUNT))
