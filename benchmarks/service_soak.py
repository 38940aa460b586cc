"""Half an hour of everything at a modest rate: no error, and memory that does not grow.

While ``wrk`` asks for single predictions all the time, a client asks for everything else once a
second and compares predictions with ``predict``'s to the last bit, and the artifact is replaced
once a minute by one with other levels, as a monitor that follows drift does.
"""

from __future__ import annotations

import math
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from benchmarks.process_tree import resident_mib
from benchmarks.protocol import Row, Target, judged_rows
from benchmarks.served import CLIENT_CORE, Served, on_core, serving
from benchmarks.service_rivals import PATH
from benchmarks.service_speed import BODIES, NO_ERROR, TASK, Asked, bodies, expected
from benchmarks.wrk import Load, Shooter, read_load, write_bodies
from token2metrics.artifact.fitted import FittedModel
from token2metrics.artifact.relevel import Move, fingerprint_of, relevel_artifact
from token2metrics.client import Client
from token2metrics.errors import Token2MetricsError
from token2metrics.monitoring.observation import Observation
from token2metrics.planning.limits import Limits
from token2metrics.prediction.predictor import Predictor
from token2metrics.vocabulary import Phase

SOAK = f"{TASK}, soak"
CONNECTIONS = 4
ROUND_S = 1.0
RELOAD_ROUNDS = 60
LEVELS = (1.0, 1.01)
"""Levels of decode that take turns."""

SECONDS_PER_MINUTE = 60
WAIT_S = 30.0
MOST_GROWTH_PERCENT = 2.0
PARTS = 5
"""Memory is compared between the second and the last fifth; the first one warms up."""

PERCENT = 100.0
BYTES_PER_KIB = 1024.0
KIB_PER_MIB = 1024.0
BATCH = 100
LATENCY_LIMIT_S = 5.0


@dataclass(slots=True)
class Diary:
    """What happened meanwhile.

    Attributes:
        resident_mib: Memory of the server, once a round.
        failures: What the client was refused, by its words.
        differing: Predictions that were not ``predict``'s.
        asked: Requests of the client.
        reloads: How often the artifact was replaced.
    """

    resident_mib: list[float] = field(default_factory=list)
    failures: dict[str, int] = field(default_factory=dict)
    differing: int = 0
    asked: int = 0
    reloads: int = 0


def soak_rows(
    artifact: Path, model: str, minutes: float, rate_per_s: float, console: Console
) -> list[Row]:
    """Load the service for long, and judge its memory and its errors.

    Args:
        artifact: A trained artifact; it is copied, and the copy replaced again and again.
        model: Who is asked.
        minutes: How long.
        rate_per_s: Single predictions in a second, about.
        console: Where progress goes.
    """
    seconds = max(round(minutes * SECONDS_PER_MINUTE), PARTS)
    shooter = Shooter(CONNECTIONS, seconds, rate_per_s)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        copy = place / "artifact"
        relevel_artifact(artifact, {}, copy)
        requests = bodies(model, BODIES)
        sent = write_bodies(place / "requests.jsonl", requests)
        with serving(copy, place / "serve.log", "--state", place / "state") as served:
            command = shooter.command(f"{served.address}{PATH}", sent)
            with on_core(CLIENT_CORE):
                process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            diary = kept_diary(
                process, served, Asker(copy, model, served.address), seconds, console
            )
            told, _ = process.communicate(timeout=WAIT_S)
    return judged(read_load(told), diary, f"{minutes:g} minutes of wrk at {rate_per_s:g}/s")


class Asker:
    """Asks for everything, and replaces the artifact.

    Args:
        artifact: The artifact that is served and replaced.
        model: Who is asked.
        address: The service.
    """

    def __init__(self, artifact: Path, model: str, address: str) -> None:
        self._artifact, self._model, self._address = artifact, model, address
        self._requests = bodies(model, BODIES)
        self._predictors = []
        for level in reversed(LEVELS):
            self._move(level)
            self._predictors.append(Predictor.load(artifact))

    def __call__(self, number: int, diary: Diary) -> None:
        """Ask one round.

        Args:
            number: Of the round, from 0.
            diary: Where to write what happened.
        """
        if number % RELOAD_ROUNDS == RELOAD_ROUNDS - 1:
            self._move(LEVELS[diary.reloads % len(LEVELS)])
            diary.reloads += 1
        try:
            with Client(self._address) as client:
                for _ in self._calls(client, number, diary):
                    diary.asked += 1
        except Token2MetricsError as error:
            words = str(error)
            diary.failures[words] = diary.failures.get(words, 0) + 1

    def _calls(self, client: Client, number: int, diary: Diary) -> Iterator[object]:
        """Ask for everything once."""
        start = number * BATCH % BODIES
        several = self._requests[start : start + BATCH]
        answers = client.predict_many(several)
        diary.differing += sum(
            not self._is_right(*pair) for pair in zip(several, answers, strict=True)
        )
        yield answers
        first = client.predict(**several[0])
        diary.differing += not self._is_right(several[0], first)
        yield first
        yield client.models()
        yield client.plan(Limits(latency_s=LATENCY_LIMIT_S), input_tokens=400, model=self._model)
        yield client.compare(400, 100)
        yield client.observe(
            [
                Observation(
                    model=self._model, input_tokens=1, output_tokens=1, latency_s=first.ttft_s
                )
            ]
        )

    def _is_right(self, request: Asked, answer: object) -> bool:
        """Return whether an answer is that of one of the artifacts that take turns."""
        return answer in [expected(one, request) for one in self._predictors]

    def _move(self, level: float) -> None:
        """Replace the artifact by one whose decode has another level."""
        models = Predictor.load(self._artifact).models
        moves = {one.model.record.key: _moved(one.model, level) for one in models}
        relevel_artifact(self._artifact, moves)


def _moved(model: FittedModel, level: float) -> Move:
    """Return a model's move to another level."""
    return Move(fingerprint_of(model.record), {Phase.DECODE: level})


def kept_diary(
    process: subprocess.Popen[str], served: Served, ask: Asker, seconds: int, console: Console
) -> Diary:
    """Ask a round each second until ``wrk`` has ended, and write down what happens.

    Args:
        process: ``wrk``.
        served: The server.
        ask: Asks.
        seconds: How long that takes.
        console: Where progress goes.
    """
    diary, began_s = Diary(), time.monotonic()
    columns = (TextColumn("soak"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("soak", total=seconds)
        number = 0
        while process.poll() is None:
            ask(number, diary)
            diary.resident_mib.append(resident_mib(served.process.pid))
            number += 1
            progress.update(task, completed=min(time.monotonic() - began_s, seconds))
            time.sleep(max(began_s + number * ROUND_S - time.monotonic(), 0.0))
    return diary


def growth(resident: Sequence[float]) -> tuple[float, float]:
    """Return the medians of memory over the second and the last fifth of a time."""
    fifths = np.array_split(np.array(resident), PARTS)
    return float(np.median(fifths[1])), float(np.median(fifths[-1]))


def judged(load: Load, diary: Diary, protocol: str) -> list[Row]:
    """Judge memory and errors.

    Args:
        load: What ``wrk`` saw.
        diary: What happened meanwhile.
        protocol: How it was measured.
    """
    early_mib, late_mib = growth(diary.resident_mib)
    grown = PERCENT * (late_mib / early_mib - 1.0) if late_mib and early_mib else math.inf
    per_request = (late_mib - early_mib) * KIB_PER_MIB * BYTES_PER_KIB / max(load.requests, 1)
    words = f"{protocol}; each second everything else by the client, each minute another artifact"
    said = "; ".join(f"{count} times: {what}" for what, count in diary.failures.items())
    words = f"{words}; {said}" if said else words
    figures = {
        "predictions": (float(load.requests), []),
        "requests of the client": (float(diary.asked), []),
        "artifacts replaced": (float(diary.reloads), []),
        "p99 ms": (load.p99_ms, []),
        "errors of wrk": (float(load.errors), [NO_ERROR]),
        "errors of the client": (float(sum(diary.failures.values())), [NO_ERROR]),
        "answers unlike predict's": (float(diary.differing), [NO_ERROR]),
        "memory MiB, second fifth": (early_mib, []),
        "memory MiB, last fifth": (late_mib, []),
        "memory bytes grown per prediction": (per_request, []),
        "memory grown %": (grown, [Target(MOST_GROWTH_PERCENT)]),
    }
    rows: list[Row] = []
    for statistic, (value, targets) in figures.items():
        rows += judged_rows(SOAK, "serve", statistic, value, targets, words)
    return rows
