"""Whether plans keep their limit: ``python benchmarks/plan_limits.py --data FOLDER [--json FILE]``.

Caps are planned from ten random MMLU requests of a model, for a probability of 95 %, and judged on
all the other requests, in three ways:

- *within the cap*: for a limit of 5 s, requests whose own answer is no longer than the cap for
  their prompt. Most are far shorter, so this is easy;
- *cut at the cap*: for a limit of 5 s, requests whose answer is longer, by a quarter at most, as
  if cut there: measured prefill, and the share of the measured decode that the steps up to the
  cap are (a trifle too much, since later steps attend to more; of much longer answers too much);
- *at its own limit*: each request under the limit for which its own answer is the longest
  allowed. Every request lies on the edge of its plan, and its measured latency is what it was.

It also times one plan, one frontier and one look-up of it.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated

import numpy as np
import polars as pl
import typer
from rich.console import Console
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.accuracy import ONE_THREAD, WORKERS, start_worker
from benchmarks.contenders import Ours
from benchmarks.datasets import SHORT_NAMES, as_phase_rows, requests_of
from benchmarks.protocol import (
    PERCENT,
    Bound,
    Figure,
    Row,
    Target,
    column,
    combined,
    drawn,
    experiment_of,
    mean,
    prepared,
    shipped_experiments,
    summarised,
)
from benchmarks.tables import print_rows, write_tables
from benchmarks.tasks.calibrated import other_models
from benchmarks.work import Effort, chunks
from token2metrics.bench.contender import Known
from token2metrics.planning.answerable import bounds_for
from token2metrics.planning.frontier import Frontier
from token2metrics.planning.limits import Demand, Limits
from token2metrics.planning.plan import longest_answer
from token2metrics.prediction.model_predictor import ModelPredictor

TASK = "plan"
REQUESTS = 10
LIMIT_S = 5.0
PROBABILITY = 0.95
LEAST_KEPT_PERCENT = 93.0
CONTEXT_TOKENS = 8_192
"""More than any prompt and answer of the data together."""

EFFORT = Effort(full=100, quick=3)
MOST_CUT_SHARE = 1.25
"""How much longer than its cap an answer is at most that is judged as if cut there."""

TESTED_EDGES = 300
"""Most requests per draw that are judged at their own limit, drawn at random."""

TIMED_MODEL = "dsr1-qwen-1.5b"
TIMED_PROMPT = 400
TIMED_PLANS, TIMED_LOOKUPS = 50, 100_000
MILLISECONDS, MICROSECONDS = 1e3, 1e6

SIBLINGS = "other models known"
ALONE = "nothing else known"
WITHIN = f"within the cap for {LIMIT_S:g} s: kept %"
CUT = f"cut at the cap for {LIMIT_S:g} s: kept %"
EDGE = "at its own limit: kept %"
CUT_REQUESTS, WITHIN_REQUESTS = "requests cut at the cap", "requests within the cap"
PROTOCOL = (
    "10 random MMLU requests of the model known, with or without all requests of the other two; "
    "tested on all its other requests, at their own limits on 300 of them; means over {draws} "
    "draws of the shares, probability 0.95"
)
TIMES_PROTOCOL = (
    "1.5B, one draw, one process, a limit of 5 s, prompt of 400 tokens; frontier over a context of "
    "8,192 tokens"
)


@dataclass(frozen=True, slots=True)
class Work:
    """Some draws of one model.

    Attributes:
        folder: The public measurements.
        model: Model id.
        known: What is known beside its ten requests.
        draws: Seeds.
    """

    folder: Path
    model: str
    known: str
    draws: tuple[int, ...]


def fitted(work: Work, draw: int) -> tuple[ModelPredictor, pl.DataFrame]:
    """Train on the drawn requests; return the predictor and the requests left over."""
    requests = requests_of(work.folder, work.model)
    chosen, rest = drawn(len(requests), REQUESTS, draw)
    own = prepared(as_phase_rows(requests.filter(chosen)))
    data = own if work.known == ALONE else combined(other_models(work.folder, work.model), own)
    known = Known(data, experiment_of(work.model), shipped_experiments())
    return Ours().fit(known).predictor, requests.filter(rest)


def judged(work: Work) -> list[Figure]:
    """Plan and judge every draw of a piece of work."""
    figures = []
    for draw in work.draws:
        predictor, test = fitted(work, draw)
        name = f"{SHORT_NAMES[work.model]}, {work.known}"
        shares = {**_under_one_limit(predictor, test), **_at_own_limits(predictor, test, draw)}
        figures += [Figure(TASK, name, statistic, value) for statistic, value in shares.items()]
    return figures


def _under_one_limit(predictor: ModelPredictor, test: pl.DataFrame) -> dict[str, float]:
    """Return the shares of requests within and cut at their caps that keep 5 s."""
    frontier = Frontier.of(predictor, _demand(LIMIT_S))
    caps = np.array([frontier.longest_answer(prompt) for prompt in test["input_tokens"]])
    answers = column(test, "output_tokens")
    steps_kept = np.minimum(1.0, (caps - 1.0) / np.maximum(answers - 1.0, 1.0))
    taken_s = column(test, "prefill_latency_s") + steps_kept * column(test, "decode_latency_s")
    kept, within = taken_s <= LIMIT_S, answers <= caps
    cut = ~within & (answers <= MOST_CUT_SHARE * caps)
    shares = {WITHIN_REQUESTS: float(within.sum()), CUT_REQUESTS: float(cut.sum())}
    if within.any():
        shares[WITHIN] = PERCENT * float(kept[within].mean())
    if cut.any():
        shares[CUT] = PERCENT * float(kept[cut].mean())
    return shares


def _at_own_limits(predictor: ModelPredictor, test: pl.DataFrame, draw: int) -> dict[str, float]:
    """Return the share of requests that keep the limit for which their answer is the cap."""
    sampled, _ = drawn(len(test), min(TESTED_EDGES, len(test)), draw)
    tested = test.filter(sampled)
    bounds = bounds_for(predictor.model, _demand(LIMIT_S))
    taken_s = column(tested, "prefill_latency_s") + column(tested, "decode_latency_s")
    lengths = list(zip(tested["input_tokens"], tested["output_tokens"], strict=True))
    limits_s = np.array([bounds(*length).latency_s for length in lengths])
    prompt, answer = lengths[0]
    plan = longest_answer(predictor, prompt, _demand(float(limits_s[0])))
    if plan.output_tokens != answer:
        raise ValueError(f"expected a cap of {answer} tokens, got {plan.output_tokens}")
    return {EDGE: PERCENT * float((taken_s <= limits_s).mean())}


def _demand(limit_s: float) -> Demand:
    """Ask for a latency."""
    return Demand(Limits(latency_s=limit_s), PROBABILITY, context_tokens=CONTEXT_TOKENS)


def works(folder: Path, draws: range) -> Iterator[Work]:
    """Yield all pieces of work."""
    for model in SHORT_NAMES:
        for known in (SIBLINGS, ALONE):
            for seeds in chunks(draws):
                yield Work(folder, model, known, seeds)


def targets() -> dict[tuple[str, str], tuple[Target, ...]]:
    """Return what the shares have to reach."""
    return {
        (f"{name}, {known}", statistic): (Target(LEAST_KEPT_PERCENT, Bound.AT_LEAST),)
        for name in SHORT_NAMES.values()
        for known in (SIBLINGS, ALONE)
        for statistic in (WITHIN, CUT, EDGE)
    }


def times(folder: Path) -> list[Row]:
    """Time one plan, one frontier and one look-up."""
    predictor, _ = fitted(Work(folder, TIMED_MODEL, SIBLINGS, (0,)), 0)
    demand = _demand(LIMIT_S)
    frontier = Frontier.of(predictor, demand)
    figures = {
        "one longest answer, ms": MILLISECONDS
        * _seconds(lambda: longest_answer(predictor, TIMED_PROMPT, demand), TIMED_PLANS),
        "one frontier, ms": MILLISECONDS * _seconds(lambda: Frontier.of(predictor, demand), 1),
        "one look-up of a frontier, µs": MICROSECONDS
        * _seconds(lambda: frontier.longest_answer(TIMED_PROMPT), TIMED_LOOKUPS),
    }
    return [
        Row(TASK, SHORT_NAMES[TIMED_MODEL], statistic, value, None, None, None, TIMES_PROTOCOL)
        for statistic, value in figures.items()
    ]


def _seconds(work: Callable[[], object], times: int) -> float:
    """Return the mean time of some work."""
    start = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - start) / times


def main(
    data: Annotated[Path, typer.Option(help="Folder of the public measurements.")],
    json: Annotated[Path | None, typer.Option(help="Write the table here too.")] = None,
    quick: Annotated[bool, typer.Option(help="Fewer draws.")] = False,
    workers: Annotated[int, typer.Option(help="Processes.", min=1)] = WORKERS,
) -> None:
    """Plan, judge on held-out requests, and print target, value and whether it holds."""
    if not (data / "edgereasoning").is_dir():
        raise typer.BadParameter(f"expected the folder edgereasoning in {data}")
    os.environ.update(ONE_THREAD)
    draws = EFFORT.draws(quick)
    context = get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=start_worker) as pool:
        asked = list(works(data.resolve(), draws))
        found = pool.map(judged, asked)
        parts = list(track(found, "planning", len(asked), console=Console(stderr=True)))
    figures = [figure for part in parts for figure in part]
    rows = summarised(figures, mean, PROTOCOL.format(draws=len(draws)), targets())
    rows += times(data.resolve())
    print_rows(rows, Console())
    if json is not None:
        write_tables(rows, [], json)
    if any(row.holds is False for row in rows):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
