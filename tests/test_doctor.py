"""Every rule finds its defect in a sound table, names its rows, and leaves the others alone."""

from __future__ import annotations

import polars as pl
import pytest

from tests.doctoring import (
    ANSWERS,
    NAME,
    POWER_W,
    Row,
    as_table,
    decode_s,
    found,
    numbers,
    prefill_s,
    sound_rows,
)
from token2metrics.columns import FILE, ROW
from token2metrics.doctor import lines as line_rules
from token2metrics.doctor import refused, units
from token2metrics.doctor.evidence import EVIDENCE
from token2metrics.doctor.examine import examine
from token2metrics.doctor.roster import RULES
from token2metrics.doctor.rule import EXPECTED, FOUND
from token2metrics.doctor.severity import Action
from token2metrics.processors import rules as row_rules

NOISE = 0.01


@pytest.fixture
def rows() -> list[Row]:
    """Return sound rows with a little noise."""
    return sound_rows(NOISE)


def spoil(rows: list[Row], which: list[int], **factors: float) -> None:
    """Multiply numbers of some rows, given by their numbers."""
    for number in which:
        for name, factor in factors.items():
            rows[number - 1][name] *= factor


def test_a_sound_table_has_no_defect(rows: list[Row]) -> None:
    """Nothing is found where nothing is wrong."""
    assert found(as_table(rows)) == {}


def test_names_are_distinct() -> None:
    """Reports and counts are filed under the names."""
    assert len({rule.name for rule in RULES}) == len(RULES)


def test_the_row_rules_referred_to_exist() -> None:
    """Defects that the row rules find are looked up by the names of those rules."""
    known = {rule.name for rule in (*row_rules.RULES, *row_rules.ENERGY_RULES)}
    referred = {refused.NO_STEP, refused.FLAGGED, refused.NO_TIME, line_rules.SURPLUS_FIELDS}
    assert referred | {*units.WRONG_TIMES, units.IMPLAUSIBLE_POWER} <= known


def test_idle_power_of_short_phases(rows: list[Row]) -> None:
    """A meter that reads every second takes idle power for that of short prefills."""
    short = [n for n in numbers(rows, phase="prefill") if rows[n - 1]["latency_s"] < 0.6]
    for number in short:
        rows[number - 1]["energy_j"] = 5.5 * rows[number - 1]["latency_s"]
    assert len(short) >= 3
    assert found(as_table(rows)) == {"sampler blindness": short}


def test_few_readings(rows: list[Row]) -> None:
    """An energy from two readings is noted; training fits what the meter sees."""
    rows[0] |= {"energy_samples": 2}
    rows[1] |= {"energy_samples": 3}
    assert found(as_table(rows)) == {"few power readings": [1]}


def test_energies_from_one_mean_power(rows: list[Row]) -> None:
    """Few powers over many rows: 29 in 3,000, or here 4 in all."""
    for number, row in enumerate(rows):
        power_w = POWER_W + 0.013 * (number % 4)
        row["energy_j"] = round(row["latency_s"] * power_w, 5)
    assert found(as_table(rows)) == {"energy from a mean power": list(range(1, len(rows) + 1))}


def test_two_levels_of_power_under_one_name(rows: list[Row]) -> None:
    """The level with fewer rows loses its energies, short rows of its source included."""
    other = sound_rows(NOISE, 1, prompts=(100, 300, 900))
    for row in other:
        row["energy_j"] *= 28 / 44
        row["source"] = "another paper"
    together = rows + other
    expected = [
        n
        for n in numbers(together, source="another paper")
        if together[n - 1]["phase"] != "prefill"
    ]
    names = found(as_table(together))
    assert names.pop("two power definitions") == expected
    assert "two power definitions" not in names


def test_rails_by_name(rows: list[Row]) -> None:
    """Rows of another rail than most are named; training chooses one of them."""
    for number, row in enumerate(rows):
        row["power_rail"] = "VIN" if number < 5 else "VDD_GPU_SOC"
    assert found(as_table(rows)) == {"several power rails": [1, 2, 3, 4, 5]}


def test_an_idle_tail(rows: list[Row]) -> None:
    """A window well above the latency."""
    for row in rows:
        row["energy_window_s"] = row["latency_s"] * 1.05
    rows[7]["energy_window_s"] = rows[7]["latency_s"] * 2
    rows[7]["energy_j"] *= 2
    assert found(as_table(rows)) == {"idle tail": [8]}


@pytest.mark.parametrize("phase", ["decode", "request"])
def test_prefill_counted_again(rows: list[Row], phase: str) -> None:
    """A decode that includes prefill, or a request that includes it twice."""
    spoilt = numbers(rows, phase=phase)
    for number in spoilt:
        row = rows[number - 1]
        row["latency_s"] += prefill_s(row["input_tokens"])
        row["energy_j"] = POWER_W * row["latency_s"] * (1 + 0.001 * (number % 17))
    assert found(as_table(rows))["prefill counted again"] == spoilt


def test_a_single_outlier() -> None:
    """22.5 s at one length between 3.2 s and 2.5 s; 3.2 s is one too."""
    lengths = range(129, 4_000, 128)
    rows = [row for row in sound_rows(0.02, 3, lengths, ()) if row["phase"] == "prefill"]
    at_2_433, at_2_561 = numbers(rows, input_tokens=2_433), numbers(rows, input_tokens=2_561)
    spoil(rows, at_2_433, latency_s=1.5, energy_j=1.5)
    spoil(rows, at_2_561, latency_s=9, energy_j=9)
    assert found(as_table(rows)) == {"single outlier": at_2_433 + at_2_561}


def test_an_outlier_among_repeats() -> None:
    """A single length is judged by its own repeats."""
    rows = [row for s in range(6) for row in sound_rows(0.01, s, (500,), ())]
    spoil(rows, [4], latency_s=0.6, energy_j=0.6)
    assert found(as_table(rows)) == {"single outlier": [4]}


def test_the_numbers_compared_are_shown() -> None:
    """Evidence holds what was measured and what was expected."""
    rows = [row for s in range(6) for row in sound_rows(0.001, s, (500,), ())]
    spoil(rows, [4], latency_s=5, energy_j=5)
    (diagnosis,) = examine(as_table(rows))
    evidence = diagnosis.findings.row(0, named=True)
    assert evidence[FILE] == NAME
    assert evidence[FOUND] == pytest.approx(5 * prefill_s(500), rel=0.01)
    assert evidence[EXPECTED] == pytest.approx(prefill_s(500), rel=0.01)


def test_a_cold_first_repeat() -> None:
    """The first of six equal requests took 138 ms, the others 60 ms."""
    rows = [row for s in range(6) for row in sound_rows(0.03, s, (115,), ())]
    spoil(rows, [1], latency_s=2.3, energy_j=2.3)
    assert found(as_table(rows))["cold first request"] == [1]


def test_a_cold_first_row(rows: list[Row]) -> None:
    """The shortest prompt comes first and takes longer than the next ones."""
    spoil(rows, [1], latency_s=4, energy_j=4)
    assert found(as_table(rows)) == {"cold first request": [1]}


def test_only_the_cold_rule_looks_at_the_order(rows: list[Row]) -> None:
    """The same row somewhere in the file is not cold."""
    spoil(rows, [1], latency_s=4, energy_j=4)
    assert "cold first request" not in found(as_table([*rows[1:], rows[0]]))


def test_a_decode_of_one_token() -> None:
    """Such a row says nothing; it is noted, and left out."""
    rows = sound_rows(NOISE)
    rows.append(rows[20] | {"output_tokens": 1, "latency_s": 0.0, "energy_j": None})
    rows[-1]["phase"] = "decode"
    assert found(as_table(rows)) == {"decode without a step": [len(rows)]}


def test_round_lengths() -> None:
    """All prompts are multiples of 128; where they were counted, that is a coincidence."""
    rows = sound_rows(NOISE, 0, (128, 256, 384, 512, 1_024))
    everything = list(range(1, len(rows) + 1))
    assert found(as_table(rows)) == {"round lengths": everything}
    assert found(as_table(rows, asked(rows, 0))) == {}


def test_asked_lengths(rows: list[Row]) -> None:
    """The engine counted two tokens more than were asked for."""
    assert found(as_table(rows, asked(rows, 2)))["asked lengths differ"] == list(
        range(1, len(rows) + 1)
    )


def test_a_prefill_has_one_token_of_the_answer(rows: list[Row]) -> None:
    """Whatever was asked for beside it; the other phases have them all."""
    evidence = asked(rows, 0).with_columns(asked_output_tokens=pl.lit(77.0))
    others = set(range(1, len(rows) + 1)) - set(numbers(rows, phase="prefill"))
    assert found(as_table(rows, evidence))["asked lengths differ"] == sorted(others)


def asked(rows: list[Row], fewer: int) -> pl.DataFrame:
    """Return the evidence that fewer tokens were asked for."""
    prompts = [row["input_tokens"] - fewer for row in rows]
    frame = pl.DataFrame({"asked_input_tokens": prompts}).with_row_index(ROW, 1)
    return pl.DataFrame(schema={FILE: pl.String(), ROW: pl.UInt32(), **EVIDENCE}).join(
        frame.with_columns(pl.lit(NAME).alias(FILE), pl.col("asked_input_tokens").cast(float)),
        on=[FILE, ROW, "asked_input_tokens"],
        how="full",
        coalesce=True,
    )


@pytest.mark.parametrize("phase", ["decode", "request"])
def test_an_output_cut_by_the_context(rows: list[Row], phase: str) -> None:
    """1,001 tokens in the time of a prompt alone."""
    cut = numbers(rows, phase=phase, input_tokens=2_050, output_tokens=ANSWERS[-1])
    factor = prefill_s(2_050) / decode_s(2_050, ANSWERS[-1])
    spoil(rows, cut, latency_s=factor, energy_j=factor)
    assert found(as_table(rows))["output cut short"] == cut


def test_a_failed_run(rows: list[Row]) -> None:
    """A file of zeros is a failed run; one zero in a sound file is a bad row."""
    failed = [row | {"latency_s": 0.0, "energy_j": None} for row in rows[:4]]
    names = found(as_table(failed))
    assert names["failed run"] == [1, 2, 3, 4]
    rows[2] |= {"latency_s": 0.0, "energy_j": None}
    assert found(as_table(rows)) == {"unusable row": [3]}


@pytest.mark.parametrize("factor", [1_000.0, 0.001])
def test_a_latency_in_another_unit(rows: list[Row], factor: float) -> None:
    """A few rows are in milliseconds among seconds."""
    few = numbers(rows, phase="decode", input_tokens=300)[2:5]
    spoil(rows, few, latency_s=factor, energy_j=factor)
    assert found(as_table(rows))["unit of time"] == few


def test_a_phase_in_another_unit(rows: list[Row]) -> None:
    """All prefills are in milliseconds, which the decode steps give away."""
    wrong = numbers(rows, phase="prefill")
    spoil(rows, wrong, latency_s=1_000, energy_j=1_000)
    assert found(as_table(rows)) == {"unit of time": wrong}


def test_a_whole_table_in_another_unit(rows: list[Row]) -> None:
    """A hundred seconds per token are milliseconds."""
    everything = list(range(1, len(rows) + 1))
    spoil(rows, everything, latency_s=1_000, energy_j=1_000)
    assert found(as_table(rows))["unit of time"] == [
        n for n in everything if rows[n - 1]["phase"] != "prefill"
    ]


@pytest.mark.parametrize("factor", [1 / 3.6e6, 1_000.0])
def test_an_energy_in_another_unit(rows: list[Row], factor: float) -> None:
    """Kilowatt hours as joules, and milliwatts as watts."""
    spoil(rows, [70, 71], energy_j=factor)
    assert found(as_table(rows)) == {"unit of energy": [70, 71]}


def test_duplicates(rows: list[Row]) -> None:
    """An equal row is rejected; the same setting with another latency is noted."""
    rows += [dict(rows[30]), rows[31] | {"latency_s": rows[31]["latency_s"] * 1.02}]
    assert found(as_table(rows)) == {
        "duplicate row": [len(rows) - 1],
        "repeated key": [len(rows)],
    }


def test_flags_of_the_source(rows: list[Row]) -> None:
    """What the source itself distrusts is noted."""
    rows[3]["quality_flags"] = "warmup"
    rows[4]["quality_flags"] = "power_is_idle_only"
    assert found(as_table(rows)) == {"flagged by its source": [4], "sampler blindness": [5]}


def test_an_impossible_energy(rows: list[Row]) -> None:
    """A window shorter than the work loses the energy."""
    rows[3]["energy_window_s"] = rows[3]["latency_s"] / 2
    assert found(as_table(rows)) == {"unusable energy": [4]}


def test_a_table_without_a_usable_row() -> None:
    """A file whose rows are all refused troubles no rule."""
    assert found(as_table([sound_rows()[0] | {"latency_s": "soon"}])) == {"unusable row": [1]}


def test_actions_are_told() -> None:
    """Rows of every action exist, so a user knows what becomes of them."""
    assert {rule.action for rule in RULES} == set(Action)
