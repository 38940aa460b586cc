"""What the client of ``measure`` costs: ``python benchmarks/measure_overhead.py [--json]``.

Serves random weights with a real llama.cpp server on loopback and compares, request by request, the
time to the first token that a client sees with the prefill that the server states: for the client
of ``measure``, and for a bare loop on ``http.client`` in the same run. Needs the ``test`` extra.
"""

from __future__ import annotations

import http.client
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.gguf_server import SMALL, ServerProcess, serving, write_gguf
from token2metrics.measure.engines.engine import Engine, GenerationRequest
from token2metrics.measure.engines.llama_cpp import MS_PER_S, LlamaCppEngine
from token2metrics.measure.engines.prompts import random_token_ids

LIMIT_MS = 2.0
INPUT_TOKENS = 64
OUTPUT_TOKENS = 4
DEFAULT_REQUESTS = 50
WARM_UP = 5
PERCENTILES = 10
EVENT = b"data: "


@dataclass(frozen=True, slots=True)
class Overhead:
    """The time to the first token less the server's prefill, of one client.

    Attributes:
        client: Which client.
        requests: How many requests tell.
        median_ms: Median, in milliseconds.
        p90_ms: What nine in ten requests stay below.
        limit_ms: What the median should stay below.
    """

    client: str
    requests: int
    median_ms: float
    p90_ms: float
    limit_ms: float = LIMIT_MS

    @property
    def is_within(self) -> bool:
        """Whether the median is below the limit."""
        return self.median_ms < self.limit_ms


def by_measure(engine: Engine, seed: int) -> float | None:
    """Send one request as ``measure`` does; None where the first token came with the second."""
    done = engine.generate(GenerationRequest(INPUT_TOKENS, OUTPUT_TOKENS, seed))
    return done.client_overhead_s


def by_http_client(server: ServerProcess, seed: int) -> float | None:
    """Send the same request with ``http.client``, and read the stream line by line."""
    body = {
        "prompt": random_token_ids(INPUT_TOKENS, SMALL.vocabulary, seed),
        "n_predict": OUTPUT_TOKENS,
        "ignore_eos": True,
        "cache_prompt": False,
        "stream": True,
    }
    started_s, first_s, last = time.monotonic(), None, {}
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request(
        "POST", "/completion", json.dumps(body), {"Content-Type": "application/json"}
    )
    for line in connection.getresponse():
        if line.startswith(EVENT):
            last = json.loads(line.removeprefix(EVENT))
            if first_s is None and last["tokens_predicted"] == 1:
                first_s = time.monotonic()
    connection.close()
    return (
        None if first_s is None else first_s - started_s - last["timings"]["prompt_ms"] / MS_PER_S
    )


def compare(requests: int) -> tuple[Overhead, ...]:
    """Measure both clients in turns, so that both see the same machine."""
    seen: dict[str, list[float]] = {"measure": [], "bare http.client": []}
    with tempfile.TemporaryDirectory() as folder:
        model = write_gguf(Path(folder) / "small.gguf", SMALL)
        with serving(model) as server, LlamaCppEngine(server.address) as engine:
            for seed in range(WARM_UP + requests):
                found = by_measure(engine, seed), by_http_client(server, seed)
                for overheads, overhead_s in zip(seen.values(), found, strict=True):
                    if seed >= WARM_UP and overhead_s is not None:
                        overheads.append(overhead_s)
    return tuple(summary(client, overheads) for client, overheads in seen.items())


def summary(client: str, overheads_s: Sequence[float]) -> Overhead:
    """Return what a client's requests say."""
    p90_s = quantiles(overheads_s, n=PERCENTILES)[-1]
    in_ms = (MS_PER_S * median(overheads_s), MS_PER_S * p90_s)
    return Overhead(client, len(overheads_s), *in_ms)


def main(
    requests: Annotated[int, typer.Option(min=2, help="Requests of each client.")] = (
        DEFAULT_REQUESTS
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Compare the client of measure with a bare one, against a written limit."""
    console = Console()
    found = compare(requests)
    if as_json:
        console.out(json.dumps([asdict(overhead) for overhead in found]), highlight=False)
        return
    table = Table("client", "requests", "median ms", "p90 ms", f"below {LIMIT_MS} ms")
    for overhead in found:
        table.add_row(
            overhead.client,
            f"{overhead.requests}",
            f"{overhead.median_ms:.2f}",
            f"{overhead.p90_ms:.2f}",
            "yes" if overhead.is_within else "no",
        )
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
