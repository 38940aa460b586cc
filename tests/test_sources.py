"""Files become text tables, and what is no measurement file is refused in plain words."""

from pathlib import Path

import polars as pl
import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from token2metrics.data.sources import scan
from token2metrics.errors import DataError


def written(folder: Path, name: str, content: bytes) -> Path:
    """Write a file."""
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.csv", b"", "empty file"),
        ("blank.csv", b"\n\n", "header"),
        ("header.csv", b"a,b\n", "at least one row"),
        ("blank_rows.csv", b"a,b\n\n,\n", "at least one row"),
        ("numbers.csv", b"1,2\n3,4\n", "header"),
        ("twice.csv", b"a,a\n1,2\n", "'a' more than once"),
        ("wide.csv", "a,b\n1,2\n".encode("utf-16"), "UTF-16"),
        ("notes.txt", b"a,b\n1,2\n", "'.txt'"),
        ("cut.parquet", b"PAR1xx", "whole PARQUET file"),
        ("cut.xlsx", b"PK\x03\x04", "whole XLSX file"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    """The error names the file and what is wrong with it."""
    path = written(tmp_path, name, content)
    with pytest.raises(DataError) as caught:
        scan(path)
    assert said in str(caught.value)
    assert name in str(caught.value)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    """Neither is a file."""
    folder = tmp_path / "folder.csv"
    folder.mkdir()
    with pytest.raises(DataError, match="got a directory"):
        scan(folder)
    with pytest.raises(DataError, match="got nothing"):
        scan(tmp_path / "missing.csv")


def test_tables_without_rows_are_refused(tmp_path: Path) -> None:
    """A Parquet file or a workbook may hold a header only."""
    nothing = pl.DataFrame({"a": []}, schema={"a": pl.String})
    nothing.write_parquet(tmp_path / "none.parquet")
    nothing.write_excel(tmp_path / "none.xlsx")
    for name in ("none.parquet", "none.xlsx"):
        with pytest.raises(DataError, match="at least one row"):
            scan(tmp_path / name)


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    """Half a Parquet file or workbook is damaged."""
    table = pl.DataFrame({"a": list(range(1000))})
    table.write_parquet(tmp_path / "half.parquet")
    table.write_excel(tmp_path / "half.xlsx")
    for name in ("half.parquet", "half.xlsx"):
        whole = (tmp_path / name).read_bytes()
        written(tmp_path, name, whole[: len(whole) // 2])
        with pytest.raises(DataError, match="whole"):
            scan(tmp_path / name)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_csv_cells_survive_their_encoding(tmp_path: Path, encoding: str) -> None:
    """Accents, quoted commas and quoted line breaks read the same in every encoding."""
    content = 'question,b\r\n"Où, déjà?\nOui",2\r\n'.encode(encoding)
    (table,) = scan(written(tmp_path, "a.csv", content))
    row = table.collect().row(0, named=True)
    assert row["question"] == "Où, déjà?\nOui"
    assert (row["b"], row["row"], row["surplus"]) == ("2", 1, None)


def test_rows_are_numbered_as_in_the_file(tmp_path: Path) -> None:
    """Blank lines are left out and keep their numbers; the path stays as given."""
    path = written(tmp_path, "a.csv", b"a,row,file\n1,x,y\n\n3,x,y\n")
    (table,) = scan(path)
    collected = table.collect()
    assert collected.get_column("row").to_list() == [1, 3]
    assert collected.get_column("file").to_list() == [str(path)] * 2


def test_a_long_line_costs_no_other_line(tmp_path: Path) -> None:
    """A surplus field is kept for the validator; a short line ends in nulls."""
    lines = [b"1,2,3,4\n", b"5\n", b"6,7\n"]
    for first in range(len(lines)):
        turned = lines[first:] + lines[:first]
        (table,) = scan(written(tmp_path, "a.csv", b"a,b\n\n" + b"".join(turned)))
        seen = table.sort("a").select("a", "b", "surplus").collect()
        assert seen.rows() == [("1", "2", "3"), ("5", None, None), ("6", "7", None)]


@pytest.mark.parametrize("stray", ['5" tall', '"open', '"a" b', 'x"y,"z'])
def test_a_stray_quote_costs_no_other_line(tmp_path: Path, stray: str) -> None:
    """The lines around a badly quoted one are read, quoted or not."""
    content = f'\ufeffa,b\r\n1,plain\r\n2,{stray}\r\n\r\n3,"x, y"\r\n'.encode()
    (table,) = scan(written(tmp_path, "a.csv", content))
    seen = table.filter(pl.col("a") != "2").select("a", "b", "row").collect()
    assert seen.rows() == [("1", "plain", 1), ("3", "x, y", 4)]
    assert table.collect().height == 3


def test_every_filled_sheet_is_a_table(tmp_path: Path) -> None:
    """Sheets keep their names; empty ones are left out."""
    path = tmp_path / "book.xlsx"
    with xlsxwriter.Workbook(path) as book:
        for name in ("First", "Empty", "Second"):
            sheet = book.add_worksheet(name)
            if name != "Empty":
                pl.DataFrame({"a": [0.25], "b": [name]}).write_excel(book, worksheet=sheet)
    tables = [table.collect() for table in scan(path)]
    assert [table.item(0, "sheet") for table in tables] == ["First", "Second"]
    assert [table.item(0, "a") for table in tables] == ["0.25", "0.25"]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_survive_as_text(value: float) -> None:
    """A number of a Parquet file is the same after its way through text."""
    text = pl.Series([value]).cast(pl.String)
    assert text.cast(pl.Float64).item() == value


def test_parquet_columns_that_are_no_cells_are_left_out(tmp_path: Path) -> None:
    """Lists and bytes do not stop a file; a column named as ours does not either."""
    path = tmp_path / "a.parquet"
    pl.DataFrame({"a": [1.5], "row": [9], "b": [[1]], "c": [b"x"]}).write_parquet(path)
    (table,) = scan(path)
    assert table.collect().row(0, named=True) == {"a": "1.5", "file": str(path), "row": 1}
