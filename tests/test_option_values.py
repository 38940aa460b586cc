"""Options are read in plain Python, as Typer itself would read them, and refused in our words."""

from __future__ import annotations

import gc
import logging
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.main import get_command

from tests.comparing import known
from token2metrics.cli.commands import COMMANDS, load_command
from token2metrics.cli.importing import importing
from token2metrics.cli.session import open_session
from token2metrics.cli.values import PlainValue

LARGEST = 10
UNREAD = "colorsys"
"""A module of the standard library that nothing here needs."""


class Fruit(StrEnum):
    """Choices."""

    APPLE = "apple"
    PEAR = "pear"


def command(
    whole: int = 0,
    number: float = 0.0,
    word: str = "",
    path: Path = Path(),
    fruit: Fruit = Fruit.APPLE,
    several: Annotated[list[int] | None, typer.Option()] = None,
    few: Annotated[int, typer.Option(min=1, max=LARGEST)] = 1,
) -> None:
    """Take an option of every kind."""


def options() -> dict[str, Any]:
    """Return the options of the command by name, as Typer makes them."""
    app = typer.Typer(add_completion=False)
    app.command()(command)
    return {str(option.name): option for option in get_command(app).params}


OPTIONS = options()
CONTEXT = typer.Context(typer.core.TyperCommand("command"))


def ours(name: str, value: object) -> object:
    """Read a value as the program does."""
    option = OPTIONS[name]
    return PlainValue(option.type_descriptor.annotation).coerce(value, option, CONTEXT)


def theirs(name: str, value: object) -> object:
    """Read a value as Typer does."""
    option = OPTIONS[name]
    option._runtime_param = None
    return option.get_runtime_param().coerce(value, option, CONTEXT)


def accepted(read: Any, name: str, value: object) -> tuple[bool, object]:
    """Return whether a value is accepted, and as what."""
    try:
        return True, read(name, value)
    except typer.BadParameter:
        return False, None


NUMERALS = st.one_of(
    st.integers().map(str),
    st.floats().map(str),
    st.from_regex(r"\s?[+-]?[0-9_]{0,4}\.?[0-9]{0,3}(e[+-]?[0-9])?\s?", fullmatch=True),
)


@pytest.mark.parametrize("name", ["whole", "number", "few", "word"])
@given(text=NUMERALS)
def test_numerals_are_read_as_typer_reads_them(name: str, text: str) -> None:
    """What both accept is one number; whole numbers written with a point are theirs alone."""
    accepts, found = accepted(ours, name, text)
    also, expected = accepted(theirs, name, text)
    if accepts and also:
        assert repr(found) == repr(expected)
    assert accepts == also or (also and "." in text)


@given(text=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8))
def test_any_text_is_a_word_and_a_path(text: str) -> None:
    """And is kept as it is."""
    assert ours("word", text) == theirs("word", text) == text
    assert ours("path", text) == Path(text)


@given(numbers=st.lists(st.integers()))
def test_lists_are_read_one_by_one(numbers: list[int]) -> None:
    """Nothing given is an empty list."""
    assert ours("several", [str(number) for number in numbers]) == tuple(numbers)
    assert ours("several", None) == ()
    assert ours("whole", None) is None


@pytest.mark.parametrize("value", [*Fruit, *map(str, Fruit)])
def test_choices_are_read(value: str) -> None:
    """By their value, or as the default."""
    assert ours("fruit", value) is theirs("fruit", value) is Fruit(value)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("whole", "many", "expected a whole number, got 'many'"),
        ("whole", "1.5", "expected a whole number, got '1.5'"),
        ("number", "", "expected a number, got ''"),
        ("several", ["1", "two"], "expected a whole number, got 'two'"),
        ("fruit", "Apple", "expected one of apple, pear, got 'Apple'"),
        ("few", "0", "expected at least 1, got 0"),
        ("few", "11", "expected at most 10, got 11"),
    ],
)
def test_what_is_none_of_the_type_is_refused(name: str, value: object, message: str) -> None:
    """With what was expected and what came."""
    with pytest.raises(typer.BadParameter) as refusal:
        ours(name, value)
    assert refusal.value.message == message
    assert refusal.value.param is OPTIONS[name]


def test_a_path_that_may_not_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is done."""
    monkeypatch.setattr("token2metrics.cli.values.os.access", lambda path, mode: False)
    with pytest.raises(typer.BadParameter, match="a path that may be read"):
        ours("path", str(tmp_path))


def test_a_path_that_no_file_can_have_is_refused() -> None:
    """In words, not as an error of the system."""
    with pytest.raises(typer.BadParameter, match=r"a path to a file, got 'a{300}': .* too long"):
        ours("path", "a" * 300)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_every_command_is_read_here(name: str) -> None:
    """So that no command imports what Typer reads options by."""
    for option in load_command(name).params:
        assert PlainValue(known(getattr(option, "type_descriptor", None)).annotation).is_known


def test_imports_are_not_searched_for_garbage() -> None:
    """The collector is as it was afterwards, and what was imported is out of its sight."""
    sys.modules.pop(UNREAD, None)
    frozen = gc.get_freeze_count()
    with importing():
        assert not gc.isenabled()
        __import__(UNREAD)
    assert gc.isenabled()
    assert gc.get_freeze_count() > frozen
    gc.unfreeze()
    with importing():
        __import__(UNREAD)
    assert gc.get_freeze_count() == 0
    gc.disable()
    try:
        with importing():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_messages_are_shown_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Those of the package, and only as severe ones as are wanted."""
    open_session(verbose=False)
    logger = logging.getLogger("token2metrics.tests")
    logger.info("unseen")
    logger.warning("seen")
    captured = capsys.readouterr()
    assert "seen" in captured.err
    assert "unseen" not in captured.err
    assert captured.out == ""
