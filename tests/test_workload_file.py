"""Trace files: names of columns, bad rows, formats and their order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.profiles import fewer_examples
from tests.strategies import token_counts
from token2metrics.errors import DataError
from token2metrics.prediction.workload_file import read_workload

AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,4808,10\n"
BAD_ROWS = {
    ",5": "input_tokens is missing",
    "5,": "output_tokens is missing",
    "5": "output_tokens is missing",
    "-1,5": "input_tokens is negative",
    "1.5,5": "input_tokens is not a whole number",
    "ten,5": "input_tokens is not a number",
    "nan,5": "input_tokens is not a number",
    "5,inf": "output_tokens is not a number",
    "5,10000001": "output_tokens is above 10000000",
    "5,6,7": "too many fields",
}
Pairs = Sequence[tuple[int, int]]
some_requests = st.lists(st.tuples(token_counts, token_counts), min_size=1, max_size=20)


def in_csv(pairs: Pairs, path: Path) -> Path:
    """Write an Azure trace."""
    lines = [f"2023-11-16 18:17:03.97,{prompt},{answer}" for prompt, answer in pairs]
    path = path.with_suffix(".csv")
    path.write_text("\n".join(["TIMESTAMP,ContextTokens,GeneratedTokens", *lines]) + "\n")
    return path


def in_parquet(pairs: Pairs, path: Path) -> Path:
    """Write our own names as Parquet, the answers as floats."""
    path = path.with_suffix(".parquet")
    table = pl.DataFrame(list(pairs), schema=["input_tokens", "output_tokens"], orient="row")
    table.with_columns(pl.col("output_tokens").cast(pl.Float64)).write_parquet(path)
    return path


def in_json_lines(pairs: Pairs, path: Path) -> Path:
    """Write a Mooncake trace."""
    path = path.with_suffix(".jsonl")
    lines = [
        f'{{"timestamp": 0, "input_length": {prompt}, "output_length": {answer}, "hash_ids": [1]}}'
        for prompt, answer in pairs
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


WRITERS: tuple[Callable[[Pairs, Path], Path], ...] = (in_csv, in_parquet, in_json_lines)


@pytest.mark.law
@fewer_examples()
@given(pairs=some_requests, cut=st.integers(0, 20))
def test_order_and_format_do_not_matter(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[int, int]], cut: int
) -> None:
    """Any file, in any order, or several of them, are the same workload with the same counts."""
    folder = tmp_path_factory.mktemp("traces")
    expected = sorted((*pair, count) for pair, count in Counter(pairs).items())
    turned = pairs[cut:] + pairs[:cut]
    for write in WRITERS:
        found = read_workload([write(turned, folder / "trace")])
        assert found.pairs.rows() == expected
        assert found.summary.requests == found.summary.read_rows == len(pairs)
        assert found.summary.distinct == len(expected)
        assert found.summary.input_tokens == sum(prompt for prompt, _ in pairs)
        assert found.summary.output_tokens == sum(answer for _, answer in pairs)
    parts = [part for part in (pairs[:cut], pairs[cut:]) if part]
    files = [in_csv(part, folder / f"part-{place}") for place, part in enumerate(parts)]
    assert read_workload(files).pairs.rows() == expected


@pytest.mark.parametrize(
    ("header", "line"),
    [
        ("input_tokens,output_tokens", "3,4"),
        ("INPUT_TOKENS, Output Tokens", "3,4"),
        ("TIMESTAMP,ContextTokens,GeneratedTokens", "2024-05-10 00:00:00.009930+00:00,3,4"),
        (
            "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type",
            "5,ChatGPT,3,4,7,Conversation log",
        ),
        ("arrived_at,num_prefill_tokens,num_decode_tokens", "0.1,3,4"),
        ("prompt_tokens,completion_tokens,total_tokens", "3,4,7"),
        ("input_tokens,output_tokens,ContextTokens", "3,4,9"),
    ],
)
def test_public_traces_are_known_by_their_columns(tmp_path: Path, header: str, line: str) -> None:
    """Names are matched without case; our own win over others."""
    path = tmp_path / "trace.csv"
    path.write_text(f"{header}\n{line}\n")
    assert read_workload([path]).pairs.rows() == [(3, 4, 1)]


def test_bad_rows_are_counted_by_reason(tmp_path: Path) -> None:
    """A bad row costs no good one, and every row is accounted for."""
    path = tmp_path / "trace.csv"
    path.write_text("\n".join(["input_tokens,output_tokens", "8,9", *BAD_ROWS, "8,9"]) + "\n")
    found = read_workload([path])
    assert found.pairs.rows() == [(8, 9, 2)]
    assert found.summary.rejected_counts == dict(Counter(BAD_ROWS.values()))
    assert found.summary.read_rows == 2 + len(BAD_ROWS)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("trace.csv", "", ["empty file"]),
        ("trace.csv", "input_tokens,output_tokens\n", ["at least one row"]),
        ("trace.csv", "input_tokens\n5\n", ["no column of output_tokens among: input_tokens"]),
        ("trace.csv", "a,b\n5,6\n", ["ContextTokens and GeneratedTokens", "among: a, b"]),
        (
            "trace.csv",
            "input_tokens,Input Tokens,output_tokens\n1,2,3\n",
            ["one column of input_tokens", "input_tokens and Input Tokens"],
        ),
        ("trace.csv", "input_tokens,output_tokens\n-1,2\n", ["at least one request", "negative"]),
        ("trace.txt", "x", [".parquet", "'.txt'"]),
        ("trace.parquet", "no parquet", ["whole PARQUET file"]),
    ],
)
def test_wrong_files_are_refused(tmp_path: Path, name: str, content: str, words: list[str]) -> None:
    """What was expected and what came is said."""
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(DataError) as refusal:
        read_workload([path])
    for word in words:
        assert word in str(refusal.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """Beside a good file, too."""
    good = tmp_path / "trace.csv"
    good.write_text(AZURE)
    with pytest.raises(DataError, match=r"nowhere\.csv"):
        read_workload([good, tmp_path / "nowhere.csv"])
