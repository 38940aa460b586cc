"""Files made to do harm: links, pipes, archives that unpack to gigabytes, formulas in cells."""

from __future__ import annotations

import csv
import io
import os
import re
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from zlib import crc32

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.fuzzing import sound
from tests import profiles
from tests.conftest import Run, refused
from tests.strategies import COMBINATIONS, lawful_model
from token2metrics.artifact import lock
from token2metrics.artifact.load import load_artifact
from token2metrics.artifact.manifest import MANIFEST_NAME
from token2metrics.artifact.save import save_artifact
from token2metrics.data import workbook_size
from token2metrics.data.save_records import save_records
from token2metrics.data.sources import scan
from token2metrics.data.spreadsheet import inert
from token2metrics.errors import (
    ArtifactError,
    ConfigurationError,
    DataError,
    MissingExtraError,
)
from token2metrics.extras import needing
from token2metrics.files import inert_text
from token2metrics.records import Record
from token2metrics.vocabulary import Phase

__all__ = ["profiles"]

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "token2metrics"
SHEET = "xl/worksheets/sheet1.xml"
TEXTS = "xl/sharedStrings.xml"
END = b"</sheetData>"
MEBIBYTE = 1 << 20
LIMIT_BYTES = 4 * MEBIBYTE
"""Of what a workbook unpacks to, in tests that should not take long."""

ENDLESS = Path("/dev/zero")
FORMULAS = ("=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1+1", "\uff1d1+1", "=cmd|' /C calc'!A0")
PLAIN_NUMBERS = ("-1", "+2.5", "-1e-3", "-.5")
WRONG_COUNT = "-5"
HOSTILE = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20].", re.DOTALL)

Members = Mapping[str, bytes]


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    """Return a sound artifact."""
    directory = tmp_path / "artifact"
    save_artifact(directory, [lawful_model(COMBINATIONS[0], 0)])
    return directory


def weights_of(directory: Path) -> Path:
    """Return the weights file of an artifact."""
    (file,) = directory.glob("weights-*.safetensors")
    return file


def test_a_link_to_the_weights_themselves_is_inert(artifact: Path, tmp_path: Path) -> None:
    """Mounted artifacts are often links; what they lead to has to have the digest."""
    before = load_artifact(artifact).manifest
    for file in (weights_of(artifact), artifact / MANIFEST_NAME):
        moved = tmp_path / f"moved-{file.name}"
        file.rename(moved)
        file.symlink_to(moved)
    assert load_artifact(artifact).manifest == before


def test_a_link_to_anything_else_is_refused(artifact: Path, tmp_path: Path) -> None:
    """It leads to a file of another content, or to nothing, or round in a circle."""
    other = tmp_path / "other"
    other.write_bytes(b"secret of another program")
    file = weights_of(artifact)
    for target in (other, tmp_path / "nothing", file):
        file.unlink()
        file.symlink_to(target)
        with pytest.raises(ArtifactError) as caught:
            load_artifact(artifact)
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize("part", ["weights", "manifest"])
def test_pipes_and_devices_are_no_artifact(artifact: Path, part: str) -> None:
    """One would be waited for, the other never ends."""
    file = weights_of(artifact) if part == "weights" else artifact / MANIFEST_NAME
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(ArtifactError, match="to be a file"):
        load_artifact(artifact)
    file.unlink()
    file.symlink_to(ENDLESS)
    with pytest.raises(ArtifactError, match="to be a file"):
        load_artifact(artifact)


def test_saving_replaces_a_link_and_not_what_it_leads_to(artifact: Path, tmp_path: Path) -> None:
    """Whoever may put a link into the folder cannot have another file overwritten."""
    other = tmp_path / "other"
    other.write_bytes(b"precious")
    for file in (weights_of(artifact), artifact / MANIFEST_NAME):
        file.unlink()
        file.symlink_to(other)
    save_artifact(artifact, [lawful_model(COMBINATIONS[0], 0)])
    assert other.read_bytes() == b"precious"
    assert not weights_of(artifact).is_symlink()
    assert load_artifact(artifact).models


@pytest.mark.parametrize("name", ["../../outside", "/outside", "a\\..\\b", "=1+1", "\n"])
def test_names_of_models_lead_nowhere(run: Run, tmp_path: Path, name: str) -> None:
    """A hostile name in an artifact stays a name, whatever is written of it."""
    inside = tmp_path / "inside"
    save_artifact(inside / "artifact", [lawful_model(COMBINATIONS[0], 0, name=name)])
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    for chosen, file in (("python", "one.py"), ("sql-sqlite", "one.sql"), ("c", "one.h")):
        outcome = run(
            "export", "-a", inside / "artifact", "--format", chosen, "--output", inside / file
        )
        assert "Traceback" not in outcome.err
    written = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert written <= {inside / "one.py", inside / "one.sql", inside / "one.h"}


def workbook() -> dict[str, bytes]:
    """Return the members of a sound workbook."""
    content, *_ = sound.as_workbooks(sound.requests())
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(members: Members) -> bytes:
    """Pack members as a workbook."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return content.getvalue()


def with_rows(rows: bytes, members: Members | None = None) -> Members:
    """Return a workbook with further rows of XML."""
    known = members or workbook()
    return {**known, SHEET: known[SHEET].replace(END, rows + END)}


def long_text(size: int) -> Members:
    """Return a workbook whose first text has so many letters."""
    known = workbook()
    return {**known, TEXTS: known[TEXTS].replace(b"<t>", b"<t>" + b"a" * size, 1)}


def far_cell() -> Members:
    """Return a workbook with one cell at the end of everything."""
    return with_rows(b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')


def far_row() -> Members:
    """Return the same, the place told by the row alone."""
    far = b'<row r="1048576"><c><v>1</v></c></row><row r="9"><c r="XFD9"><v>1</v></c></row>'
    return with_rows(far)


def shared_text() -> Members:
    """Return a workbook that names one long text thousands of times."""
    return with_rows(b'<row><c t="s"><v>0</v></c></row>' * 9_000, long_text(MEBIBYTE))


def entities() -> Members:
    """Return a workbook whose text doubles with every name it goes through."""
    named = b"".join(b'<!ENTITY e%d "&e%d;&e%d;">' % (n + 1, n, n) for n in range(40))
    types = b'<!DOCTYPE sst [<!ENTITY e0 "aaaa">' + named + b"]><sst"
    known = long_text(1)
    return {**known, TEXTS: known[TEXTS].replace(b"<sst", types, 1).replace(b"<t>", b"<t>&e40;", 1)}


BOMBS: dict[str, tuple[Callable[[], Members], str]] = {
    "text": (lambda: long_text(2 * LIMIT_BYTES), "bytes, got more"),
    "far cell": (far_cell, "17,179,869,184"),
    "far row": (far_row, "cells, got 17,1"),
    "shared text": (shared_text, "characters, got 9,4"),
    "entities": (entities, "whole XLSX file"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_workbooks_that_unpack_to_gigabytes_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Before anything unpacks them; none of the files is larger than a photograph."""
    monkeypatch.setattr(workbook_size, "MOST_UNPACKED_BYTES", LIMIT_BYTES)
    build, words = BOMBS[name]
    path = tmp_path / "bomb.xlsx"
    path.write_bytes(packed(build()))
    assert path.stat().st_size < MEBIBYTE
    with pytest.raises(DataError, match=words):
        scan(path)


def test_a_workbook_that_lies_about_its_size_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What counts is what comes out, not what the archive claims."""
    monkeypatch.setattr(workbook_size, "MOST_UNPACKED_BYTES", LIMIT_BYTES)
    content = bytearray(packed(long_text(2 * LIMIT_BYTES)))
    place = content.rfind(b"PK\x01\x02", 0, content.rfind(TEXTS.encode()))
    struct.pack_into("<I", content, place + 16, crc32(b"a"))
    struct.pack_into("<I", content, place + 24, 1)
    path = tmp_path / "bomb.xlsx"
    path.write_bytes(content)
    with pytest.raises(DataError, match="bytes, got more"):
        scan(path)


def test_styled_cells_without_values_are_no_bomb(tmp_path: Path) -> None:
    """Whoever formats a whole column may still use the workbook."""
    path = tmp_path / "styled.xlsx"
    path.write_bytes(packed(with_rows(b'<row r="1048576"><c r="XFD1048576" s="1"/></row>')))
    (table,) = scan(path)
    assert table.collect().height == sound.requests()[0].height


def is_inert(cell: str) -> bool:
    """Return whether no spreadsheet program takes a cell for a formula."""
    return cell in (*PLAIN_NUMBERS, WRONG_COUNT) or HOSTILE.match(cell) is None


def cells_of(path: Path) -> list[str]:
    """Return every cell of a CSV file, its header included."""
    with path.open(encoding="utf-8", newline="") as file:
        return [cell for row in csv.reader(file) for cell in row]


@given(st.lists(st.text(max_size=8) | st.sampled_from((*FORMULAS, *PLAIN_NUMBERS, "-", "="))))
def test_texts_and_tables_agree_on_what_is_inert(texts: list[str]) -> None:
    """Nothing is left of a formula, and all but a quote of everything."""
    table = pl.LazyFrame({"=name": texts}, schema={"=name": pl.String})
    written = inert(table).collect().get_column("'=name").to_list()
    assert written == [inert_text(text) for text in texts]
    assert all(
        HOSTILE.match(one) is None or one == text for one, text in zip(written, texts, strict=True)
    )
    assert [one.removeprefix("'") for one in written] == [text.removeprefix("'") for text in texts]


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas_become_text_and_numbers_stay(text: str) -> None:
    """A negative number is data."""
    assert inert_text(text) == f"'{text}"
    assert all(inert_text(number) == number for number in PLAIN_NUMBERS)


def quoted(cells: tuple[str, ...]) -> str:
    """Return a line of CSV."""
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()


def test_rows_not_used_are_inert(run: Run, tmp_path: Path) -> None:
    """What ``train`` sets aside comes from files of others."""
    source = next(path for path in (PACKAGE / "data/measurements").glob("edge*.csv"))
    header, *rows = source.read_text().splitlines()
    place = header.split(",").index("latency_s")
    bad = [rows[0].split(",") for _ in FORMULAS]
    for cells, formula in zip(bad, FORMULAS, strict=True):
        cells[place] = formula
    path = tmp_path / "rows.csv"
    path.write_text("\n".join((header, *rows)) + "\n" + "".join(map(quoted, map(tuple, bad))))
    outcome = run(
        "train", "-m", "1.5B", "--data", path, "--output", "out", "--regression", "linear"
    )
    assert outcome.code == 0, outcome.err
    cells = cells_of(tmp_path / "out" / "rejected.csv")
    assert f"'{FORMULAS[0]}" in cells
    assert all(map(is_inert, cells))


def test_priced_and_rejected_rows_are_inert(
    run: Run, trained_artifact: Path, tmp_path: Path
) -> None:
    """Columns of the input go along, with their names."""
    lines = [("=name", "model", "input_tokens", "output_tokens")]
    lines += [(formula, "1.5B", "5", "7") for formula in FORMULAS]
    lines += [(formula, formula, WRONG_COUNT, formula) for formula in FORMULAS]
    (tmp_path / "in.csv").write_text("".join(map(quoted, lines)))
    files = ("--input-file", "in.csv", "--output-file", "out.csv")
    outcome = run("batch-predict", "-a", trained_artifact, *files)
    assert outcome.code == 0, outcome.err
    for name in ("out.csv", "out.rejected.csv"):
        cells = cells_of(tmp_path / name)
        assert "'=name" in cells
        assert all(map(is_inert, cells)), cells


def test_lines_the_monitor_sets_aside_are_inert(
    run: Run, trained_artifact: Path, tmp_path: Path
) -> None:
    """They are written as they came, but for the quote."""
    lines = [("input_tokens", "output_tokens", "latency_s"), ("5", "7", "1.5")]
    lines += [(formula, "7", "1.5") for formula in FORMULAS]
    (tmp_path / "in.csv").write_text("".join(map(quoted, lines)))
    run("monitor", "in.csv", "-a", trained_artifact, "-m", "1.5B", "--rejected", "bad.csv")
    cells = cells_of(tmp_path / "bad.csv")
    assert f"'{FORMULAS[0]},7,1.5" in cells
    assert all(map(is_inert, cells)), cells


@pytest.mark.parametrize("formula", FORMULAS)
def test_measured_rows_are_inert(tmp_path: Path, formula: str) -> None:
    """Names come from engines and from the files of other tools."""
    row = Record(phase=Phase.PREFILL, latency_s=1.0, model=formula, note=formula, source=formula)
    save_records(tmp_path / "rows.csv", [row])
    assert all(map(is_inert, cells_of(tmp_path / "rows.csv")))
    save_records(tmp_path / "rows.parquet", [row])
    assert pl.read_parquet(tmp_path / "rows.parquet").get_column("model").item() == formula


HASHED = "processors/pipeline.py"
"""Takes the digest of a table as CSV, and writes no file."""


def test_every_module_that_writes_csv_makes_it_inert() -> None:
    """A new one is noticed here."""
    writers = re.compile(r"\.(?:write|sink)_csv\(|csv\.writer\(|csv\.DictWriter\(")
    found = {file for file in PACKAGE.rglob("*.py") if writers.search(file.read_text())}
    assert len(found) > 1
    for file in found - {PACKAGE / HASHED}:
        assert "inert" in file.read_text(), file


def test_a_link_in_the_place_of_a_lock_has_nothing_overwritten(
    artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Locks lie where everybody may write; a link planted there must not be followed."""
    precious = tmp_path / "precious"
    precious.write_bytes(b"precious")
    locks = tmp_path / "locks"
    locks.mkdir()
    monkeypatch.setattr(lock, "gettempdir", lambda: str(locks))
    lock._lock_file(artifact).symlink_to(precious)
    with pytest.raises(ConfigurationError, match="cannot write"):
        save_artifact(artifact, [lawful_model(COMBINATIONS[0], 0)])
    assert precious.read_bytes() == b"precious"


@pytest.mark.parametrize(
    ("package", "extra", "named"),
    [
        ("polars", "measure", "measure"),
        ("scipy", "measure", "measure"),
        ("torch", "measure", "fit"),
        ("numpy", "export", "export"),
        ("polars", None, "fit"),
    ],
)
def test_the_extra_for_the_purpose_is_named(package: str, extra: str | None, named: str) -> None:
    """Where several bring a package, the one that is enough."""
    with (
        pytest.raises(MissingExtraError, match=rf"token2metrics\[{named}\]"),
        needing("something", extra),
    ):
        raise ModuleNotFoundError(name=f"{package}.part")


def test_the_doctor_says_what_is_wrong_with_a_workbook(run: Run, tmp_path: Path) -> None:
    """And not that it is no text of another tool."""
    (tmp_path / "bomb.xlsx").write_bytes(packed(far_cell()))
    refused(run("doctor", "bomb.xlsx"), "to unpack to at most 5,000,000 cells")


def test_a_sheet_in_an_unknown_encoding_is_refused(tmp_path: Path) -> None:
    """Its XML may name one that nobody knows."""
    known = workbook()
    known[SHEET] = known[SHEET].replace(b'encoding="UTF-8"', b'encoding="x-none"', 1)
    path = tmp_path / "strange.xlsx"
    path.write_bytes(packed(known))
    with pytest.raises(DataError, match="whole XLSX file"):
        scan(path)
