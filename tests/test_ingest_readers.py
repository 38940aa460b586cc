"""Every known format gives the right rows in seconds, and nothing in a file is lost."""

from __future__ import annotations

import json
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest
from msgspec.structs import replace

from tests.ingest_clients import (
    AIPERF,
    DETAILS,
    EPOCH_S,
    GUIDE_CSV,
    NO_REQUEST_DONE,
    RUN,
    SAMPLES,
    metric,
)
from tests.ingest_engines import (
    BENCH_CSV,
    BENCH_SQL,
    CHAT,
    OLLAMA,
    OPTIMUM,
    TIMINGS,
    bench,
    lines,
)
from token2metrics.errors import DataError
from token2metrics.ingest import readers
from token2metrics.ingest.cold import mark_cold_start
from token2metrics.ingest.llama_cpp_names import model_of, precision_of
from token2metrics.ingest.reader import Reading, UnusableError
from token2metrics.ingest.roster import known_readers, looked_for, recognise
from token2metrics.ingest.sniffed import Sniffed, sniff
from token2metrics.ingest.units import epoch_s, joules_of, seconds_of, watts_of
from token2metrics.records import Clock, PowerScope, Record
from token2metrics.vocabulary import Phase


def read(text: str) -> Reading:
    """Read a text as ``ingest`` reads a file."""
    file = Sniffed(Path("sample"), text)
    return recognise(file).read(file)


def rows(reading: Reading) -> list[Any]:
    """Return what the samples say of records."""
    return [(r.phase.value, r.input_tokens, r.output_tokens, r.latency_s) for r in reading.records]


@pytest.mark.parametrize("name", SAMPLES)
def test_rows_are_those_of_hand(name: str) -> None:
    """Phase, tokens and seconds are right, and the rest is set aside."""
    sample = SAMPLES[name]
    reading = read(sample.text)
    assert rows(reading) == [
        (phase, prompt, answer, pytest.approx(seconds, rel=1e-6))
        for phase, prompt, answer, seconds in sample.rows
    ]
    assert len(reading.set_aside) == sample.set_aside, reading.set_aside
    assert all(one.where and one.reason for one in reading.set_aside)


@pytest.mark.parametrize("name", SAMPLES)
def test_one_reader_knows_a_file(name: str) -> None:
    """No file is of two tools."""
    file = Sniffed(Path("sample"), SAMPLES[name].text)
    found = [type(reader).__module__ for reader in known_readers() if reader.recognises(file)]
    assert found == [f"{readers.__name__}.{SAMPLES[name].reader}"]


def test_every_reader_has_a_sample() -> None:
    """Whoever adds a reader adds a sample, by which it is tested here and fuzzed."""
    modules = {found.name for found in iter_modules(readers.__path__)}
    assert modules == {sample.reader for sample in SAMPLES.values()}
    assert len(known_readers()) == len(modules)
    assert len(set(looked_for())) == len(modules)


def test_llama_bench_names_what_it_tells() -> None:
    """Build, model, precision and device come from the fields that hold them."""
    record, again = read(lines(bench(64, 0, 0, 10**9, 2 * 10**9))).records
    assert record.runtime == "llama.cpp"
    assert record.runtime_version == "1 0c1e570"
    assert record.model == "Meta-Llama-3.1-8B-Instruct-Q4_K_M"
    assert record.precision == "q4_k_m"
    assert record.device == "Orin"
    assert record.power_mode is None
    assert (record.repeat, again.repeat) == (0, 1)
    assert record.clock is Clock.SERVER
    assert read(BENCH_CSV).records[0].note is not None


def test_columns_of_llama_bench_are_read_by_name() -> None:
    """Builds write other columns in another order; only what matters must be there."""
    text = "avg_ns,n_gen,future,n_prompt\n1000000000,0,x,64\n"
    assert rows(read(text)) == [("prefill", 64, 1, 1.0)]


def test_a_ragged_table_is_refused() -> None:
    """Reading it by place would take one column for the next."""
    header, *cells = BENCH_CSV.splitlines()
    reading = read("\n".join([f"{header},repack", *cells]))
    assert not reading.records
    assert {one.reason for one in reading.set_aside} == {
        "expected 7 cells as the header has, got 6, so no cell can be told to belong to its column"
    }


def test_statements_only_fill_their_table() -> None:
    """SQL in a file cannot reach other files, run queries, or spoil good rows."""
    wicked = "ATTACH DATABASE 'stolen.db' AS other;\nDROP TABLE llama_bench;\n"
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x FROM n) SELECT * FROM n;\n"
    reading = read(f"{BENCH_SQL}\n{wicked}{endless}")
    assert rows(reading) == rows(read(BENCH_SQL))
    assert len(reading.set_aside) == len(read(BENCH_SQL).set_aside) + 3
    assert not Path("stolen.db").exists()


def test_a_log_before_json_does_no_harm() -> None:
    """Standard error in the same file is passed over, and a broken line costs only itself."""
    sound = lines(bench(64, 0, 0, 10**9))
    reading = read(f"ggml_cuda_init: found 1 device\n{sound}{sound[:40]}\n{sound}")
    assert len(reading.records) == 2
    assert [one.where for one in reading.set_aside] == ["line 3"]


def test_a_key_told_twice_is_no_measurement() -> None:
    """Of two values under one key neither is taken."""
    first = lines(AIPERF)
    twice = first.replace(
        '"metrics": {', '"metrics": {"time_to_first_token": {"value": 1, "unit": "ms"}, '
    )
    reading = read(first + twice)
    assert len(reading.records) == 2
    assert "'time_to_first_token' twice" in reading.set_aside[0].reason


def test_cached_prompts_are_no_prefill() -> None:
    """A prompt taken from a cache gives a decode row alone, with its whole context."""
    cached = {**CHAT, "timings": {**TIMINGS, "cache_n": 50}}
    reading = read(lines(cached))
    assert [r.phase for r in reading.records] == [Phase.DECODE]
    assert reading.records[0].input_tokens == 148
    assert reading.records[0].cached_tokens == 50
    unseen = {key: value for key, value in OLLAMA.items() if "prompt" not in key}
    assert not read(lines(unseen)).records


def test_ollama_tells_when_phases_began() -> None:
    """A response is dated at its end."""
    prefill, decode = read(lines(OLLAMA)).records
    ended_at_s = 1_790_071_200.5
    assert decode.started_at_s == pytest.approx(ended_at_s - 4.2, abs=1e-6)
    assert prefill.started_at_s == pytest.approx(ended_at_s - 4.33, abs=1e-6)


def test_server_counts_are_preferred() -> None:
    """AIPerf's usage of the server counts, unless it is not whole: the two are never mixed."""
    metrics = {**AIPERF["metrics"]}
    del metrics["usage_completion_tokens"]
    record = read(lines({**AIPERF, "metrics": metrics})).records[1]
    assert (record.input_tokens, record.output_tokens) == (128, 41)


def test_a_clock_since_the_start_is_no_time_of_day() -> None:
    """VLLM's start times count from the start of the machine, AIPerf's from 1970."""
    assert read(json.dumps(RUN | DETAILS)).records[0].started_at_s is None
    prefill, decode = read(lines(AIPERF)).records
    assert prefill.started_at_s == pytest.approx(EPOCH_S)
    assert decode.started_at_s == pytest.approx(EPOCH_S + 0.175)


@pytest.mark.parametrize(
    ("output_lens", "itls", "tokens"),
    [
        ([4, 4], [[0.1] * 3, [0.1] * 3], [4, 4]),
        ([120, 125], [[0.1, 0.1, 0.1, 0.001], [0.1, 0.1, 0.1, 0.001]], [4, 4]),
        ([120, 125], [[0.1] * 3, [0.1] * 3], [4, 4]),
        ([9, 9], [[0.1] * 3, [0.1] * 5], [9, 9]),
        ([120, 125], [[0.1] * 3, [0.1] * 5], []),
    ],
)
def test_the_count_that_stays_the_same_is_the_servers(
    output_lens: list[int], itls: list[list[float]], tokens: list[int]
) -> None:
    """The client's count of an answer's tokens is believed only where the chunks allow it."""
    details = {"input_lens": [9, 9], "ttfts": [1.0, 1.0], "output_lens": output_lens, "itls": itls}
    reading = read(json.dumps({**RUN, **details}))
    assert [r.output_tokens for r in reading.records if r.phase is Phase.DECODE] == tokens
    assert len(reading.set_aside) == 2 - len(tokens)


def test_a_run_in_which_all_failed_is_refused() -> None:
    """Its times of 0 are not taken for a free prefill."""
    for failed in (NO_REQUEST_DONE, {**NO_REQUEST_DONE, **DETAILS}):
        reading = read(json.dumps(failed))
        assert not reading.records
        assert "every request failed" in reading.set_aside[0].reason


def test_how_many_ran_together() -> None:
    """A stated concurrency counts; without one, the mean number in flight."""
    unbounded = {**RUN, "max_concurrency": None, "duration": 0.24, **DETAILS}
    assert {r.parallel for r in read(json.dumps(unbounded)).records} == {3}
    assert {r.parallel for r in read(SAMPLES["vllm detailed"].text).records} == {1}
    assert {r.parallel for r in read(SAMPLES["batched"].text).records} == {2}
    assert {r.parallel for r in read(SAMPLES["inference-perf stage"].text).records} == {2}


def test_optimum_energy_is_of_one_pass_or_none() -> None:
    """Kilowatt-hours become joules where efficiency shows that they are those of one pass."""
    *prefill, decode, _ = read(json.dumps(OPTIMUM)).records
    assert [r.energy_j for r in prefill] == [pytest.approx(3.6)] * 2
    assert prefill[0].power_scope is PowerScope.RAIL
    assert prefill[0].precision == "bf16"
    assert prefill[0].device == "NVIDIA A100"
    assert decode.energy_j is None
    assert "left out" in (decode.note or "")


@pytest.mark.parametrize("unit", ["s", "us", "min"])
def test_another_unit_is_honoured(unit: str) -> None:
    """A time is in the unit beside it, whatever the tool usually writes."""
    size = {"s": 1.0, "us": 1e-6, "min": 60.0}[unit]
    times = {"time_to_first_token": 0.175, "request_latency": 0.25}
    scaled = {name: metric(value / size, unit) for name, value in times.items()}
    text = lines({**AIPERF, "metrics": {**AIPERF["metrics"], **scaled}})
    assert [r.latency_s for r in read(text).records] == pytest.approx([0.175, 0.075])
    header = GUIDE_CSV.replace("Successful ms", f"Successful {unit}")
    assert [r.latency_s for r in read(header).records] == pytest.approx([125 * size, 150 * size])


@pytest.mark.parametrize("unit", ["", "tokens", "fortnights", "MS"])
def test_an_unknown_unit_is_refused(unit: str) -> None:
    """A number without a unit of time is no time."""
    text = lines(
        {**AIPERF, "metrics": {**AIPERF["metrics"], "time_to_first_token": metric(1, unit)}}
    )
    reading = read(text)
    assert not reading.records
    assert "unit of time" in reading.set_aside[0].reason


def test_units_have_their_sizes() -> None:
    """Case matters: a millijoule is no megajoule."""
    assert seconds_of(1_500.0, "ms") == 1.5
    assert joules_of(1.0, "MJ") == 1e9 * joules_of(1.0, "mJ")
    assert joules_of(2.0, "kWh") == 7.2e6
    assert watts_of(4_824.0, "mW") == pytest.approx(4.824)
    assert epoch_s(4_651.1, "s") is None
    assert epoch_s(None, "s") is None
    with pytest.raises(UnusableError, match="unit of energy"):
        joules_of(1.0, "mj")


def test_names_of_llama_cpp() -> None:
    """A precision is told by the long name of a type, or by the end of a file's name."""
    assert precision_of("qwen2 7B Q4_K - Medium") == "q4_k_m"
    assert precision_of("llama ?B all F32") == "fp32"
    assert precision_of(None, "models/a-Q8_0.gguf") == "q8_0"
    assert precision_of("gpt-4") is None
    assert model_of("C:\\models\\a.gguf") == "a"
    assert model_of("") is None


def prefill(latency_s: float) -> Record:
    """Return a prefill of 100 tokens, timed by a client."""
    return Record(phase=Phase.PREFILL, input_tokens=100, latency_s=latency_s, clock=Clock.CLIENT)


def test_a_cold_start_is_flagged() -> None:
    """The first request is flagged where it is slower than all others by far, and only then."""
    later = [prefill(0.05), prefill(0.06), prefill(0.055)]
    marked = mark_cold_start([prefill(0.13), *later])
    assert [record.quality_flags for record in marked] == ["cold", None, None, None]
    for records in ([prefill(0.07), *later], [prefill(0.13), *later[:2]], []):
        assert list(mark_cold_start(records)) == records
    on_server = [replace(record, clock=Clock.SERVER) for record in (prefill(0.13), *later)]
    assert list(mark_cold_start(on_server)) == on_server


def test_unknown_files_are_refused(tmp_path: Path) -> None:
    """What is no text, empty, damaged or of no known format is refused in one sentence."""
    path = tmp_path / "file"
    with pytest.raises(DataError, match="expected a file"):
        sniff(path)
    for content, words in ((b"\xff\xfa", "UTF-8"), (b"a\0b", "UTF-8"), (b" \n", "empty")):
        path.write_bytes(content)
        with pytest.raises(DataError, match=words):
            sniff(path)
    for text, words in (
        ('[{"n_prompt": 1, "n_g', "damaged, line 1"),
        ("a,b\n1,2\n", "no known format"),
    ):
        path.write_text(text)
        with pytest.raises(DataError, match=words):
            recognise(sniff(path))


def test_a_file_of_powershell_is_read(tmp_path: Path) -> None:
    """Redirected output there is in UTF-16."""
    path = tmp_path / "bench.json"
    path.write_text(lines(bench(64, 0, 0, 10**9)), encoding="utf-16")
    file = sniff(path)
    assert len(recognise(file).read(file).records) == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"was_cancelled": True}, "the request was cancelled"),
        ({"request_start_ns": "soon"}, "expected `float`"),
    ],
)
def test_requests_of_aiperf_that_were_not_measured(changes: dict[str, Any], reason: str) -> None:
    """A cancelled request and one without a start are set aside."""
    spoilt = {**AIPERF, "metadata": {**AIPERF["metadata"], **changes}}
    reading = read(lines(spoilt, AIPERF))
    assert len(reading.records) == 2
    assert reason in reading.set_aside[0].reason


def test_warm_up_is_flagged() -> None:
    """What a tool says is its warm-up carries the word for which train leaves it out."""
    warm = {**AIPERF, "metadata": {**AIPERF["metadata"], "benchmark_phase": "warmup"}}
    records = read(lines(warm, AIPERF)).records
    assert [one.quality_flags for one in records] == ["warmup", "warmup", None, None]


@pytest.mark.parametrize(("sequences", "phases"), [(1, 2), (4, 1), (0, 0)])
def test_a_shared_prompt_is_no_prefill_of_several(sequences: int, phases: int) -> None:
    """llama-batched-bench works a shared prompt off once, whatever the number of sequences."""
    run = {"pp": 64, "tg": 4, "pl": sequences, "t_pp": 0.1, "t_tg": 0.2, "is_pp_shared": 1}
    assert len(read(lines(run)).records) == phases


@pytest.mark.parametrize(
    ("path", "value", "left"),
    [
        (("report", "prefill", "efficiency", "value"), 64e5, None),
        (("report", "prefill", "energy", "unit"), "J", None),
        (("report", "prefill", "efficiency", "unit"), "tokens/Wh", None),
        (("report", "prefill", "efficiency"), None, None),
        (("report", "prefill", "energy"), None, None),
        (("config", "backend", "quantization_scheme"), "awq", 3.6),
    ],
)
def test_energies_that_may_be_of_a_whole_run_are_left_out(
    path: tuple[str, ...], value: object, left: float | None
) -> None:
    """An efficiency that does not fit, in number or unit, does not show whose energy it is."""
    changed = json.loads(json.dumps(OPTIMUM))
    *outer, last = path
    inner = changed
    for key in outer:
        inner = inner[key]
    inner[last] = value
    first = read(json.dumps(changed)).records[0]
    assert first.energy_j == (None if left is None else pytest.approx(left))
    assert first.latency_s == 0.05


def test_answers_that_may_have_ended_early_are_set_aside() -> None:
    """optimum-benchmark's least and most tokens must agree for the answer's length to be known."""
    changed = json.loads(json.dumps(OPTIMUM))
    changed["config"]["scenario"]["generate_kwargs"]["min_new_tokens"] = 1
    assert not read(json.dumps(changed)).records
    changed["config"]["scenario"] = None
    assert not read(json.dumps(changed)).records
