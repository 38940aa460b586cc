"""Power monitors as sysfs shows them: the right rails, watts and scope of every board."""

from __future__ import annotations

import itertools
import logging
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.power_hardware import BOARDS, Board, SteppedTime, write, write_board
from token2metrics.errors import ConfigurationError, DataError
from token2metrics.power.meters import MeterOptions, build_meter
from token2metrics.power.meters.ina3221 import Ina3221Meter, find_channels
from token2metrics.power.rails import choose_rails
from token2metrics.power.sampler import PolledMeter, Timing
from token2metrics.power.thermal import hottest_c
from token2metrics.records import PowerScope

EXACT = 1e-9
PERIOD_S = 0.1
NVIDIA_AGX_ORIN = BOARDS["agx-orin"]


def meter_of(root: Path, rail: str | None = None, time: SteppedTime | None = None) -> PolledMeter:
    """Build the meter of a board."""
    timing = (time or SteppedTime()).timing
    meter = build_meter("ina3221", MeterOptions(sysfs_root=root, rail=rail, timing=timing))
    assert isinstance(meter, Ina3221Meter)
    return meter


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_a_board_has_its_total(board: Board, tmp_path: Path) -> None:
    """The whole input where a rail carries it, else the sum without children of other rails."""
    meter = meter_of(write_board(tmp_path, board))
    assert meter.rail == board.rail
    assert meter.scope is board.scope
    assert meter.read() == pytest.approx(board.watts)
    assert meter.period_s == PERIOD_S


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_every_connected_rail_is_found(board: Board, tmp_path: Path) -> None:
    """Rails that are not connected, and sums of shunt voltages, are none."""
    rails = {rail for chip in (*board.hwmon, *board.iio) for rail in chip} - {"NC"}
    more = {"VIN"} if board.input_uw is not None else set()
    assert set(find_channels(write_board(tmp_path, board))) == rails | more


def test_a_rail_can_be_chosen(tmp_path: Path) -> None:
    """One rail, or a sum of some, is a rail; the total by any order of its rails is the total."""
    root = write_board(tmp_path, NVIDIA_AGX_ORIN)
    one, two = meter_of(root, "VDD_CPU_CV"), meter_of(root, "VDD_CPU_CV+VDD_GPU_SOC")
    assert (one.rail, one.scope, two.scope) == ("VDD_CPU_CV", PowerScope.RAIL, PowerScope.RAIL)
    assert one.read() == pytest.approx(3.265)
    assert two.read() == pytest.approx(8.405)
    named = build_meter("ina3221:VDD_CPU_CV", MeterOptions(sysfs_root=root))
    assert named is not None
    assert named.rail == one.rail
    every = meter_of(root, "VIN_SYS_5V0+VDD_CPU_CV+VDD_GPU_SOC")
    assert every.scope is PowerScope.MODULE


@pytest.mark.parametrize(
    ("rail", "words"),
    [
        ("VDD_IN", "expected one of the rails"),
        ("VDD_CPU_CV+", "has no ''"),
        ("VDD_CPU_CV+VDD_CPU_CV", "names a rail twice"),
    ],
)
def test_a_wrong_rail_is_refused(tmp_path: Path, rail: str, words: str) -> None:
    """The rails that are there are named."""
    root = write_board(tmp_path, NVIDIA_AGX_ORIN)
    with pytest.raises(DataError, match="VDDQ_VDD2_1V8AO, VDD_CPU_CV") as refusal:
        meter_of(root, rail)
    assert words in str(refusal.value)


def test_an_unknown_board_is_refused(tmp_path: Path) -> None:
    """A Thor without its input monitor has no total: its rails are named, and what to do."""
    thor = BOARDS["agx-thor"]
    root = write_board(tmp_path, Board("", 0.0, PowerScope.RAIL, hwmon=thor.hwmon))
    with pytest.raises(DataError, match="VDD_CPU_SOC_MSS, VDD_GPU, VIN_SYS_5V0; choose a rail"):
        meter_of(root)
    assert meter_of(root, "VDD_GPU").read() == pytest.approx(1.96)


@given(st.sets(st.sampled_from(sorted({"NC"}.union(*NVIDIA_AGX_ORIN.hwmon))), min_size=0))
def test_a_part_of_a_sum_is_no_total(found: set[str]) -> None:
    """A sum is taken only when every rail of it is there, and the child rail is never in it."""
    if {"VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"} <= found:
        assert choose_rails(found).name == NVIDIA_AGX_ORIN.rail
    else:
        with pytest.raises(DataError):
            choose_rails(found)


def test_no_monitor_is_told(tmp_path: Path) -> None:
    """A machine without the chip says so."""
    with pytest.raises(ConfigurationError, match="expected an INA3221 below"):
        meter_of(tmp_path)


def test_the_rate_is_that_of_the_chip(tmp_path: Path) -> None:
    """A chip that measures more slowly than asked is read as often as it measures."""
    root = write_board(tmp_path, BOARDS["orin-nano"])
    write(next(root.glob("bus/i2c/drivers/ina3221/*/hwmon/*")) / "update_interval", 250)
    assert meter_of(root).period_s == 0.25


def test_an_unreadable_label_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The other rails are still found."""
    root = write_board(tmp_path, BOARDS["orin-nano"])
    (next(root.glob("bus/i2c/drivers/ina3221/*/hwmon/*")) / "in9_label").mkdir()
    with caplog.at_level(logging.WARNING):
        assert meter_of(root).rail == "VDD_IN"
    assert "left out" in caplog.text


def set_milliamperes(root: Path, milliamperes: int) -> None:
    """Let another current flow on the first rail."""
    write(next(root.glob("bus/i2c/drivers/ina3221/*/hwmon/*/curr1_input")), milliamperes)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=10)
@given(currents=st.lists(st.integers(0, 9_000), min_size=8, max_size=16))
def test_the_energy_is_that_of_the_readings(tmp_path: Path, currents: list[int]) -> None:
    """Every reading counts, at the time it was taken, and none after the window."""
    root, time = write_board(tmp_path, BOARDS["orin-nano"]), SteppedTime()
    set_milliamperes(root, currents[0])
    with meter_of(root, time=time) as meter:
        start_s = time.now_s
        for milliamperes in currents[1:]:
            set_milliamperes(root, milliamperes)
            time.step()
        end_s = time.now_s
        window = meter.window(start_s, end_s)
    watts = [milliamperes / 200 for milliamperes in currents]
    assert window.samples == len(currents)
    expected_j = PERIOD_S * (sum(watts) - (watts[0] + watts[-1]) / 2)
    assert window.energy_j == pytest.approx(expected_j, rel=EXACT)


def test_a_window_waits_for_a_reading_at_most_two_periods(tmp_path: Path) -> None:
    """A thread that hangs costs two periods and the energy, not the run."""
    root, time = write_board(tmp_path, BOARDS["orin-nano"]), SteppedTime()
    with meter_of(root, time=time) as meter:
        for _ in range(9):
            time.step()
        end_s = time.now_s + 0.05
        window = meter.window(time.now_s - 0.8, end_s)
        assert time.now_s == pytest.approx(end_s - 0.05 + 2 * PERIOD_S)
        assert window.energy_j is None
        assert window.why_not == "the window ends 0.050 s after the last reading"


def test_what_was_read_stays_after_the_meter(tmp_path: Path) -> None:
    """A window can be told after the meter has stopped, without waiting."""
    root, time = write_board(tmp_path, BOARDS["orin-nano"]), SteppedTime()
    with meter_of(root, time=time) as meter:
        for _ in range(9):
            time.step()
    before_s = time.now_s
    assert meter.window(before_s - 0.8, before_s).energy_j == pytest.approx(0.8 * 4.825)
    assert meter.window(before_s, before_s + 1).energy_j is None
    assert time.now_s == before_s


def test_failed_readings_are_left_out_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A sensor that does not answer for a while leaves a gap; one that never does is refused."""
    root, time = write_board(tmp_path, BOARDS["orin-nano"]), SteppedTime()
    current = next(root.glob("bus/i2c/drivers/ina3221/*/hwmon/*/curr1_input"))
    with caplog.at_level(logging.WARNING), meter_of(root, time=time) as meter:
        start_s = time.now_s
        for content in [965] * 6 + ["busy"] * 6 + [965] * 6:
            write(current, content)
            time.step()
        window = meter.window(start_s, time.now_s)
    assert meter.failures == 6
    assert len(caplog.records) == 1
    assert "readings are missing: 0.700 s between two of them" in str(window.why_not)
    current.unlink()
    with pytest.raises(ConfigurationError, match="cannot read the power of VDD_IN"), meter:
        pass


class RaisingMeter(PolledMeter):
    """A meter whose code fails in a way that nobody foresaw, some readings after its start."""

    readings = 0

    def read(self) -> float:
        """Return one watt, until it fails."""
        self.readings += 1
        if self.readings > 1:
            raise LookupError("unforeseen")
        return 1.0


def test_whatever_a_reading_raises_is_the_reason(caplog: pytest.LogCaptureFixture) -> None:
    """The thread never dies in silence: windows have no energy and say why."""
    ticks = itertools.count()
    timing = Timing(lambda: float(next(ticks)), lambda _event, _seconds: False)
    meter = RaisingMeter("x", PowerScope.RAIL, PERIOD_S, timing)
    with caplog.at_level(logging.WARNING), meter:
        start_s = timing.clock()
    window = meter.window(start_s, timing.clock())
    assert window.energy_j is None
    assert "after the last reading (it is read no more: unforeseen)" in str(window.why_not)
    assert len(caplog.records) == 1


def test_the_hottest_zone_counts(tmp_path: Path) -> None:
    """Zones that sleep, are absent or broken do not."""
    assert hottest_c(tmp_path) is None
    for zone, content in enumerate(("45500", "61250", "-256000", "", "x")):
        write(tmp_path / f"class/thermal/thermal_zone{zone}/temp", content)
    (tmp_path / "class/thermal/thermal_zone9/temp").mkdir(parents=True)
    assert hottest_c(tmp_path) == 61.25
