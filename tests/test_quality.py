"""Qualities as the user tells them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.strategies import COMBINATIONS, lawful_model
from token2metrics.comparing.quality import Quality, read_qualities
from token2metrics.errors import DataError


def written(tmp_path: Path, text: str) -> Path:
    """Write a file of qualities."""
    path = tmp_path / "quality.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_is_read_whatever_its_order_and_case(tmp_path: Path) -> None:
    """Columns are found by name, blank cells are open, further columns and blank lines ignored."""
    path = written(
        tmp_path,
        "\ufeffQuality, note ,MODEL,Max_Output_Tokens,parallel,precision\n"
        "0.4,x,1.5B,512,,\n\n-3,,8B,,4,int4\n1e2,,14B\n",
    )
    assert read_qualities(path) == (
        Quality("1.5B", 0.4, 512),
        Quality("8B", -3.0, None, 4, "int4"),
        Quality("14B", 100.0),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["columns model and quality", "got nothing"]),
        ("model,accuracy\n8B,1\n", ["columns model and quality", "got model, accuracy"]),
        ("model,quality\n", ["at least one row"]),
        ("model,quality,quality\n8B,1,2\n", ["one column quality"]),
        ("model,quality\n,1\n", ["expected a model in row 1", "blank"]),
        ("model,quality\n8B,good\n", ["number in row 1", "'good'"]),
        ("model,quality\n8B,nan\n", ["number in row 1", "'nan'"]),
        ("model,quality\n8B,\n", ["number in row 1", "''"]),
        ("model,quality\n8B,inf\n", ["number in row 1"]),
        ("model,quality,max_output_tokens\n8B,1,0\n", ["max_output_tokens", "1..10000000", "'0'"]),
        ("model,quality,max_output_tokens\n8B,1,1.5\n", ["max_output_tokens", "'1.5'"]),
        ("model,quality,max_output_tokens\n8B,1,many\n", ["max_output_tokens", "'many'"]),
        ("model,quality,parallel\n8B,1,10001\n", ["parallel", "1..10000"]),
        ("model,quality\n8B,1\n8b,2\n", ["one quality of 8b", "several"]),
        (
            "model,quality,max_output_tokens\n8B,1,9\n8B,2,9\n",
            ["one quality of 8B at 9 tokens"],
        ),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, text: str, words: list[str]) -> None:
    """What is wrong, and where, is said."""
    with pytest.raises(DataError) as refusal:
        read_qualities(written(tmp_path, text))
    for word in words:
        assert word in str(refusal.value)


def test_unreadable_files_are_refused(tmp_path: Path) -> None:
    """A missing file, a folder and binary content are no CSV."""
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"\xff\xfe\x00model")
    for path in (tmp_path / "nowhere.csv", tmp_path, binary):
        with pytest.raises(DataError, match="cannot read"):
            read_qualities(path)


def test_a_quality_fits_what_it_names() -> None:
    """Model, samples and precision must all agree where they are stated."""
    record = lawful_model(COMBINATIONS[0], 1).record
    assert Quality("MODEL", 1.0).fits(record, 3)
    assert Quality("model", 1.0, parallel=3, precision="BF16").fits(record, 3)
    assert not Quality("other", 1.0).fits(record, 3)
    assert not Quality("model", 1.0, parallel=2).fits(record, 3)
    assert not Quality("model", 1.0, precision="int4").fits(record, 3)
