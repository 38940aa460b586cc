"""Power logs of every tool: the right rails, watts and clock, and no traceback whatever comes."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import power_logs as texts
from token2metrics.errors import DataError
from token2metrics.power.logs import (
    ClockKind,
    PowerLog,
    ReadOptions,
    known_formats,
    read_power_log,
    recognise,
)
from token2metrics.records import PowerScope

BERLIN = ZoneInfo("Europe/Berlin")
START_S = 1_790_000_000.0
WRONG_UNITS = (1e3, 1e-3, 1e6, 1e-6)


def read(
    folder: Path,
    text: str,
    rail: str | None = None,
    interval_s: float | None = 0.1,
    start_s: float | None = None,
) -> PowerLog:
    """Read a log from a file."""
    path = folder / "power.log"
    path.write_text(text, newline="")
    return read_power_log(path, ReadOptions(rail, interval_s, start_s=start_s))


def total_w(log: PowerLog) -> list[float]:
    """Return the total of a log over time."""
    assert log.total is not None
    return list(log.total.watts)


def seconds(text: str) -> float:
    """Return a date and time of UTC as seconds since 1970."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("line", "rail", "watts", "scope"),
    [
        (texts.TX1, "VDD_IN", 2.532, "module"),
        (texts.NANO, "POM_5V_IN", 1.022, "module"),
        (texts.AGX_XAVIER, "GPU+CPU+SOC+CV+VDDRQ+SYS5V", 3.346, "module"),
        (texts.XAVIER_NX, "VDD_IN", 4.067, "module"),
        (texts.ORIN_NANO, "VDD_IN", 4.824, "module"),
        (texts.AGX_ORIN, "VDD_GPU_SOC+VDD_CPU_CV+VIN_SYS_5V0", 10.37, "module"),
        (texts.AGX_ORIN_JP7, "VDD_GPU_SOC+VDD_CPU_CV+VIN_SYS_5V0", 13.907, "module"),
        (texts.THOR, "VIN", 19.78, "board"),
    ],
)
def test_every_generation_of_tegrastats_is_read(
    tmp_path: Path, line: str, rail: str, watts: float, scope: str
) -> None:
    """The momentary value counts, in milliwatts, with or without a unit."""
    log = read(tmp_path, f"{line}\n{line}\n")
    assert (log.rail, log.scope, log.format) == (rail, scope, "tegrastats")
    assert total_w(log) == pytest.approx([watts] * 2)
    assert not log.set_aside


def test_lines_without_times_lie_at_equal_distances(tmp_path: Path) -> None:
    """Line k is at k intervals, a broken one too; without an interval nothing is guessed."""
    text = f"{texts.NANO}\nnothing\n{texts.NANO}\n"
    log = read(tmp_path, text, interval_s=0.5)
    assert log.total is not None
    assert (list(log.total.times_s), log.clock) == ([0.0, 1.0], ClockKind.RELATIVE)
    assert log.set_aside == {"no power of a rail": 1}
    assert log.temperatures == ((0.0, 34.0), (1.0, 34.0))
    assert log.hottest_c(0.5, 2.0) == 34.0
    assert log.hottest_c(2.0, 3.0) is None
    with pytest.raises(DataError, match=r"--log-interval how many seconds .* --log-start when"):
        read(tmp_path, text, interval_s=None)


@pytest.mark.parametrize(
    ("text", "interval_s"),
    [
        (f"nothing\n{texts.NANO}\n{texts.NANO}\n", 0.5),
        ("time_s,power_w\n7.0,on\n7.5,41.5\n8.0,41.5\n", None),
    ],
)
def test_a_start_places_relative_times(tmp_path: Path, text: str, interval_s: float | None) -> None:
    """It is the time of the first line, also where that line has no power."""
    log = read(tmp_path, text, interval_s=interval_s, start_s=START_S)
    assert log.total is not None
    assert log.clock is ClockKind.EPOCH
    assert list(log.total.times_s) == [START_S + 0.5, START_S + 1.0]
    dated = read(tmp_path, texts.PLUG, start_s=START_S).total
    assert dated is not None
    assert dated.times_s[0] == seconds("2026-06-18 08:00:00")


def test_lines_of_one_second_are_spread_over_it(tmp_path: Path) -> None:
    """Whole seconds evenly; the first at its end, the last at its beginning."""
    lines = []
    for second, count in ((24, 1), (25, 4), (26, 4), (27, 2)):
        lines += [texts.ORIN_NANO.replace("11:25:24", f"11:25:{second}")] * count
    log = read(tmp_path, "\n".join(lines))
    assert log.total is not None
    start_s = seconds("2025-06-18 11:25:24")
    expected = [0.875 + 0.25 * place for place in range(11)]
    assert [time_s - start_s for time_s in log.total.times_s] == pytest.approx(expected)
    assert log.clock is ClockKind.LOCAL
    zoned = read_power_log(tmp_path / "power.log", ReadOptions(zone=BERLIN))
    assert zoned.clock is ClockKind.EPOCH
    assert zoned.total is not None
    assert zoned.total.times_s[0] == pytest.approx(start_s - 2 * 3600 + 0.875)


def test_a_log_of_several_boards_is_refused(tmp_path: Path) -> None:
    """Rails of boards never mix; a single stray line is set aside."""
    boards = [texts.NANO, texts.XAVIER_NX, texts.AGX_XAVIER]
    with pytest.raises(DataError, match=r"rails of several.*--log-rail"):
        read(tmp_path, "\n".join(boards))
    log = read(tmp_path, "\n".join([texts.NANO] * 5 + [texts.XAVIER_NX]))
    assert log.set_aside == {"lacks a rail of POM_5V_IN": 1}


def test_jtop(tmp_path: Path) -> None:
    """Milliwatts of each rail; jtop's own total, which counts VDDQ twice, is not taken."""
    log = read(tmp_path, texts.JTOP)
    assert log.rail == "VDD_GPU_SOC+VDD_CPU_CV+VIN_SYS_5V0"
    assert total_w(log) == pytest.approx([10.37, 32.37, 32.444])
    assert log.clock is ClockKind.LOCAL
    assert [degrees for _, degrees in log.temperatures] == [44.25, 43.0, 46.5]
    assert log.total is not None
    assert log.total.times_s[0] == seconds("2025-11-21 10:00:00.1")
    assert total_w(read(tmp_path, texts.JTOP, rail="TOT"))[0] == 10.87


def test_nvidia_smi(tmp_path: Path) -> None:
    """Watts by the unit in the cell or in the header; what is not available is counted."""
    log = read(tmp_path, texts.NVIDIA_SMI)
    assert (log.rail, log.scope, total_w(log)) == ("gpu0", PowerScope.MODULE, [120.0, 131.5])
    assert log.set_aside == {"no power in watts, such as [N/A]": 1}
    assert log.hottest_c(0, math.inf) == 43
    bare = read(tmp_path, texts.NVIDIA_SMI_BARE)
    assert total_w(bare) == [120.0, 131.5]


def test_several_cards_need_a_choice(tmp_path: Path) -> None:
    """Which card a model ran on is not guessed."""
    with pytest.raises(DataError, match=r"gpu0, gpu1; choose a rail.*--log-rail"):
        read(tmp_path, texts.NVIDIA_SMI_PAIR)
    assert total_w(read(tmp_path, texts.NVIDIA_SMI_PAIR, rail="gpu1")) == [60.0, 61.0]
    assert total_w(read(tmp_path, texts.NVIDIA_SMI_PAIR, rail="gpu0+gpu1")) == [180.0, 191.0]


def test_zeus_tells_windows(tmp_path: Path) -> None:
    """Windows with joules, and no power over time."""
    log = read(tmp_path, texts.ZEUS + "1786581509.5,broken,x,1.0\n1786581509.5,cut\n")
    assert log.total is None
    assert (log.rail, log.clock) == ("gpu0", ClockKind.EPOCH)
    prefill, decode = log.windows
    assert (prefill.name, prefill.start_s, prefill.end_s) == (
        "prefill",
        1786581508.25,
        1786581508.75,
    )
    assert decode.energies_j == {"gpu0": 2924.461}
    assert sum(log.set_aside.values()) == 2


def test_the_ina3221_log(tmp_path: Path) -> None:
    """The three rails are summed without the one that hangs below another."""
    log = read(tmp_path, texts.INA3221)
    assert (log.rail, log.clock) == ("VDD_GPU_SOC+VDD_CPU_CV+VIN_SYS_5V0", ClockKind.EPOCH)
    assert total_w(log) == pytest.approx([11.7568, 33.6566, 33.6596])
    assert list(log.traces["VDDQ_VDD2_1V8AO"].watts) == [0.5, 0.6, 0.6]


@pytest.mark.parametrize(
    ("text", "watts", "clock", "first_s"),
    [
        (texts.PLUG, 41.5, ClockKind.EPOCH, seconds("2026-06-18 08:00:00")),
        ("time_s,P [mW]\n0.5,41500\n", 41.5, ClockKind.RELATIVE, 0.5),
        ("timestamp_ms\tPower (W)\n1786581506250\t41.5\n", 41.5, ClockKind.EPOCH, 1786581506.25),
        ("timestamp,watts\n1786581506250,41.5\n", 41.5, ClockKind.EPOCH, 1786581506.25),
        ("Date Time,power_w\n2026-06-18 08:00:00,41.5\n", 41.5, ClockKind.LOCAL, 1781769600.0),
    ],
)
def test_a_plain_table(
    tmp_path: Path, text: str, watts: float, clock: ClockKind, first_s: float
) -> None:
    """A time and a power, in the units that the header names."""
    log = read(tmp_path, text)
    assert (total_w(log)[0], log.clock, log.scope) == (watts, clock, PowerScope.WALL)
    assert log.total is not None
    assert log.total.times_s[0] == first_s


def test_a_plain_table_of_a_rail_is_no_wall(tmp_path: Path) -> None:
    """The header may name a board's rail."""
    module = read(tmp_path, "time_s,VDD_IN_mW\n0.5,41500\n")
    assert (module.rail, module.scope, total_w(module)) == ("VDD_IN", PowerScope.MODULE, [41.5])
    assert read(tmp_path, "time_s,VDD_CPU_CV_mW\n0.5,1\n").scope is PowerScope.RAIL


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello\n",
        "time,power\n1,2\n",
        "time_s,power_MW\n1,2\n",
        "time_s,energy_wh\n1,2\n",
        "time_s,power_kw\n1,2\n",
        "a,b\n" * 3,
    ],
)
def test_an_unknown_format_is_refused(tmp_path: Path, text: str) -> None:
    """The known formats are listed, with what each looks for."""
    with pytest.raises(DataError, match="known format") as refusal:
        read(tmp_path, text)
    assert all(known.looks_for in str(refusal.value) for known in known_formats())


def test_a_table_without_readings_is_refused(tmp_path: Path) -> None:
    """Why no line could be read is said."""
    with pytest.raises(DataError, match="2 times: no time with a date or a unit"):
        read(tmp_path, "elapsed,power_w\n0.0,5\n0.1,6\n")
    with pytest.raises(DataError, match="cannot read"):
        read_power_log(tmp_path / "missing.csv")


def test_every_log_has_one_format() -> None:
    """No text is taken for two formats, last resorts aside."""
    for text in texts.LOGS.values():
        fitting = [known for known in known_formats() if known.recognises(text)]
        assert len([known for known in fitting if not known.is_last_resort]) <= 1
        assert recognise(text) is fitting[0]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        (texts.ORIN_NANO + "\n", "99-99-2025 11:25:24 VDD_IN 4824mW\n", "no time, where other"),
        (texts.JTOP, texts.JTOP.splitlines()[1].replace("-11-", "-13-"), "no date and time"),
        (texts.JTOP, "2025-11-21 10:00:04" + "," * 13, "no power of a rail"),
        (texts.NVIDIA_SMI, "yesterday, 0, A10G, 120.00 W, 41, 1 MiB", "no date and time"),
        (texts.NVIDIA_SMI, "2026/06/18 00:00:01, x, A10G, 120.00 W, 41, 1 MiB", "no index"),
        (texts.INA3221, "12.5,5164.6,1984.8,4607.4,11756.8,500.0", "no seconds since 1970"),
        (texts.INA3221, "1786581508.0,,,,11756.8,", "no power of a rail"),
        (texts.INA3221, "1786581508.0,5164.6", "2 cells instead of 6"),
        (
            texts.INA3221,
            "1786581508.0,5164.6,x,4607.4,11756.8,500.0",
            "lacks a rail of VDD_GPU_SOC",
        ),
        (texts.PLUG, "2026-06-18T10:00:03+02:00;230.1;on", "no power"),
        (texts.PLUG, "2026-06-18T10:00:03;230.1;41.5", "a time unlike the others"),
        (texts.ZEUS, "1.5,prefill,0.5,120.5", "a time unlike the others"),
        (texts.ZEUS, "1786581508.25,prefill,0.5,-1.0", "no number of zero or more"),
    ],
)
def test_a_broken_line_is_set_aside(tmp_path: Path, text: str, line: str, reason: str) -> None:
    """It is counted with its reason, and the others are read as before."""
    log = read(tmp_path, text + line + "\n")
    [(words, count)] = (item for item in log.set_aside.items() if "[N/A]" not in item[0])
    assert (reason in words, count) == (True, 1)
    assert log.windows == read(tmp_path, text).windows
    if log.total is not None:
        assert total_w(log) == total_w(read(tmp_path, text))


def test_other_encodings_are_read(tmp_path: Path) -> None:
    """Windows writes UTF-16, some tools a mark before UTF-8."""
    path = tmp_path / "power.csv"
    for encoding in ("utf-16", "utf-8-sig"):
        path.write_text(texts.NVIDIA_SMI, encoding=encoding)
        assert total_w(read_power_log(path)) == [120.0, 131.5]


def test_a_growing_log_has_no_half_line(tmp_path: Path) -> None:
    """The last line counts once it has ended."""
    path = tmp_path / "power.csv"
    path.write_text("time_s,power_w\n1,120.5\n2,12")
    assert total_w(read_power_log(path)) == [120.5, 12.0]
    assert total_w(read_power_log(path, is_growing=True)) == [120.5]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.sampled_from(sorted(texts.LOGS.values())),
    place=st.floats(0, 1),
    change=st.sampled_from(("insert", "replace", "delete", "cut line", "repeat line", "cut file")),
    character=st.sampled_from("0-./,; \"'[]WmMk%@\n\r\t\0\u00e9\u2028eE+NaNinf")
    | st.characters(codec="utf-8"),
)
def test_a_mutated_log_is_read_or_refused(
    tmp_path: Path, text: str, place: float, change: str, character: str
) -> None:
    """One edit costs at most what it touches: no traceback, no other unit."""
    known = watts_of(read(tmp_path, text))
    where = min(int(place * len(text)), len(text) - 1)
    line = text.count("\n", 0, where)
    lines = text.splitlines(keepends=True)
    mutated = {
        "insert": text[:where] + character + text[where:],
        "replace": text[:where] + character + text[where + 1 :],
        "delete": text[:where] + text[where + 1 :],
        "cut line": "".join(lines[:line] + lines[line + 1 :]),
        "repeat line": "".join([*lines[: line + 1], *lines[line:]]),
        "cut file": text[:where],
    }[change]
    try:
        found = watts_of(read(tmp_path, mutated))
    except DataError:
        return
    for value in found - known:
        for factor in WRONG_UNITS:
            assert not any(value and math.isclose(value, one * factor) for one in known)


def watts_of(log: PowerLog) -> set[float]:
    """Return every power of a log, or every energy."""
    return {
        *(watts for trace in log.traces.values() for watts in trace.watts),
        *(energy for window in log.windows for energy in window.energies_j.values()),
    }


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=200), hours=st.integers(-12, 14))
def test_any_text_is_read_or_refused(tmp_path: Path, text: str, hours: int) -> None:
    """What is no log is a clear error, whatever header it has and whatever the zone."""
    path = tmp_path / "power.log"
    for head in ("", *(log.splitlines()[0] + "\n" for log in texts.LOGS.values())):
        path.write_text(head + text, newline="")
        try:
            zone = timezone(timedelta(hours=hours))
            read_power_log(path, ReadOptions(interval_s=1.0, zone=zone))
        except DataError:
            continue
