"""One prediction in process against single-row regressors, and arrays of them against NumPy.

Ours answers with everything a request costs: latency, energy and power of both phases and of the
request, an interval around each latency and energy, and whether it lies outside the measurements.
Every peer (``predict_peers``) gives one number without an interval. All answer the same stream of
differing requests, given as two Python integers, the next slice of it in each round.

- ``predictor(...)``: the call as documented, arguments checked, a ``Prediction`` as result.
- ``compiled``: the function that ``ModelPredictor.compiled()`` returns, all 26 numbers as a tuple.
- ``compiled, latency``: the same of three quantities, the request's latency and its interval: what
  a peer's one number is nearest to.
- ``compiled, new prompt``: as ``compiled``, but every prompt of a length that was not met before.

The limit is an empty Python function of two arguments, called in the same loop.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from benchmarks.paired import Work, fastest, median_ratio, rounds_s
from benchmarks.predict_peers import EXPORTED, Peer, exported_peer, fitted_peers
from benchmarks.protocol import Bound, Floats, Row, Target, judged_rows
from benchmarks.request_lengths import SEED, described, request_lengths
from benchmarks.trained import exported_model, trained_artifact
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.predictor import Predictor

TASK = "one prediction"
ARRAYS = "arrays of predictions"
MODEL = "1.5B"
MOST_US, TIMES_FASTER = 10.0, 10.0
MICROSECONDS = 1e6
TRAINED_ON = 4_000
ROUNDS, SLICE = 25, 1_000
QUICK_ROUNDS, QUICK_SLICE = 5, 200
WARM_UP = 200
MANY, QUICK_MANY = 500_000, 20_000
MANY_ROUNDS, QUICK_MANY_ROUNDS = 5, 3
LONGEST_NEW_PROMPT = 16_000
OBJECT, COMPILED, NEW_PROMPT = "predictor(...)", "compiled", "compiled, new prompt"
COMPILED_LATENCY = "compiled, latency"
OURS = (OBJECT, COMPILED, COMPILED_LATENCY, NEW_PROMPT)
LIMIT = "empty call"
POINT = ("latency_s",)
INTERVAL = ("latency_s", "latency_lower_s", "latency_upper_s")

Answer = Callable[[int, int], object]
Requests = list[tuple[int, int]]


def nothing(input_tokens: int, output_tokens: int) -> None:
    """Answer with nothing: what a call itself costs."""


def answered(answer: Answer, stream: Iterator[tuple[int, int]], count: int) -> None:
    """Ask for the next requests of a stream, one after the other."""
    for input_tokens, output_tokens in islice(stream, count):
        answer(input_tokens, output_tokens)


def prediction_rows(quick: bool, data: Path | None = None) -> list[Row]:
    """Time single predictions and arrays of them, and judge the former.

    Args:
        quick: Fewer rounds and shorter arrays.
        data: Folder of the public measurements, for real lengths.
    """
    with tempfile.TemporaryDirectory() as folder:
        artifact = trained_artifact(Path(folder), MODEL)
        predictor = Predictor.load(artifact).select(MODEL)
        exported = exported_model(artifact, MODEL, Path(folder) / "model.onnx")
        same = exported_peer(exported, INTERVAL)
    counts = request_lengths(TRAINED_ON, data)
    tokens = np.stack(counts, axis=1).astype(np.float32)
    latency_s = predictor.predict_many(*counts, names=POINT)["latency_s"].astype(np.float32)
    peers = [*fitted_peers(tokens, latency_s), same]
    return single_rows(predictor, peers, quick, data) + array_rows(predictor, peers, quick, data)


def single_rows(
    predictor: ModelPredictor, peers: list[Peer], quick: bool, data: Path | None
) -> list[Row]:
    """Time everyone on single requests."""
    rounds, size = (QUICK_ROUNDS, QUICK_SLICE) if quick else (ROUNDS, SLICE)
    pairs = zip(*(c.tolist() for c in request_lengths(rounds * size + WARM_UP, data)), strict=True)
    requests = list(pairs)
    fresh = predictor.compiled()
    answers: dict[str, tuple[Answer, Requests]] = {
        OBJECT: (predictor, requests),
        COMPILED: (predictor.compiled(), requests),
        COMPILED_LATENCY: (predictor.compiled(INTERVAL), requests),
        NEW_PROMPT: (fresh, new_prompts(requests)),
        LIMIT: (nothing, requests),
        **{peer.name: (peer.one, requests) for peer in peers},
    }
    work: dict[str, Work] = {}
    for name, (answer, asked) in answers.items():
        stream = iter(asked)
        answered(answer, stream, WARM_UP)
        work[name] = partial(answered, answer, stream, size)
    taken_s = rounds_s(work, rounds)
    protocol = (
        f"a stream of differing requests, {described(data)}; median of {rounds} interleaved rounds "
        f"of {size:,}; ours gives latency, energy, power and their intervals, a peer one number"
    )
    return judged(taken_s, size, peers, protocol)


def new_prompts(requests: Requests) -> Requests:
    """Give each request a prompt of another length, as long as there are any."""
    lengths = np.random.default_rng(SEED).permutation(LONGEST_NEW_PROMPT) + 1
    prompts = np.resize(lengths, len(requests)).tolist()
    return [(prompt, answer) for prompt, (_, answer) in zip(prompts, requests, strict=True)]


def judged(
    taken_s: Mapping[str, Floats], size: int, peers: Iterable[Peer], protocol: str
) -> list[Row]:
    """Judge microseconds, and how many times faster than the fastest peer each of ours is.

    Beside them stands the peer that gives the very same numbers from the same formulas.
    """
    others = {peer.name: taken_s[peer.name] for peer in peers}
    best = fastest(others)
    rows: list[Row] = []
    for name, seconds in taken_s.items():
        targets = [Target(MOST_US)] if name in OURS else []
        value = float(np.median(seconds)) / size * MICROSECONDS
        rows += judged_rows(TASK, name, "median us", value, targets, protocol)
    target = Target(TIMES_FASTER, Bound.AT_LEAST)
    compared = [(name, best, [target]) for name in OURS]
    if best != EXPORTED:
        compared.append((COMPILED_LATENCY, EXPORTED, []))
    for name, other, targets in compared:
        ratio = median_ratio(taken_s[other], taken_s[name])
        rows += judged_rows(TASK, name, f"times faster than {other}", ratio, targets, protocol)
    return rows


def array_rows(
    predictor: ModelPredictor, peers: Iterable[Peer], quick: bool, data: Path | None
) -> list[Row]:
    """Time arrays of requests; the limit is one multiply-add of both columns in NumPy."""
    count = QUICK_MANY if quick else MANY
    rounds = QUICK_MANY_ROUNDS if quick else MANY_ROUNDS
    counts = request_lengths(count, data)
    tokens = np.stack(counts, axis=1).astype(np.float32)
    first, second = (values.astype(np.float64) for values in counts)
    work: dict[str, Work] = {
        "NumPy multiply-add": lambda: first * 2.0 + second * 3.0 + 1.0,
        "predict_many, latency": lambda: predictor.predict_many(*counts, names=POINT),
        "predict_many, interval": lambda: predictor.predict_many(*counts, names=INTERVAL),
        "predict_many, all": lambda: predictor.predict_many(*counts),
        **{p.name: partial(p.many, tokens) for p in peers if not p.name.endswith("bound")},
    }
    protocol = (
        f"{count:,} requests as arrays, {described(data)}; median of {rounds} interleaved rounds; "
        "peers give one number per request and use the threads that they choose"
    )
    rows: list[Row] = []
    for name, seconds in rounds_s(work, rounds).items():
        millions = count / float(np.median(seconds)) / MICROSECONDS
        rows += judged_rows(ARRAYS, name, "million requests/s", millions, [], protocol)
    return rows
