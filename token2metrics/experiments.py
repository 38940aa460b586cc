"""Find and load experiment files: plain Python files that build one ``EXPERIMENT``."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from token2metrics.config import ExperimentConfig, first_problem
from token2metrics.errors import ConfigurationError

EXPERIMENT = "EXPERIMENT"
MISTAKES = (
    ImportError,
    SyntaxError,
    NameError,
    TypeError,
    ValueError,
    AttributeError,
    LookupError,
    ArithmeticError,
    AssertionError,
    OSError,
)
"""What running a file that somebody edited can raise."""

PACKAGE = Path(__file__).parent
SHIPPED_DIRECTORIES = (PACKAGE.parent / "configs", PACKAGE / "configs")
"""Beside the package in a checkout, within it in an installed wheel."""


def experiments_directory(configured: Path | None) -> Path:
    """Return the directory of the experiment files.

    Args:
        configured: The directory of the settings; None for the one that came along.

    Raises:
        ConfigurationError: If there is no such directory.
    """
    for directory in (configured,) if configured is not None else SHIPPED_DIRECTORIES:
        if directory.is_dir():
            return directory
    raise ConfigurationError(f"expected a directory of experiment files, got {configured}")


def load_catalog(directory: Path) -> list[ExperimentConfig]:
    """Load every experiment file of a directory, in the order of their names.

    Raises:
        ConfigurationError: If a file does not build an experiment, or two share a name.
    """
    files = sorted(p for p in directory.glob("*.py") if p.name != "__init__.py")
    if not files:
        raise ConfigurationError(f"expected experiment files (*.py) in {directory}, found none")
    catalog = [load_experiment(file) for file in files]
    for index, experiment in enumerate(catalog):
        for other in catalog[:index]:
            if experiment.edge.name == other.edge.name and other.model.answers_to(
                experiment.model.name
            ):
                raise ConfigurationError(
                    f"two experiment files in {directory} answer to {experiment.model.name!r} on "
                    f"{experiment.edge.name}; give the copy another model name"
                )
    return catalog


def load_experiment(file: Path) -> ExperimentConfig:
    """Run one experiment file and return what it builds.

    Raises:
        ConfigurationError: If the file is missing, does not run or builds no experiment.
    """
    if not file.is_file():
        raise ConfigurationError(f"expected an experiment file, got {file}, which is missing")
    spec = importlib.util.spec_from_file_location(f"token2metrics_experiment_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"expected an experiment file ending in .py, got {file}")
    module = importlib.util.module_from_spec(spec)
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    except ValidationError as error:
        raise ConfigurationError(f"{file}: {first_problem(error)}") from error
    except ConfigurationError as error:
        raise ConfigurationError(f"{file}: {error}") from error
    except MISTAKES as error:
        raise ConfigurationError(f"{file}: {type(error).__name__}: {error}") from error
    finally:
        sys.dont_write_bytecode = written
    experiment = getattr(module, EXPERIMENT, None)
    if not isinstance(experiment, ExperimentConfig):
        raise ConfigurationError(
            f"expected {file} to build {EXPERIMENT} = ExperimentConfig(...), "
            f"got {type(experiment).__name__}"
        )
    return experiment


def find_experiment(catalog: Sequence[ExperimentConfig], name: str) -> ExperimentConfig:
    """Return the experiment whose model answers to a name.

    Raises:
        ConfigurationError: If none does.
    """
    for experiment in catalog:
        if experiment.model.answers_to(name):
            return experiment
    known = ", ".join(f"{e.model.name} ({e.model.id})" for e in catalog)
    raise ConfigurationError(f"unknown model {name!r}; known: {known}; or give --config FILE")
