"""Meters that count, run a program, look into a log or take a word for it; and their factory."""

from __future__ import annotations

import logging
import os
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import power_logs as texts
from tests.power_hardware import BOARDS, SteppedTime, on_path, write, write_board, write_program
from token2metrics.errors import ConfigurationError, DataError, MissingExtraError
from token2metrics.power.meter import PowerMeter
from token2metrics.power.meters import METERS, MeterOptions, build_meter
from token2metrics.records import PowerScope

RANGE_UJ = 65_532_610_987
LONG_S = 60.0
LENGTH_S = 0.4


def built(spec: str, options: MeterOptions) -> PowerMeter:
    """Build a meter that must be there."""
    meter = build_meter(spec, options)
    assert meter is not None
    return meter


def write_package(root: Path, number: int, energy_uj: int) -> Path:
    """Write a processor package's counter and return its file."""
    folder = root / f"class/powercap/intel-rapl:{number}"
    write(folder / "name", f"package-{number}")
    write(folder / "max_energy_range_uj", RANGE_UJ)
    return write(folder / "energy_uj", energy_uj)


@pytest.fixture
def tegrastats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a program on the PATH that prints recorded lines of an AGX Orin."""
    lines = ["starting", texts.AGX_ORIN_JP7, texts.AGX_ORIN, "noise 1/2"]
    write_program(tmp_path / "bin", "tegrastats", lines, times=10_000)
    monkeypatch.setenv("PATH", on_path(tmp_path / "bin"))


@pytest.mark.usefixtures("tegrastats")
def test_a_running_tegrastats_is_read() -> None:
    """Each line counts at its arrival; the program ends with the meter."""
    meter = built("tegrastats", MeterOptions(period_s=0.02))
    assert (meter.rail, meter.scope) == (BOARDS["agx-orin"].rail, PowerScope.MODULE)
    with meter:
        limit_s = time.monotonic() + LONG_S
        energy_j = None
        while energy_j is None and time.monotonic() < limit_s:
            end_s = time.monotonic()
            energy_j = meter.window(end_s - LENGTH_S, end_s).energy_j
    assert energy_j is not None
    assert 10.3 < energy_j / LENGTH_S < 14
    assert meter.window(end_s, end_s + LONG_S).energy_j is None


@pytest.mark.usefixtures("tegrastats")
def test_a_rail_of_tegrastats_can_be_chosen() -> None:
    """As of any meter."""
    assert built("tegrastats", MeterOptions(rail="VDD_CPU_CV")).rail == "VDD_CPU_CV"
    with pytest.raises(DataError, match="expected one of the rails"):
        build_meter("tegrastats", MeterOptions(rail="VDD_IN"))


def test_a_tegrastats_that_ends_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What follows its end has no energy, and the reason is said once in the log."""
    write_program(tmp_path / "bin", "tegrastats", [texts.THOR], times=2)
    monkeypatch.setenv("PATH", on_path(tmp_path / "bin"))
    with caplog.at_level(logging.WARNING), built("tegrastats", MeterOptions()) as meter:
        limit_s = time.monotonic() + LONG_S
        while not caplog.records and time.monotonic() < limit_s:
            end_s = time.monotonic()
            meter.window(end_s, end_s)
        window = meter.window(end_s, time.monotonic())
    assert window.energy_j is None
    assert "(it is read no more: what it is read from has ended)" in str(window.why_not)
    assert len(caplog.records) == 1


def test_a_tegrastats_without_power_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing program, one that tells no power, and one that stops telling it."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(ConfigurationError, match="on the PATH"):
        build_meter("tegrastats")
    write_program(tmp_path / "bin", "tegrastats", ["no power"], times=2)
    with pytest.raises(ConfigurationError, match="tell the power of rails, got none"):
        build_meter("tegrastats")
    program = write_program(tmp_path / "bin", "tegrastats", [texts.THOR], times=2)
    program.write_text("#!/nowhere/python\n")
    with pytest.raises(ConfigurationError, match="cannot start"):
        build_meter("tegrastats")
    write_program(tmp_path / "bin", "tegrastats", [texts.THOR], times=2)
    meter = built("tegrastats", MeterOptions())
    write_program(tmp_path / "bin", "tegrastats", ["no power"], times=2)
    with pytest.raises(ConfigurationError, match="no power of VIN any more"), meter:
        pass


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=10)
@given(
    first=st.tuples(st.integers(0, RANGE_UJ - 1), st.integers(0, RANGE_UJ - 1)),
    steps=st.lists(st.integers(0, RANGE_UJ // 2), min_size=7, max_size=12),
)
def test_rapl_counts_beyond_its_range(
    tmp_path: Path, first: tuple[int, int], steps: list[int]
) -> None:
    """Counters of all packages are summed, also where one starts again from zero."""
    files = [write_package(tmp_path, number, energy) for number, energy in enumerate(first)]
    write(tmp_path / "class/powercap/intel-rapl:0:0/name", "core")
    write(tmp_path / "class/powercap/intel-rapl:2/name", "psys")
    clock = SteppedTime()
    options = MeterOptions(sysfs_root=tmp_path, timing=clock.timing)
    with built("rapl", options) as meter:
        assert (meter.rail, meter.scope) == ("package-0+package-1", PowerScope.RAIL)
        start_s, energy = clock.now_s, list(first)
        for step in steps:
            energy = [(energy[0] + step) % RANGE_UJ, energy[1]]
            for file, energy_uj in zip(files, energy, strict=True):
                write(file, energy_uj)
            clock.step()
        window = meter.window(start_s, clock.now_s)
    assert window.samples is None
    assert window.energy_j == pytest.approx(sum(steps) / 1e6)


def test_rapl_that_is_not_there_is_told(tmp_path: Path) -> None:
    """No counter, none of a package, and one that is broken."""
    options = MeterOptions(sysfs_root=tmp_path)
    with pytest.raises(ConfigurationError, match="expected a processor package"):
        build_meter("rapl", options)
    counter = write_package(tmp_path, 0, 1)
    write(counter, "none")
    with pytest.raises(ConfigurationError, match="cannot read the energy counters"):
        build_meter("rapl", options)
    write(write_package(tmp_path, 0, 1).parent / "max_energy_range_uj", 0)
    with pytest.raises(ConfigurationError, match=r"expected a positive range .* got 0"):
        build_meter("rapl", options)
    assert build_meter("auto", options) is None


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_rapl_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    """What lets it be read is said."""
    write_package(tmp_path, 0, 1).chmod(0)
    with pytest.raises(ConfigurationError, match="sudo chmod a"):
        build_meter("rapl", MeterOptions(sysfs_root=tmp_path))


def test_a_stated_power() -> None:
    """Watts times seconds; the scope is the wall unless stated."""
    with built("constant:15", MeterOptions()) as meter:
        assert meter.window(2.0, 4.5).energy_j == 37.5
        assert (meter.rail, meter.scope, meter.period_s) == ("constant", PowerScope.WALL, None)
    assert built("constant:15:board", MeterOptions()).scope is PowerScope.BOARD


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("constant", "positive watts"),
        ("constant:-1", "positive watts"),
        ("constant:nan", "positive watts"),
        ("constant:15 W", "positive watts"),
        ("constant:15:room", "scope of a power among rail, module, board, wall"),
        ("replay:", "expected a power log"),
        ("nvml:first", "number of a card"),
        ("zeus:first", "number of a card"),
        ("rapl:package-0", "expected 'rapl' alone"),
        ("none:x", "expected a power meter among auto, none, .* got 'none:x'"),
        ("watt", "expected a power meter among auto, none, ina3221"),
    ],
)
def test_a_wrong_spec_is_refused(spec: str, words: str) -> None:
    """One line says what is expected."""
    with pytest.raises(ConfigurationError, match=words):
        build_meter(spec)


def test_a_log_is_replayed(tmp_path: Path) -> None:
    """Windows are looked up with the clock's offset, in a log that grows meanwhile."""
    path, clock = tmp_path / "plug.csv", SteppedTime()
    lines = [f"{second},{10 + second}\n" for second in range(20)]
    path.write_text("time_s,power_w\n" + "".join(lines[:10]))
    options = MeterOptions(timing=clock.timing, clock_offset_s=-100.0)
    with built(f"replay:{path}", options) as meter:
        assert (meter.rail, meter.scope, meter.period_s) == ("power", PowerScope.WALL, 1.0)
        assert meter.window(102.0, 108.0).energy_j == pytest.approx(6 * 15)
        assert "after the last reading" in str(meter.window(102.0, 112.0).why_not)
        assert clock.now_s == 102.0
        path.write_text("time_s,power_w\n" + "".join(lines) + "20,3")
        os.utime(path, (1, 1))
        assert meter.window(102.0, 112.0).energy_j == pytest.approx(10 * 17)
        path.unlink()
        assert meter.window(102.0, 112.0).energy_j == pytest.approx(10 * 17)


def test_a_log_with_dates_needs_no_offset(tmp_path: Path) -> None:
    """Seconds since 1970 are found from the clock of the machine; others need an offset."""
    path = tmp_path / "power.csv"
    now_s, start_s = time.time(), time.monotonic()
    rows = [f"{now_s + second},5\n" for second in range(-5, 15)]
    path.write_text("epoch_s,vdd_in_mw\n" + "".join(rows))
    meter = built(f"replay:{path}", MeterOptions(rail="VDD_IN"))
    assert meter.window(start_s, start_s + 8).energy_j == pytest.approx(8 * 0.005)
    path.write_text("time_s,power_w\n1,2\n")
    with pytest.raises(ConfigurationError, match="log with dates"):
        build_meter(f"replay:{path}")
    path.write_text(texts.ZEUS)
    with pytest.raises(DataError, match="expected power over time"):
        build_meter(f"replay:{path}")
    with pytest.raises(DataError, match="cannot read"):
        build_meter(f"replay:{tmp_path / 'missing'}")


def test_a_rail_of_a_replayed_log_can_be_chosen(tmp_path: Path) -> None:
    """It follows the file, whose own name may have a colon."""
    for name in ("cards.csv", "cards:gpu0"):
        path = tmp_path / name
        path.write_text(texts.NVIDIA_SMI_PAIR)
        assert built(f"replay:{path}:gpu1", MeterOptions()).rail == "gpu1"
        with pytest.raises(DataError, match="gpu0, gpu1; choose a rail"):
            build_meter(f"replay:{path}")


@pytest.mark.parametrize(("name", "package"), [("nvml", "pynvml"), ("zeus", "zeus")])
def test_a_missing_package_is_told(
    name: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What to install is said."""
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setitem(sys.modules, f"{package}.device", None)
    with pytest.raises(MissingExtraError, match="pip install"):
        build_meter(name)


def test_none_is_none() -> None:
    """Measuring without energy is a choice."""
    assert build_meter("none") is None


def test_auto_takes_the_first_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Boards before programs before processors; what was taken and why not others is logged."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setitem(sys.modules, "pynvml", None)
    options = MeterOptions(sysfs_root=tmp_path)
    with caplog.at_level(logging.WARNING):
        assert build_meter("auto", options) is None
    assert all(name in caplog.text for name in ("ina3221", "tegrastats", "nvml", "rapl"))
    caplog.clear()
    write_package(tmp_path, 0, 1)
    with caplog.at_level(logging.INFO, logger="token2metrics"):
        assert built("auto", options).rail == "package-0"
    assert "no power from tegrastats: expected the program" in caplog.text
    assert "power from rapl: package-0 (rail)" in caplog.text
    write_program(tmp_path / "bin", "tegrastats", [texts.THOR], times=2)
    assert built("auto", options).rail == "VIN"
    write_board(tmp_path, BOARDS["xavier-nx"])
    assert built("auto", options).rail == "VDD_IN"
    assert set(METERS) >= {"ina3221", "tegrastats", "nvml", "rapl", "zeus", "constant", "replay"}
