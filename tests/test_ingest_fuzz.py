"""Whatever is in a file: no traceback, no impossible number, no wrong unit, nothing lost."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ingest_clients import AIPERF, NS_EPOCH, RUN, SAMPLES, metric
from tests.ingest_engines import APOSTROPHE, BENCH_COLUMNS, INSERT, TIMINGS, bench, lines
from token2metrics.data.save_records import frame_of
from token2metrics.errors import DataError
from token2metrics.ingest.reader import Reading
from token2metrics.ingest.roster import known_readers, recognise
from token2metrics.ingest.sniffed import Sniffed
from token2metrics.ingest.units import SECONDS
from token2metrics.records import Record
from token2metrics.vocabulary import MAX_TOKENS, Phase

MUTATIONS = 3
ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    -0.5,
    0.5,
    10**30,
    -(10**400),
    1e308,
    math.nan,
    math.inf,
    -math.inf,
    "",
    "x",
    "12",
    "nan",
    "\ud800",
    "-3",
    [],
    {},
    [[1]],
    {"unit": "ms"},
    [None, -1, math.nan],
)
ODD_CELLS = (
    "",
    "-1",
    "nan",
    "inf",
    "1e400",
    "x",
    '"',
    "'",
    ",",
    "|",
    "\u2028",
    "9" * 30,
    "{",
    "\n",
)

Place = tuple[Any, Any]


def read(text: str) -> Reading:
    """Read a text as ``ingest`` reads a file."""
    file = Sniffed(Path("sample"), text)
    return recognise(file).read(file)


def places(tree: Any) -> list[Place]:
    """Return every container with every key of it."""
    if isinstance(tree, dict):
        keys: list[Any] = list(tree)
    else:
        keys = list(range(len(tree))) if isinstance(tree, list) else []
    found = [(tree, key) for key in keys]
    return found + [place for key in keys for place in places(tree[key])]


def mutate(documents: list[Any], chance: Random) -> None:
    """Spoil some values of JSON documents: remove, replace, wrap or repeat."""
    for _ in range(chance.randint(1, MUTATIONS)):
        tree, key = chance.choice(places(documents))
        match chance.randint(0, 4):
            case 0 if tree is not documents:
                del tree[key]
            case 1:
                tree[key] = [tree[key]]
            case 2:
                tree[key] = {"value": tree[key], "unit": "h"}
            case _:
                tree[key] = copy.deepcopy(chance.choice(ODD_VALUES))


def scramble(text: str, chance: Random) -> str:
    """Spoil a text: cut it, or put something odd into it or in place of something."""
    for _ in range(chance.randint(1, MUTATIONS)):
        start, end = sorted(chance.choices(range(len(text) + 1), k=2))
        match chance.randint(0, 3):
            case 0:
                text = text[: max(start, end // 2)]
            case 1:
                text = text[:start] + chance.choice(ODD_CELLS) + text[start:]
            case 2:
                text = text[:start] + chance.choice(ODD_CELLS) + text[min(end, start + 8) :]
            case _:
                text = text[:end] + text[start:]
    return text


def is_possible(record: Record) -> bool:
    """Return whether a record can be a measurement."""
    amounts = (record.latency_s, record.energy_j, record.power_w, record.started_at_s)
    counts = (record.input_tokens, record.output_tokens, record.cached_tokens, record.repeat)
    return (
        all(amount is None or (math.isfinite(amount) and amount > 0) for amount in amounts)
        and all(count is None or 0 <= count <= MAX_TOKENS + 1 for count in counts)
        and record.latency_s is not None
        and record.input_tokens is not None
        and record.output_tokens is not None
        and (record.output_tokens == 1 or record.phase is not Phase.PREFILL)
        and (record.output_tokens > 1 or record.phase is not Phase.DECODE)
        and record.repeats >= 1
        and (record.parallel is None or record.parallel >= 1)
    )


def check(text: str) -> None:
    """Read a text with every reader that knows it, and hold its records against the rules."""
    file = Sniffed(Path("sample"), text)
    for reader in known_readers():
        if reader.recognises(file):
            reading = reader.read(file)
            assert all(is_possible(record) for record in reading.records), reading.records
            assert frame_of(reading.records).height == len(reading.records)
    with suppress(DataError):
        recognise(file)


@pytest.mark.parametrize("name", SAMPLES)
@given(seed=st.integers(0, 2**32 - 1))
def test_spoilt_values_are_set_aside(name: str, seed: int) -> None:
    """Missing keys, other types, impossible numbers and wrong nesting cost what they are in."""
    chance = Random(seed)
    documents = [document for _, document in Sniffed(Path("sample"), SAMPLES[name].text).documents]
    if documents:
        documents = copy.deepcopy(documents)
        mutate(documents, chance)
        check(lines(*documents))
    check(scramble(SAMPLES[name].text, chance))


@pytest.mark.parametrize("name", SAMPLES)
@given(text=st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=40))
def test_foreign_text_after_a_file(name: str, text: str) -> None:
    """What follows on a line of its own may cost itself, and no row before it."""
    before = read(SAMPLES[name].text).records
    check(f"{SAMPLES[name].text}\n{text}")
    assert len(before) == len(SAMPLES[name].rows)


@given(depth=st.integers(1, 200_000))
def test_deep_nesting_is_damage(depth: int) -> None:
    """JSON deeper than the interpreter is refused."""
    check("[" * depth + "]" * depth)
    check('{"timings":' * depth)


counts = st.integers(1, 9_999)
times_ns = st.integers(1, 10**13)


@given(st.lists(st.tuples(counts, st.booleans(), times_ns), min_size=1, max_size=5))
def test_llama_bench_formats_agree(tests: list[tuple[int, bool, int]]) -> None:
    """JSON, JSON lines, CSV and SQL of the same tests give the same rows."""
    objects = [bench(n if is_pp else 0, 0 if is_pp else n, 0, ns) for n, is_pp, ns in tests]
    expected = [(1 if is_pp else n + 1, ns / 1e9) for n, is_pp, ns in tests]
    cells = [[str(one[name]) for name in BENCH_COLUMNS] for one in objects]
    header = ",".join(BENCH_COLUMNS)
    values = [",".join(f"{APOSTROPHE}{cell}{APOSTROPHE}" for cell in row) for row in cells]
    for text in (
        json.dumps(objects, indent=2),
        lines(*objects),
        "\n".join([header, *(",".join(f'"{cell}"' for cell in row) for row in cells)]),
        f"CREATE TABLE IF NOT EXISTS llama_bench ({header});\n"
        + "".join(f"{INSERT} ({header}) VALUES ({row});\n" for row in values),
    ):
        records = read(text).records
        assert [one.output_tokens for one in records] == [tokens for tokens, _ in expected]
        latencies_s = [seconds for _, seconds in expected]
        assert [one.latency_s for one in records] == pytest.approx(latencies_s)


@given(counts, counts, st.floats(0.01, 1e6), st.floats(0.01, 1e6))
def test_llama_server_times_are_its_milliseconds(
    prompt: int, answer: int, prompt_ms: float, predicted_ms: float
) -> None:
    """Counts and times are taken, whatever the derived rates say."""
    timings = {
        **TIMINGS,
        "cache_n": 0,
        "prompt_n": prompt,
        "prompt_ms": prompt_ms,
        "predicted_n": answer + 1,
        "predicted_ms": predicted_ms,
        "predicted_per_second": 1e9,
    }
    prefill, decode = read(lines({"timings": timings})).records
    assert (prefill.input_tokens, decode.output_tokens) == (prompt, answer + 1)
    assert prefill.latency_s == pytest.approx(prompt_ms / 1e3)
    assert decode.latency_s == pytest.approx(predicted_ms / 1e3)


@given(st.lists(st.tuples(counts, st.floats(0.001, 9.0), st.floats(0.001, 9.0)), min_size=1))
def test_vllm_times_are_its_arrays(requests: list[tuple[int, float, float]]) -> None:
    """Prefill is the time to the first token, decode the sum of the distances after it."""
    details = {
        "input_lens": [prompt for prompt, _, _ in requests],
        "output_lens": [3 for _ in requests],
        "ttfts": [ttft for _, ttft, _ in requests],
        "itls": [[itl, itl] for _, _, itl in requests],
    }
    records = read(json.dumps({**RUN, **details})).records
    expected = [seconds for _, ttft, itl in requests for seconds in (ttft, 2 * itl)]
    assert [one.latency_s for one in records] == pytest.approx(expected)


@given(st.sampled_from(sorted(SECONDS)), st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_a_unit_never_changes_a_time(unit: str, prefill_s: float, decode_s: float) -> None:
    """The same times in another unit are the same times."""
    size = SECONDS[unit]
    metrics = {
        **AIPERF["metrics"],
        "time_to_first_token": metric(prefill_s / size, unit),
        "request_latency": metric((prefill_s + decode_s) / size, unit),
    }
    records = read(lines({**AIPERF, "metrics": metrics})).records
    assert [one.latency_s for one in records] == pytest.approx([prefill_s, decode_s], rel=1e-6)
    assert records[0].started_at_s == pytest.approx(NS_EPOCH / 1e9)


REPEATED: dict[str, Callable[[int], str]] = {
    "llama-server": lambda times: lines(*[{"timings": TIMINGS}] * times),
    "aiperf": lambda times: lines(*[AIPERF] * times),
    "llama-bench": lambda times: lines(*[bench(64, 0, 0, 10**9)] * times),
}


@pytest.mark.parametrize("name", REPEATED)
@given(times=st.integers(1, 9), broken=st.sets(st.integers(0, 8)))
def test_every_line_is_accounted_for(name: str, times: int, broken: set[int]) -> None:
    """A line gives its rows or is set aside, and no line costs another one its rows."""
    sound = REPEATED[name](times).splitlines()
    spoilt = ["{" if n in broken else line for n, line in enumerate(sound)]
    if all(line == "{" for line in spoilt):
        return
    rows_per_line = len(read(sound[0]).records)
    reading = read("\n".join(spoilt))
    lost = sum(line == "{" for line in spoilt)
    assert len(reading.records) == rows_per_line * (times - lost)
    assert len(reading.set_aside) == lost
