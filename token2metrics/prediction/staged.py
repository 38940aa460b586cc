"""Price a whole table step by step: every number that is needed twice becomes a column once.

Expressions of whole quantities repeat what they share, and Polars spends most of its time on that;
here each shared step of a program is a temporary column, so that a row costs what its steps cost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from token2metrics.algebra import StepTable
from token2metrics.prediction.polars_algebra import ALGEBRA
from token2metrics.prediction.program import Program
from token2metrics.prediction.quantities import EXTRAPOLATED
from token2metrics.symbolic import Node, Operation, in_order, rules_of

HIDDEN = "__token2metrics_"
"""Prefix of columns that exist only while a table is priced."""

STEP, PLACE, INDEX = f"{HIDDEN}step_", f"{HIDDEN}place", f"{HIDDEN}index_"

NOT_SEARCHED = pl.QueryOptFlags(comm_subexpr_elim=False)
"""Nothing is computed twice, so that there is no need to search for it."""


def _flag(value: pl.Expr, threshold: pl.Expr) -> pl.Expr:
    """Return 1 where a value is at least a threshold, else 0; a cast of truth costs five times."""
    return pl.when(value >= threshold).then(ALGEBRA.number(1.0)).otherwise(ALGEBRA.number(0.0))


RULES = rules_of(ALGEBRA) | {Operation.AT_LEAST: _flag}

Known = Mapping[Node, tuple[str, pl.Series]]
"""Numbers to look up: by which input, and the number at each of its values from 0."""

NOTHING: Known = {}


@dataclass(frozen=True, slots=True)
class Step:
    """A node as an expression over the columns of earlier stages.

    Attributes:
        expression: What it is.
        stage: How many stages have to be done before.
    """

    expression: pl.Expr
    stage: int


def with_program(
    table: pl.LazyFrame, program: Program, counts: Mapping[str, str], known: Known = NOTHING
) -> pl.LazyFrame:
    """Add the results of a program, and temporary columns, to a table.

    Args:
        table: The requests.
        program: What to compute.
        counts: The column of floats that holds each input.
        known: What need not be computed.
    """
    stages: dict[int, list[pl.Expr]] = {}
    found: dict[Node, Step] = {}
    nodes = in_order(program.outputs.values(), known)
    uses = Counter(one for node in nodes if node not in known for one in node.operands)
    uses.update(program.outputs.values())
    table = table.with_columns(_indices(known, counts))
    for place, node in enumerate(nodes):
        step = _looked_up(node, known) or _step(node, found, counts)
        if uses[node] > 1 and node.operands:
            name = f"{STEP}{place}"
            stages.setdefault(step.stage, []).append(step.expression.alias(name))
            step = Step(pl.col(name), step.stage + 1)
        found[node] = step
    for stage in sorted(stages):
        table = table.with_columns(stages[stage])
    results = {name: found[node].expression for name, node in program.outputs.items()}
    if EXTRAPOLATED in results:
        results[EXTRAPOLATED] = results[EXTRAPOLATED] == 1.0
    return table.with_columns(value.alias(name) for name, value in results.items())


def _indices(known: Known, counts: Mapping[str, str]) -> list[pl.Expr]:
    """Return the inputs that tables are looked up by, as whole numbers: once, not per look-up."""
    names = dict.fromkeys(name for name, _ in known.values())
    return [pl.col(counts[name]).cast(pl.UInt32).alias(f"{INDEX}{name}") for name in names]


def _looked_up(node: Node, known: Known) -> Step | None:
    """Return a number from its table; None where it has to be computed."""
    if node not in known:
        return None
    name, numbers = known[node]
    return Step(pl.lit(numbers).gather(pl.col(f"{INDEX}{name}")), 0)


def _step(node: Node, found: Mapping[Node, Step], counts: Mapping[str, str]) -> Step:
    """Return a node as an expression over what its operands are."""
    operands = [found[operand] for operand in node.operands]
    stage = max((operand.stage for operand in operands), default=0)
    match node.operation, node.value:
        case Operation.INPUT, str() as name:
            return Step(pl.col(counts[name]), stage)
        case Operation.CONSTANT, float() as number:
            known = number == number
            return Step(ALGEBRA.number(number) if known else ALGEBRA.unknown(), stage)
        case Operation.STAIRCASE, StepTable() as steps:
            return Step(ALGEBRA.staircase(operands[0].expression, steps), stage)
        case operation, _:
            return Step(RULES[operation](*(one.expression for one in operands)), stage)


def with_programs(
    table: pl.LazyFrame,
    programs: Sequence[Program],
    answering: str,
    counts: Mapping[str, str],
    known: Sequence[Known] = (),
) -> pl.LazyFrame:
    """Add the results of the program that answers to each row; all have the same results.

    Each piece of the table is split by program, so that a row is computed by its own alone.

    Args:
        table: The requests.
        programs: One for each model.
        answering: Column with the place of a row's program.
        counts: The column of floats that holds each input.
        known: What need not be computed, for each program; none where everything is.
    """
    looked_up = known or [NOTHING] * len(programs)
    if len(programs) == 1:
        return with_program(table, programs[0], counts, looked_up[0])
    schema = table.collect_schema()
    names = list(programs[0].outputs)

    def priced(piece: pl.DataFrame) -> pl.DataFrame:
        parts = piece.with_row_index(PLACE).partition_by(answering, as_dict=True)
        done = [
            with_program(part.lazy(), programs[place], counts, looked_up[place])
            .select(*piece.columns, *names, PLACE)
            .collect(optimizations=NOT_SEARCHED)
            for (place, *_), part in parts.items()
        ]
        return pl.concat(done).sort(PLACE).drop(PLACE) if done else empty

    added = {name: pl.Boolean() if name == EXTRAPOLATED else pl.Float64() for name in names}
    empty = pl.DataFrame(schema={**schema, **added})
    return table.map_batches(priced, schema={**schema, **added}, streamable=True)
