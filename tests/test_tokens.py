"""Counting tokens with a tokenizer.json that the library itself wrote."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from tests.conftest import Run, refused


class Stdin:
    """Standard input that holds some bytes."""

    def __init__(self, content: bytes) -> None:
        self.buffer = io.BytesIO(content)


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    """Write a tokenizer of words that cuts texts after two tokens."""
    words = {"[UNK]": 0, "an": 1, "edge": 2, "device": 3}
    built = Tokenizer(WordLevel(words, unk_token="[UNK]"))
    built.pre_tokenizer = Whitespace()
    built.enable_truncation(2)
    path = tmp_path / "tokenizer.json"
    built.save(str(path))
    return path


def test_every_token_counts(run: Run, tokenizer: Path, tmp_path: Path) -> None:
    """The count is of the whole text, whatever cut the tokenizer is configured for."""
    prompt = tmp_path / "prompt.txt"
    prompt.write_text("an edge device, unknown")
    assert run("count-tokens", "--tokenizer", tokenizer, prompt).out == "5\n"
    as_json = run("count-tokens", "--tokenizer", tokenizer, prompt, "--json")
    assert json.loads(as_json.out) == {"tokens": 5}


def test_standard_input_is_a_prompt(
    run: Run, tokenizer: Path, trained_artifact: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``-`` reads standard input, for counting and for predicting."""
    monkeypatch.setattr(sys, "stdin", Stdin(b"an edge"))
    assert run("count-tokens", "--tokenizer", tokenizer).out == "2\n"
    monkeypatch.setattr(sys, "stdin", Stdin(b"an edge device"))
    outcome = run(
        *("predict", "-a", trained_artifact, "-m", "1.5B", "-o", 5, "--json"),
        *("--prompt-file", "-", "--tokenizer", tokenizer),
    )
    assert json.loads(outcome.out)[0]["input_tokens"] == 3


@pytest.mark.parametrize("content", ["", "{", "[]", '{"version": "1.0"}', "not json"])
def test_no_tokenizer_is_refused(run: Run, tmp_path: Path, content: str) -> None:
    """A file that holds no tokenizer is refused with its name."""
    (tmp_path / "tokenizer.json").write_text(content)
    outcome = run("count-tokens", "--tokenizer", "tokenizer.json", "tokenizer.json")
    refused(outcome, "expected tokenizer.json to be a tokenizer.json")


def test_unreadable_prompts_are_refused(run: Run, tokenizer: Path, tmp_path: Path) -> None:
    """A missing file, and one that is no UTF-8, are refused with their names."""
    refused(run("count-tokens", "--tokenizer", "nowhere.json", "x"), "nowhere.json", "got nothing")
    refused(run("count-tokens", "--tokenizer", tokenizer, "nowhere.txt"), "nowhere.txt")
    (tmp_path / "latin.txt").write_bytes("Übung".encode("latin-1"))
    refused(run("count-tokens", "--tokenizer", tokenizer, "latin.txt"), "UTF-8")
