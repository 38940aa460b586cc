"""Whatever is in a file: a table, or one line that says what is wrong with it, and no traceback.

The same spoilt files as ``benchmarks/fuzz.py`` draws, a few of each kind; and those it has found.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.fuzzing import sound, table_readers
from benchmarks.fuzzing.cases import sound_files, spoilt, try_case
from benchmarks.fuzzing.targets import TARGETS
from tests import profiles
from token2metrics.errors import DataError
from token2metrics.measure.journal import Journal
from token2metrics.measure.plan import read_plan
from token2metrics.power.logs import read_power_log
from token2metrics.power.logs.plain_csv import LONGEST_NAME
from token2metrics.prediction.workload_file import read_workload
from token2metrics.scoring.directory import finished
from token2metrics.scoring.inputs import find_sources
from token2metrics.scoring.partitions import cut
from token2metrics.scoring.task import RECORDS_FOLDER

__all__ = ["profiles"]

DEEP = 100_000
NESTED = (
    "[" * DEEP,
    '{"a":' * DEEP,
    f"a = {'[' * DEEP}",
    f"a,b\n{'{' * DEEP}",
    "[" * DEEP + "]" * DEEP,
)
RUN_AS_A_PROGRAM = "experiment"
"""An experiment file is Python that is run; only its constants are spoilt."""

SLOW = {"config.json", "GGUF"} | {name for name in TARGETS if name.startswith("measurements")}
QUICK = sorted(set(TARGETS) - SLOW)
FEW = settings(max_examples=profiles.DEFAULT_EXAMPLES // 2)
FEWEST = settings(
    max_examples=profiles.FEWEST_EXAMPLES, suppress_health_check=[HealthCheck.too_slow]
)

seeds = st.integers(0, 2**32 - 1)


def check(folder: Path, name: str, content: bytes) -> None:
    """Read a file as what it should be, and show what a user would see of an error."""
    finding = try_case(TARGETS[name], folder, content)
    assert finding is None, finding.trace


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for the files."""
    return tmp_path_factory.mktemp("spoilt")


@pytest.mark.parametrize("name", TARGETS)
def test_sound_files_are_read(folder: Path, name: str) -> None:
    """So the refusals below are of the damage."""
    target = TARGETS[name]
    for content in sound_files(target)[:1]:
        path = folder / target.file_name
        path.write_bytes(content)
        target.read(path)


@pytest.mark.parametrize("name", QUICK)
@FEW
@given(seed=seeds)
def test_spoilt_files_are_refused_in_words(folder: Path, name: str, seed: int) -> None:
    """Or read, where the damage does no harm."""
    check(folder, name, spoilt(TARGETS[name], seed))


@pytest.mark.parametrize("name", sorted(SLOW))
@FEWEST
@given(seed=seeds)
def test_a_few_spoilt_files_of_slow_kinds(folder: Path, name: str, seed: int) -> None:
    """The same where a file takes longer."""
    check(folder, name, spoilt(TARGETS[name], seed))


@pytest.mark.parametrize("text", NESTED)
@pytest.mark.parametrize("name", sorted({*TARGETS} - {RUN_AS_A_PROGRAM}))
def test_deep_nesting_is_damage(folder: Path, name: str, text: str) -> None:
    """JSON and TOML deeper than the interpreter are refused by everything that reads a file."""
    check(folder, name, text.encode())


def test_a_count_of_thousands_of_digits_is_no_count(tmp_path: Path) -> None:
    """Python converts no more than 4,300 digits; leading zeros are none."""
    file = tmp_path / "plan.csv"
    for digits, lawful in (("9" * 5_000, False), ("0" * 5_000 + "7", True)):
        file.write_text(f"input_tokens,output_tokens\n{digits},1\n")
        if lawful:
            assert read_plan(file)[0].input_tokens == 7
        else:
            with pytest.raises(DataError, match="whole number"):
                read_plan(file)


@pytest.mark.parametrize("count", [2**63, -(2**63), 10**30, -(10**400)])
def test_a_journal_line_that_no_table_holds_is_damaged(tmp_path: Path, count: int) -> None:
    """It is counted, and the others are kept."""
    (content,) = sound.journals()
    campaign, visit = map(json.loads, content.splitlines())
    damaged = json.loads(json.dumps(visit))
    damaged["records"][0]["cached_tokens"] = count
    path = tmp_path / "rows.journal.jsonl"
    path.write_text("\n".join(map(json.dumps, (campaign, damaged, visit))) + "\n" + "[" * DEEP)
    with Journal(path, sound.CAMPAIGN) as journal:
        assert journal.damaged == 2
        assert len(journal.records()) == 1


def test_a_deep_line_of_a_trace_costs_itself_alone(tmp_path: Path) -> None:
    """It is set aside like any line that is no JSON object."""
    path = tmp_path / "trace.jsonl"
    good = '{"input_tokens": 5, "output_tokens": 7}\n'
    path.write_text(good + '{"a":' * DEEP + "\n" + good)
    table_readers.traces(path)
    written = pl.read_parquet(tmp_path / "scored" / "*.parquet")
    assert written.get_column("input_tokens").to_list() == [5, 5]


def test_an_altered_record_of_a_partition_is_not_believed(tmp_path: Path) -> None:
    """The partition is priced again."""
    path = tmp_path / "trace.csv"
    path.write_bytes(sound.as_csv(sound.requests())[0])
    table_readers.traces(path)
    directory = tmp_path / "scored"
    partitions = cut(find_sources((str(path),)), (0,), table_readers.PARTITION_ROWS)
    (record,) = (directory / RECORDS_FOLDER).iterdir()
    assert len(list(finished(directory, partitions))) == 1
    told = json.loads(record.read_bytes())
    for name, value in (("priced", 2), ("groups", []), ("sha256", "")):
        record.write_text(json.dumps(told | {name: value}))
        assert list(finished(directory, partitions)) == []


def test_long_names_are_not_matched_from_every_place(tmp_path: Path) -> None:
    """A column of watts has a short name; of a long one, patterns would try every part."""
    path = tmp_path / "power.csv"
    for length, lawful in ((10, True), (LONGEST_NAME, False)):
        path.write_text(f"time_s,{'[' * length} [W]\n1,2\n2,3\n")
        if lawful:
            assert read_power_log(path).total is not None
        else:
            with pytest.raises(DataError, match="known format"):
                read_power_log(path)


def test_a_log_whose_header_goes_on_is_refused(tmp_path: Path) -> None:
    """A second column of watts behind the part that the format is recognised by."""
    path = tmp_path / "power.csv"
    others = ",".join(f"other_{place}" for place in range(3_000))
    path.write_text(f"time_s,power_w,{others},voltage_w\n")
    with pytest.raises(DataError, match="2 that could be"):
        read_power_log(path)


def test_thousands_of_columns_are_read(tmp_path: Path) -> None:
    """Polars would take minutes to push a condition on all of them down."""
    path = tmp_path / "wide.csv"
    others = [f"c{place}" for place in range(5_000)]
    header = ",".join(("input_tokens", "output_tokens", *others))
    path.write_text(f"{header}\n5,7{',1' * len(others)}\n")
    assert read_workload((path,)).summary.requests == 1


def test_a_workbook_without_sheets_is_refused(tmp_path: Path) -> None:
    """Its list of sheets may be empty."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(sound.as_workbooks(sound.requests())[0])) as whole:
        members = {name: whole.read(name) for name in whole.namelist()}
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content.replace(b"<sheet ", b"<leaf "))
    path = tmp_path / "case.xlsx"
    path.write_bytes(packed.getvalue())
    with pytest.raises(DataError, match="XLSX"):
        read_workload((path,))
