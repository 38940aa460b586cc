"""The pieces of the load benchmark: what wrk tells, what Linux tells, and what is judged."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.process_tree import family, processor_s, resident_mib
from benchmarks.protocol import Row
from benchmarks.served import await_listening, free_port, on_core, stop
from benchmarks.service_rivals import FRAMEWORK, READY
from benchmarks.service_soak import Diary, growth
from benchmarks.service_soak import judged as judged_soak
from benchmarks.service_speed import OURS, Round, bodies, judged
from benchmarks.wrk import SCRIPT, Load, Shooter, read_load, write_bodies
from tests.scripted_server import answer, scripted

SUMMARY = {
    "requests": 12_000,
    "duration_us": 2_000_000,
    "p50_us": 1_500.0,
    "p99_us": 9_000.0,
    "max_us": 20_000.0,
    "refused": 0,
    "broken": 0,
    "late": 0,
}
LOAD = Load(**SUMMARY)  # type: ignore[arg-type]
MANY_MIB = 40


def load(**changed: float) -> Load:
    """Return what wrk saw, a little otherwise."""
    return Load(**{**SUMMARY, **changed})  # type: ignore[arg-type]


def held(rows: Sequence[Row]) -> dict[str, bool | None]:
    """Return whether each figure of the service holds."""
    return {row.statistic: row.holds for row in rows if row.model == OURS}


def test_the_summary_of_wrk_is_its_last_object() -> None:
    """Whatever else it prints."""
    told = f"Running 2s test\n  {{not this}}\n{json.dumps(SUMMARY)}\n"
    found = read_load(told)
    assert found == LOAD
    assert found.requests_per_s == 6_000.0
    assert (found.p50_ms, found.p99_ms, found.errors) == (1.5, 9.0, 0)
    with pytest.raises(ValueError, match="expected the summary of wrk"):
        read_load("unable to connect")


def test_every_kind_of_error_counts() -> None:
    """Refused, broken or late."""
    assert load(refused=1, broken=2, late=4).errors == 7


def test_a_rate_becomes_a_wait() -> None:
    """Each connection waits as long as all of them have time for one request each."""
    assert Shooter(4, 10).wait_ms == 0
    assert Shooter(4, 10, 200.0).wait_ms == 20
    assert Shooter(1, 10, 1e9).wait_ms == 1


def test_without_wrk_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The only tool that no pip brings."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(FileNotFoundError, match="apt install wrk"):
        Shooter(1, 1).command("http://127.0.0.1", Path("bodies"))


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
def test_the_script_sends_bodies_in_turn(tmp_path: Path) -> None:
    """The real tool, against a server that notes what it is sent."""
    sent = write_bodies(tmp_path / "bodies", [{"place": place} for place in range(3)])
    with scripted(*[answer(b"[]")] * 4, answer(b"", "500 Odd")) as script:
        command = Shooter(1, 1, 20.0).command(script.address, sent)
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = read_load(told)
    assert (found.requests, found.refused) == (5, 1)
    sent_bodies = [request.rpartition(b"\r\n")[2] for request in script.requests[:5]]
    places = [json.loads(body)["place"] for body in sent_bodies]
    assert places == [(places[0] + turn) % 3 for turn in range(5)]
    assert script.requests[0].startswith(b"POST / HTTP/1.1\r\n")
    assert SCRIPT.is_file()


def test_requests_differ_and_repeat() -> None:
    """The same ones for everyone."""
    found = bodies("1.5B", 100)
    assert found == bodies("1.5B", 100)
    assert len({(one["input_tokens"], one["output_tokens"]) for one in found}) > 90


def test_a_process_is_weighed_with_its_children() -> None:
    """What they hold and what they use."""
    child = f"import time; b = bytearray({MANY_MIB} * 2**20); print(flush=True); time.sleep(60)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = list(family(process.pid))
        assert found[0] == process.pid
        assert len(found) == 2
        assert resident_mib(process.pid) > MANY_MIB
        assert processor_s(process.pid) > 0.0
        os.kill(found[1], 9)
    assert resident_mib(process.pid) == 0.0


def test_a_core_is_left_as_it_was() -> None:
    """Only what is started meanwhile stays on it."""
    before = os.sched_getaffinity(0)
    core = min(before)
    with on_core(core):
        assert os.sched_getaffinity(0) == ({core} if len(before) > 1 else before)
    assert os.sched_getaffinity(0) == before


def test_a_server_that_ends_says_why(tmp_path: Path) -> None:
    """Rather than being waited for."""
    log = tmp_path / "log"
    with log.open("wb") as file:
        process = subprocess.Popen([sys.executable, "-c", "print('no artifact')"], stdout=file)
    process.wait()
    with pytest.raises(RuntimeError, match="no artifact"):
        await_listening(process, free_port(), log)
    stop(process)


def test_speed_is_judged_by_medians_and_errors_by_all() -> None:
    """One lucky or unlucky round decides nothing, one error does."""
    fast, slow = Round(LOAD, 1.2), Round(load(requests=2_000, p99_us=30_000.0), 0.2)
    found = {OURS: [fast, slow, fast], READY: [fast] * 3, FRAMEWORK: [slow] * 3}
    rows = judged(found, "as said")
    assert held(rows)["predictions/s"]
    assert held(rows)["p99 ms"]
    assert held(rows)["errors"]
    values = {(row.model, row.statistic): row.value for row in rows}
    assert values[OURS, "server's processor us per prediction"] == pytest.approx(100.0)
    assert values[OURS, f"times the predictions/s of {READY}"] == pytest.approx(1.0)
    assert values[OURS, f"times the predictions/s of {FRAMEWORK}"] == pytest.approx(6.0)
    found[OURS] = [slow, fast, slow]
    assert not held(judged(found, "as said"))["predictions/s"]
    found[OURS] = [fast, fast, Round(load(refused=1), 1.2)]
    assert not held(judged(found, "as said"))["errors"]


def test_memory_that_grows_is_seen() -> None:
    """Between the second and the last fifth; what is needed to warm up is not."""
    flat = [10.0, *[60.0] * 9]
    assert growth(flat) == (60.0, 60.0)
    diary = Diary(resident_mib=flat)
    assert held(judged_soak(LOAD, diary, "as said"))["memory grown %"]
    diary = Diary(resident_mib=[60.0 + minute for minute in range(10)])
    assert not held(judged_soak(LOAD, diary, "as said"))["memory grown %"]
    gone = Diary(resident_mib=[60.0] * 5 + [0.0] * 5)
    assert not held(judged_soak(LOAD, gone, "as said"))["memory grown %"]


def test_an_error_of_a_soak_is_told() -> None:
    """With its words and how often it came."""
    diary = Diary(resident_mib=[1.0] * 10, failures={"gone": 2}, differing=1)
    rows = judged_soak(load(broken=1), diary, "as said")
    found = held(rows)
    assert [found[f"errors of {who}"] for who in ("wrk", "the client")] == [False, False]
    assert not found["answers unlike predict's"]
    assert "2 times: gone" in rows[0].protocol
