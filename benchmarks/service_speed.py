"""Single predictions in a second on one core, and how long the slowest of a hundred takes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np

from benchmarks.process_tree import processor_s
from benchmarks.protocol import Bound, Row, Target, judged_rows
from benchmarks.request_lengths import described, request_lengths
from benchmarks.served import CLIENT_CORE, Served, on_core, running, serving
from benchmarks.service_rivals import FRAMEWORK, PATH, READY
from benchmarks.trained import ROOT
from benchmarks.wrk import MICROSECONDS, Load, Shooter, shoot, write_bodies
from token2metrics.client import Client
from token2metrics.prediction.money import prices_on
from token2metrics.prediction.predictor import Predictor
from token2metrics.prediction.result import Prediction

TASK = "service"
OURS = "serve"
LEAST_PER_S, MOST_P99_MS = 5_000.0, 10.0
NO_ERROR = Target(0.0)
BODIES = 5_000
CHECKED = 200
CONNECTIONS = 16
WARM_UP = Shooter(CONNECTIONS, 1)
RIVALS_PROGRAM = ROOT / "benchmarks" / "service_rivals.py"


@dataclass(frozen=True, slots=True)
class Round:
    """One turn of one contender.

    Attributes:
        load: What ``wrk`` saw.
        processor_s: Processor time of the server meanwhile.
    """

    load: Load
    processor_s: float

    @property
    def processor_us(self) -> float:
        """Processor time of the server for one answer, in microseconds."""
        return self.processor_s / max(self.load.requests, 1) * MICROSECONDS


def speed_rows(artifact: Path, model: str, seconds: int, rounds: int) -> list[Row]:
    """Load the service, its limit and a rival in turns, and judge the service.

    Args:
        artifact: A trained artifact.
        model: Who is asked.
        seconds: Length of a turn.
        rounds: Turns of each.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        requests = bodies(model, BODIES)
        sent = write_bodies(place / "requests.jsonl", requests)
        with contenders(artifact, model, place) as servers:
            differing = answers_that_differ(servers[OURS].address, artifact, requests[:CHECKED])
            found = turns(servers, sent, Shooter(CONNECTIONS, seconds), rounds)
            differing += answers_that_differ(servers[OURS].address, artifact, requests[-CHECKED:])
    protocol = (
        f"wrk on loopback, {CONNECTIONS} connections kept open, the server's one worker on a core "
        f"and wrk on another, {described(None)}; medians of {rounds} interleaved rounds of "
        f"{seconds} s; {2 * CHECKED} answers compared with predict's"
    )
    wrong = judged_rows(TASK, OURS, "answers unlike predict's", differing, [NO_ERROR], protocol)
    return judged(found, protocol) + wrong


class Asked(TypedDict):
    """A request as the service takes it."""

    model: str
    input_tokens: int
    output_tokens: int


def bodies(model: str, count: int) -> list[Asked]:
    """Return requests of differing lengths."""
    pairs = zip(*(each.tolist() for each in request_lengths(count, None)), strict=True)
    return [Asked(model=model, input_tokens=i, output_tokens=o) for i, o in pairs]


@contextmanager
def contenders(artifact: Path, model: str, place: Path) -> Iterator[Mapping[str, Served]]:
    """Run everyone who is compared while the block runs.

    Args:
        artifact: A trained artifact.
        model: Whose answer lies ready.
        place: Where logs go.
    """
    with ExitStack() as stack:
        servers = {OURS: stack.enter_context(serving(artifact, place / "serve.log"))}
        for number, name in enumerate((READY, FRAMEWORK)):
            command = [str(RIVALS_PROGRAM), name, str(artifact), "--model", model]
            log = place / f"rival_{number}.log"
            servers[name] = stack.enter_context(running(command, log))
        yield servers


def turns(
    servers: Mapping[str, Served], sent: Path, shooter: Shooter, rounds: int
) -> dict[str, list[Round]]:
    """Load each server once per round, after a second that does not count.

    Args:
        servers: Who is compared.
        sent: The requests, one a line.
        shooter: How they are loaded.
        rounds: Turns of each.
    """
    found: dict[str, list[Round]] = {name: [] for name in servers}
    for served in servers.values():
        turn(served, sent, WARM_UP)
    for _ in range(rounds):
        for name, served in servers.items():
            found[name].append(turn(served, sent, shooter))
    return found


def turn(served: Served, sent: Path, shooter: Shooter) -> Round:
    """Load one server."""
    before_s = processor_s(served.process.pid)
    with on_core(CLIENT_CORE):
        load = shoot(shooter, f"{served.address}{PATH}", sent)
    return Round(load, processor_s(served.process.pid) - before_s)


def answers_that_differ(address: str, artifact: Path, requests: Sequence[Asked]) -> int:
    """Count the answers that are not what ``predict`` says, to the last bit."""
    predictor = Predictor.load(artifact)
    with Client(address) as client:
        return sum(client.predict(**each) != expected(predictor, each) for each in requests)


def expected(predictor: Predictor, request: Asked) -> Prediction:
    """Return what ``predict`` says of a request, with its default prices."""
    one = predictor.select(request["model"])
    prices = prices_on(one.model.record.hardware)
    return one(request["input_tokens"], request["output_tokens"], prices)


def judged(found: Mapping[str, Sequence[Round]], protocol: str) -> list[Row]:
    """Judge predictions in a second, latencies and errors; beside them the limit and the rival.

    Args:
        found: Rounds by contender.
        protocol: How they were measured.
    """
    rows: list[Row] = []
    for name, rounds in found.items():
        targets = TARGETS if name == OURS else {}
        for statistic, value in figures(rounds).items():
            rows += judged_rows(TASK, name, statistic, value, targets.get(statistic, ()), protocol)
    for name in (READY, FRAMEWORK):
        ratios = [
            ours.load.requests_per_s / other.load.requests_per_s
            for ours, other in zip(found[OURS], found[name], strict=True)
        ]
        words = f"times the predictions/s of {name}"
        rows += judged_rows(TASK, OURS, words, float(np.median(ratios)), [], protocol)
    return rows


PER_S, P99, ERRORS = "predictions/s", "p99 ms", "errors"
TARGETS = {
    PER_S: [Target(LEAST_PER_S, Bound.AT_LEAST)],
    P99: [Target(MOST_P99_MS)],
    ERRORS: [NO_ERROR],
}
"""What the service has to reach."""


def figures(rounds: Sequence[Round]) -> dict[str, float]:
    """Return what is told of a contender: medians over its rounds, and all of its errors."""
    loads = [one.load for one in rounds]
    return {
        PER_S: float(np.median([load.requests_per_s for load in loads])),
        "p50 ms": float(np.median([load.p50_ms for load in loads])),
        P99: float(np.median([load.p99_ms for load in loads])),
        "server's processor us per prediction": float(
            np.median([one.processor_us for one in rounds])
        ),
        ERRORS: float(sum(load.errors for load in loads)),
    }
