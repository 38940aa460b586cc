"""Runtime settings come from the environment and one TOML file, and nothing unknown does."""

from __future__ import annotations

from pathlib import Path

import pytest

from token2metrics.errors import ConfigurationError
from token2metrics.given_settings import (
    DEFAULT_SETTINGS_FILE,
    ENVIRONMENT_PREFIX,
    SETTINGS_FILE_VARIABLE,
)
from token2metrics.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run in an empty directory, without variables of ours."""
    for name in (*Settings.model_fields, "settings"):
        monkeypatch.delenv(f"{ENVIRONMENT_PREFIX}{name.upper()}", raising=False)
    monkeypatch.chdir(tmp_path)


def test_defaults_need_nothing() -> None:
    """Without a file and without variables everything has a value."""
    settings = load_settings()
    assert settings.output == Path("outputs")
    assert settings.configs is None
    assert (settings.log_level, settings.threads, settings.torch_device) == ("warning", 1, "cpu")


def test_the_environment_sets_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """One variable per setting; empty ones count as unset."""
    values = {
        "OUTPUT": "elsewhere",
        "CONFIGS": "mine",
        "LOG_LEVEL": "debug",
        "THREADS": "3",
        "TORCH_DEVICE": "cuda:1",
    }
    for name, value in values.items():
        monkeypatch.setenv(f"{ENVIRONMENT_PREFIX}{name}", value)
    settings = load_settings()
    assert (settings.output, settings.configs) == (Path("elsewhere"), Path("mine"))
    assert (settings.log_level, settings.threads) == ("debug", 3)
    assert settings.torch_device == "cuda:1"
    monkeypatch.setenv(f"{ENVIRONMENT_PREFIX}THREADS", "")
    assert load_settings().threads == 1


def test_the_file_in_the_working_directory_is_read() -> None:
    """When it is there."""
    DEFAULT_SETTINGS_FILE.write_text('threads = 2\noutput = "there"\n')
    settings = load_settings()
    assert (settings.threads, settings.output) == (2, Path("there"))


def test_the_environment_wins_over_the_named_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And the named file over the one in the working directory."""
    DEFAULT_SETTINGS_FILE.write_text("threads = 2\n")
    named = tmp_path / "named.toml"
    named.write_text('threads = 4\nlog_level = "info"\n')
    monkeypatch.setenv(SETTINGS_FILE_VARIABLE, str(named))
    monkeypatch.setenv(f"{ENVIRONMENT_PREFIX}LOG_LEVEL", "error")
    settings = load_settings()
    assert (settings.threads, settings.log_level) == (4, "error")


def test_a_missing_named_file_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named in the message."""
    monkeypatch.setenv(SETTINGS_FILE_VARIABLE, "nowhere.toml")
    with pytest.raises(ConfigurationError, match=r"nowhere\.toml.*missing"):
        load_settings()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("thread = 2", "thread"),
        ("threads = 0", "threads"),
        ('threads = "two"', "threads"),
        ('log_level = "loud"', "log_level"),
        ('torch_device = "tpu"', "torch_device"),
        ("threads = ", "token2metrics.toml"),
        ("[threads]\nfast = 1", "threads"),
    ],
)
def test_a_wrong_file_is_an_error(content: str, message: str) -> None:
    """An unknown key, a wrong value or no TOML at all, in one line."""
    DEFAULT_SETTINGS_FILE.write_text(content)
    with pytest.raises(ConfigurationError, match=message):
        load_settings()


@pytest.mark.parametrize("name", ["TREADS", "threads_", "SETTINGS_FILE"])
def test_an_unknown_variable_is_an_error(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The message names it and the known ones."""
    monkeypatch.setenv(f"{ENVIRONMENT_PREFIX}{name}", "2")
    with pytest.raises(ConfigurationError, match=f"{name}; known: .*{ENVIRONMENT_PREFIX}THREADS"):
        load_settings()


def test_a_wrong_variable_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names field and value."""
    monkeypatch.setenv(f"{ENVIRONMENT_PREFIX}THREADS", "0")
    with pytest.raises(ConfigurationError, match=r"threads.*'0'"):
        load_settings()
