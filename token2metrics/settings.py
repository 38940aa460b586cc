"""Runtime settings: the only reader of the environment and of the settings file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from token2metrics.config import first_problem
from token2metrics.errors import ConfigurationError
from token2metrics.given_settings import (
    DEFAULT_OUTPUT,
    DEFAULT_SETTINGS_FILE,
    ENVIRONMENT_PREFIX,
    SETTINGS_FILE_VARIABLE,
)


class Settings(BaseSettings):
    """How the program runs, as opposed to what an experiment computes.

    Attributes:
        output: Directory of the trained artifact.
        configs: Directory of the experiment files; None for the ones that came along.
        log_level: Least severe messages that are logged.
        threads: Threads of a fit; fits are small, so one is usually fastest.
        torch_device: Where fits run, such as ``cpu`` or ``cuda``.
        token: Token that whoever asks the service has to show.
    """

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX, extra="forbid", frozen=True, env_ignore_empty=True
    )

    output: Path = DEFAULT_OUTPUT
    configs: Path | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "warning"
    threads: Annotated[int, Field(ge=1)] = 1
    torch_device: Annotated[str, Field(pattern=r"^(cpu|cuda(:\d+)?)$")] = "cpu"
    token: SecretStr | None = None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the settings file, and nothing else take part."""
        file = settings_file()
        if file is None:
            return (init_settings, env_settings)
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls, file))


def settings_file() -> Path | None:
    """Return the settings file: the one the environment names, or the default where it exists.

    Raises:
        ConfigurationError: If the named file does not exist.
    """
    named = os.environ.get(SETTINGS_FILE_VARIABLE)
    if named:
        if not Path(named).is_file():
            raise ConfigurationError(
                f"expected {SETTINGS_FILE_VARIABLE} to name a file, got {named!r}, which is missing"
            )
        return Path(named)
    return DEFAULT_SETTINGS_FILE if DEFAULT_SETTINGS_FILE.is_file() else None


def load_settings() -> Settings:
    """Read environment and settings file.

    Raises:
        ConfigurationError: If a value is wrong, a key unknown or a named file missing.
    """
    unknown = _unknown_variables()
    if unknown:
        known = ", ".join(f"{ENVIRONMENT_PREFIX}{name.upper()}" for name in Settings.model_fields)
        raise ConfigurationError(
            f"unknown environment variable {unknown[0]}; known: {known}, {SETTINGS_FILE_VARIABLE}"
        )
    try:
        return Settings()
    except ValidationError as error:
        raise first_problem(error) from error
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"cannot read {settings_file()}: {error}") from error


def _unknown_variables() -> list[str]:
    """Return variables with our prefix that name no setting."""
    known = {f"{ENVIRONMENT_PREFIX}{name.upper()}" for name in Settings.model_fields}
    known.add(SETTINGS_FILE_VARIABLE)
    return sorted(
        name
        for name in os.environ
        if name.upper().startswith(ENVIRONMENT_PREFIX) and name.upper() not in known
    )
