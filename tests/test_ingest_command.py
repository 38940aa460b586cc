"""``ingest``: its table, its account, what it writes, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import polars as pl
import pytest

from tests.conftest import Run, refused
from tests.ingest_clients import AIPERF, EPOCH_S, NO_REQUEST_DONE, SAMPLES
from tests.ingest_engines import BENCH_CSV, bench, lines
from tests.test_imports import in_a_new_process
from token2metrics.data.formats.format import FormatContext
from token2metrics.data.load import load
from token2metrics.processors.validate import validate

PROBE = """
import sys
from token2metrics.cli.app import main
try:
    main(sys.argv[1:])
except SystemExit as stop:
    code = stop.code
print("LOADED", code, *sorted({name.partition(".")[0] for name in sys.modules} & HEAVY))
"""
TOLD = ("--device", "orin-nano", "--power-mode", "maxn", "--runtime", "any", "--precision", "bf16")
TEGRASTATS = "09-21-2026 14:13:{second:02d} RAM 1/2MB GR3D_FREQ 0% VDD_IN {milliwatts}mW/5000mW\n"
TEGRASTATS_JP4 = "RAM 1/2MB GR3D_FREQ 0% VDD_IN 5000/4321"
POWER_W = 5.0

Write = Callable[[str, str], Path]


@pytest.fixture
def write(clean_place: Path) -> Write:
    """Return a function that writes a file into the working directory."""

    def write_file(name: str, text: str) -> Path:
        path = clean_place / name
        path.write_text(text)
        return path

    return write_file


def power_csv(start_s: float, seconds: int) -> str:
    """Return a log of constant power, ten readings a second."""
    rows = (f"{start_s + n / 10:.1f},{1_000 * POWER_W}" for n in range(10 * seconds))
    return "\n".join(["epoch_s,total_mw", *rows]) + "\n"


def test_files_become_a_table(run: Run, write: Write) -> None:
    """Rows of all files are written, and everything in them is accounted for."""
    first = write("bench.json", SAMPLES["llama-bench json"].text)
    second = write("profile.jsonl", SAMPLES["aiperf"].text)
    outcome = run("ingest", first, second, "-o", "rows.parquet", "--device", "orin-nano")
    assert outcome.code == 0, outcome.err
    shown = " ".join(outcome.out.split())
    for words in (
        "bench.json llama-bench 2 1 0 1",
        "profile.jsonl AIPerf (requests) 1 1 0 1",
        "set aside 1: prefill behind a filled context",
        "set aside 1: the request failed",
        "model of 2 rows is not known: --model tells it",
        "power_mode of 5 rows is not known: --power-mode tells it",
        "wrote 5 rows to rows.parquet",
    ):
        assert words in shown
    assert "--device tells it" not in shown
    table = pl.read_parquet("rows.parquet")
    assert table["phase"].to_list() == ["prefill", "prefill", "decode", "prefill", "decode"]
    assert set(table["device"]) == {"orin-nano"}
    assert set(table["source"]) == {"bench.json", "profile.jsonl"}


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
@pytest.mark.parametrize("name", [name for name, sample in SAMPLES.items() if sample.rows])
def test_what_is_written_is_a_canonical_table(
    run: Run, write: Write, name: str, ending: str
) -> None:
    """``train`` reads it: every row is accepted once device and model are told."""
    file = write("results.txt", SAMPLES[name].text)
    output = Path(f"rows.{ending}")
    outcome = run("ingest", file, "-o", output, "-m", "1.5B", *TOLD)
    assert outcome.code == 0, outcome.err
    context = FormatContext("orin-nano", "server", lambda known: known)
    checked = validate(load([output], context))
    rejected = checked.rejected.collect()
    reasons = set(rejected["category"]) - {"bad quality flag", "duplicate row"}
    assert not reasons, rejected
    accepted = checked.accepted.collect()
    assert accepted.height + rejected.height == len(SAMPLES[name].rows)
    assert set(accepted["model"]) == {"1.5B"}


def test_rows_without_device_wait_until_told(run: Run, write: Write) -> None:
    """They are written all the same, and the message says what train makes of them."""
    file = write("profile.jsonl", lines(AIPERF))
    outcome = run("ingest", file, "-o", "rows.csv")
    assert "device of 2 rows is not known: --device tells it; train sets these" in outcome.out
    rejected = validate(load([Path("rows.csv")], FormatContext("a", "b", str))).rejected.collect()
    assert set(rejected["reason"]) == {"expected device to be named, got nothing"}


def test_json_alone_on_standard_output(run: Run, write: Write) -> None:
    """``--json`` prints the whole account."""
    good = write("bench.csv", BENCH_CSV)
    bad = write("notes.txt", "nothing of use\n")
    outcome = run("ingest", good, bad, "-o", "rows.jsonl", "--json", "--precision", "bf16")
    assert outcome.code == 0
    account = json.loads(outcome.out)
    assert account["rows"] == 3
    assert account["files"][0]["rows"] == {"prefill": 1, "decode": 1, "request": 1}
    assert account["files"][0]["set_aside"][0]["where"] == "line 5"
    assert account["files"][1]["reader"] is None
    assert "no known format" in account["files"][1]["refused"]
    assert any(words.startswith("vllm bench serve:") for words in account["looked_for"])
    assert account["contradicted"] == {"precision": 3}
    assert account["unknown"] == {"power_mode": 3}


def test_files_are_believed_on_facts_and_renamed(run: Run, write: Write) -> None:
    """A given device or model replaces the tool's name, a given precision does not."""
    file = write("bench.json", lines(bench(64, 0, 0, 10**9)))
    options = ("-m", "8B", "--device", "agx", "--precision", "q8_0", "--parallel", 1)
    outcome = run("ingest", file, "-o", "rows.parquet", *options, "--runtime", "llama.cpp")
    assert "1 row keep the precision that the file tells" in outcome.out
    row = pl.read_parquet("rows.parquet").row(0, named=True)
    assert (row["model"], row["device"], row["precision"]) == ("8B", "agx", "q4_k_m")


def test_what_train_leaves_out_is_said(run: Run, write: Write) -> None:
    """A cold first request and many reasons are reported, not lost."""
    many = [{"n_prompt": 1, "n_gen": 0, "avg_ns": 0.5 + n} for n in range(-30, 5)]
    bench_file = write("bench.jsonl", lines(*many))
    slow = {**AIPERF, "metrics": {**AIPERF["metrics"]}}
    slow["metrics"]["time_to_first_token"] = {"value": 900.0, "unit": "ms"}
    slow["metrics"]["request_latency"] = {"value": 950.0, "unit": "ms"}
    profile = write("profile.jsonl", lines(slow, *[AIPERF] * 4))
    outcome = run("ingest", bench_file, profile, write("notes.md", "none"), "-o", "rows.csv")
    for words in (
        "profile.jsonl: 1 row flagged cold, which train leaves out",
        "notes.md is of no known format",
        "known formats:",
        "llama-bench: JSON objects",
        "bench.jsonl: set aside 30: expected `float` >= 0.0",
    ):
        assert words in outcome.out


def test_a_power_log_gives_energies(run: Run, write: Write) -> None:
    """Phases with a start get the joules of their window, others a note that says why not."""
    start_ns = int(EPOCH_S * 1e9)
    long = {**AIPERF["metrics"], "request_latency": {"value": 4_000.0, "unit": "ms"}}
    metadata = {"request_start_ns": start_ns, "request_end_ns": start_ns + 4 * 10**9}
    file = write("profile.jsonl", lines({"metadata": metadata, "metrics": long}))
    log = write("power.csv", power_csv(EPOCH_S - 2, 10))
    outcome = run("ingest", file, "-o", "rows.parquet", "--power-log", log)
    assert outcome.code == 0, outcome.err
    assert "1 row with an energy" in outcome.out
    assert "1 row: no energy:" in outcome.out
    prefill, decode = pl.read_parquet("rows.parquet").rows(named=True)
    assert prefill["energy_j"] is None
    assert "power readings" in prefill["note"]
    assert decode["energy_j"] == pytest.approx(POWER_W * decode["latency_s"], rel=1e-6)
    assert decode["energy_samples"] >= 5


def test_local_times_need_a_zone(run: Run, write: Write, long_request: Path) -> None:
    """Tegrastats writes local times; a zone turns them into times of day."""
    log = write(
        "tegrastats.log",
        "".join(TEGRASTATS.format(second=second, milliwatts=5_000) for second in range(10, 40)),
    )
    command = ("ingest", long_request, "-o", "rows.csv", "--power-log", log)
    assert "--log-zone tells in which zone" in run(*command).out
    outcome = run(*command, "--log-zone", "UTC", "--json")
    assert json.loads(outcome.out)["energies"]["with_energy"] == 1
    refused(run(*command, "--log-zone", "Atlantis/Capital"), "--log-zone", "'Atlantis/Capital'")


@pytest.fixture
def long_request(write: Write) -> Path:
    """Return the result of one request that took eight seconds from ``EPOCH_S`` on."""
    start_ns = int(EPOCH_S * 1e9)
    long = {**AIPERF["metrics"], "request_latency": {"value": 8_000.0, "unit": "ms"}}
    metadata = {"request_start_ns": start_ns, "request_end_ns": start_ns + 8 * 10**9}
    return write("profile.jsonl", lines({"metadata": metadata, "metrics": long}))


@pytest.mark.parametrize(
    "start",
    [
        str(EPOCH_S - 2),
        datetime.fromtimestamp(EPOCH_S - 2, timezone(timedelta(hours=2))).isoformat(),
    ],
)
def test_a_log_without_times_can_be_joined(
    run: Run, write: Write, long_request: Path, start: str
) -> None:
    """The errors and notes name the options that help, and these do help."""
    log = write("tegrastats.log", (TEGRASTATS_JP4 + "\n") * 40)
    command = ("ingest", long_request, "-o", "rows.parquet", "--power-log", log)
    refused(run(*command), "tegrastats.log", "--log-interval", "--log-start")
    timed = (*command, "--log-interval", "0.5")
    assert "--log-start tells when it began" in run(*timed).out
    outcome = run(*timed, "--log-start", start)
    assert "1 row with an energy" in outcome.out, outcome.err
    _, decode = pl.read_parquet("rows.parquet").rows(named=True)
    assert decode["energy_j"] == pytest.approx(POWER_W * decode["latency_s"], rel=1e-6)
    assert decode["power_rail"] == "VDD_IN"


def test_a_card_of_several_can_be_joined(run: Run, write: Write, long_request: Path) -> None:
    """The error names the option for the rail, and it takes that card alone."""
    rows = [
        f"{datetime.fromtimestamp(EPOCH_S + second / 2 - 2, UTC):%Y/%m/%d %H:%M:%S.%f}, {card}, "
        f"{POWER_W * (card + 1)} W"
        for second in range(40)
        for card in range(2)
    ]
    log = write("cards.csv", "\n".join(["timestamp, index, power.draw", *rows]) + "\n")
    zoned = ("ingest", long_request, "-o", "rows.parquet", "--power-log", log, "--log-zone", "UTC")
    refused(run(*zoned), "gpu0, gpu1", "--log-rail")
    refused(run(*zoned, "--log-rail", "gpu2"), "has no 'gpu2'")
    assert run(*zoned, "--log-rail", "gpu1").code == 0
    _, decode = pl.read_parquet("rows.parquet").rows(named=True)
    assert decode["energy_j"] == pytest.approx(2 * POWER_W * decode["latency_s"], rel=1e-6)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--log-interval", "0"], "positive seconds, got 0"),
        (["--log-interval", "nan"], "positive seconds, got nan"),
        (["--log-start", "yesterday"], "seconds since 1970, got 'yesterday'"),
        (["--log-start", "2026-09-21T14:13:10"], "a time with its zone"),
        (["--log-start", "12.5"], "seconds since 1970, got '12.5'"),
        (["--log-start", "1790000000", "--power-log", "b.csv"], "one --power-log"),
    ],
)
def test_wrong_words_about_a_log_are_refused(
    run: Run, write: Write, long_request: Path, options: list[str], words: str
) -> None:
    """In one line, and also where there is no log that they could be about."""
    log = write("power.csv", power_csv(EPOCH_S, 10))
    command = ("ingest", long_request, "-o", "rows.csv")
    refused(run(*command, "--power-log", log, *options), words)
    refused(run(*command, *options[:2]), "expected --power-log beside")


def test_the_table_shows_names_and_messages_paths(run: Run, write: Write) -> None:
    """A long path would be folded in the table beyond recognition."""
    folder = Path("results_of_the_campaign/of_a_long_night/on_every_board")
    folder.mkdir(parents=True)
    file = write(str(folder / "profile.jsonl"), SAMPLES["aiperf"].text)
    shown = run("ingest", file, "-o", "rows.csv").out
    table, messages = shown.split("\n\n", 1)
    assert "profile.jsonl" in table
    assert folder.name not in table
    assert f"{file}: set aside 1" in messages.replace("\n", "")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hello\n", ["no known format", "llama-bench:", "n_prompt, n_gen, avg_ns"]),
        (json.dumps(NO_REQUEST_DONE), ["every request failed", "vllm bench serve"]),
        (SAMPLES["genai-perf console"].text, ["for the screen", "profile_export"]),
        (SAMPLES["mlperf summary"].text, ["LoadGen", "how long their prompts"]),
        (TEGRASTATS.format(second=1, milliwatts=1), ["a power log", "--power-log"]),
        ('{"n_prompt": 64, "n_gen": 0, "avg_ns"', ["damaged", "export it again"]),
        (BENCH_CSV.replace("n_prompt", "n_prompt,repack", 1), ["expected 7 cells", "got 6", "4x"]),
        ("", ["empty file"]),
    ],
)
def test_files_without_rows_are_refused(
    run: Run, write: Write, text: str, words: list[str]
) -> None:
    """One line says what is wrong with a file, and nothing is written."""
    file = write("results.txt", text)
    refused(run("ingest", file, "-o", "rows.parquet"), *words)
    assert not Path("rows.parquet").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ingest", "nowhere.json", "-o", "rows.csv"], ["expected a file at nowhere.json"]),
        (["ingest", "bench.csv", "-o", "rows.xlsx"], ["rows.xlsx", ".parquet"]),
        (["ingest", "bench.csv"], ["--output"]),
        (["ingest", "-o", "rows.csv"], ["FILE"]),
        (["ingest", "bench.csv", "-o", "r.csv", "--parallel", "0"], ["--parallel"]),
        (["ingest", "bench.csv", "-o", "r.csv", "--power-log", "bench.csv"], ["power log"]),
    ],
)
def test_wrong_input_is_refused(
    run: Run, write: Write, arguments: list[str], words: list[str]
) -> None:
    """Wrong paths and options are refused in one line."""
    write("bench.csv", BENCH_CSV)
    refused(run(*arguments), *words)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["ingest", "--help"], 0),
        (["ingest", "--bogus"], 2),
        (["ingest", "nowhere.json", "-o", "rows.csv"], 2),
        (["ingest", "README.md", "-o", "rows.csv"], 2),
    ],
)
def test_help_and_errors_are_light(arguments: list[str], code: int) -> None:
    """They answer without any numerical library."""
    ended = in_a_new_process(PROBE, *arguments)
    assert ended.stdout.splitlines()[-1] == f"LOADED {code}", ended.stderr
