"""Experiment files are plain Python: one per model, copied and edited freely."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from token2metrics.config import ExperimentConfig, RegressionType
from token2metrics.errors import ConfigurationError
from token2metrics.experiments import (
    experiments_directory,
    find_experiment,
    load_catalog,
    load_experiment,
)

SHIPPED = experiments_directory(None)
IDS = {
    "1.5B": "dsr1-qwen-1.5b",
    "7B": "dsr1-qwen-7b",
    "8B": "dsr1-llama-8b",
    "14B": "dsr1-qwen-14b",
    "15B": "starcoder2-15b",
}


@pytest.fixture(scope="module")
def catalog() -> list[ExperimentConfig]:
    """Every shipped experiment."""
    return load_catalog(SHIPPED)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A directory with a copy of every shipped experiment file."""
    directory = tmp_path / "configs"
    shutil.copytree(SHIPPED, directory)
    return directory


def test_every_shipped_file_is_an_experiment(catalog: list[ExperimentConfig]) -> None:
    """One per model size, each with its own file."""
    assert sorted(experiment.model.name for experiment in catalog) == sorted(IDS)
    assert len(list(SHIPPED.glob("*.py"))) == len(IDS) + 1


@pytest.mark.parametrize(("name", "model_id"), IDS.items())
def test_short_names_ids_and_aliases_resolve(
    catalog: list[ExperimentConfig], name: str, model_id: str
) -> None:
    """All to the same experiment, in any case."""
    experiment = find_experiment(catalog, name)
    assert experiment.model.id == model_id
    for other in (model_id, model_id.upper(), name.lower(), *experiment.model.aliases):
        assert find_experiment(catalog, other) is experiment


def test_an_unknown_name_lists_the_known_ones(catalog: list[ExperimentConfig]) -> None:
    """And says how to name a file."""
    with pytest.raises(ConfigurationError, match=r"'70B'; known: .*1\.5B.*--config FILE"):
        find_experiment(catalog, "70B")


def test_a_copied_file_is_a_new_experiment(own: Path) -> None:
    """With another name in it, and no other file touched."""
    original = own / "qwen_1_5b.py"
    text = original.read_text()
    assert text.count('name="1.5B"') == 1
    changed = (
        text.replace('name="1.5B"', 'name="1.5B-linear"')
        .replace('id="dsr1-qwen-1.5b"', 'id="my-qwen"')
        .replace("type=RegressionType.AUTO", "type=RegressionType.LINEAR")
    )
    start = changed.index("aliases=(")
    end = changed.index("),", start) + len("),")
    (own / "mine.py").write_text(changed[:start] + changed[end:])
    catalog = load_catalog(own)
    assert len(catalog) == len(IDS) + 1
    mine = find_experiment(catalog, "1.5b-LINEAR")
    assert mine.regression.type is RegressionType.LINEAR
    assert find_experiment(catalog, "1.5B").regression.type is RegressionType.AUTO


def test_an_unchanged_copy_is_refused(own: Path) -> None:
    """Two files may not answer to one name on one device."""
    shutil.copy(own / "qwen_7b.py", own / "again.py")
    with pytest.raises(ConfigurationError, match=r"two experiment files.*'7B'"):
        load_catalog(own)


def test_an_edited_value_is_read_anew(own: Path) -> None:
    """Nothing is cached between loads."""
    file = own / "qwen_7b.py"
    before = load_experiment(file)
    file.write_text(file.read_text().replace("random_state=42", "random_state=43"))
    after = load_experiment(file)
    assert (before.regression.random_state, after.regression.random_state) == (42, 43)
    assert not list(own.rglob("__pycache__/qwen_7b*"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("EXPERIMENT = 3", "got int"),
        ("", "got NoneType"),
        ("EXPERIMENT = ", "SyntaxError"),
        ("import nonexistent_package", "ModuleNotFoundError"),
        ("EXPERIMENT = undefined", "NameError"),
        ("from token2metrics.config import *\nRegressionConfig(folds=3)", "folds"),
        (
            "from token2metrics.config import *\n"
            "RegressionConfig(type='tree', hyperparameters={'degree': 2})",
            "known: max_steps, shrinkage",
        ),
        (
            "from token2metrics.config import *\n"
            "Architecture(layers=0, hidden=1, heads=1, kv_heads=1, head_dim=1, ffn=1,"
            " vocabulary=1)",
            "architecture.layers >= 1",
        ),
        ("EXPERIMENT = 1 / 0", "ZeroDivisionError"),
        ("{}['missing']", "KeyError"),
        ("raise OSError('no disk')", "OSError"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, content: str, message: str) -> None:
    """Whatever is wrong with it, the error says where and what."""
    file = tmp_path / "broken.py"
    file.write_text(content)
    with pytest.raises(ConfigurationError, match=message) as caught:
        load_experiment(file)
    assert "broken.py" in str(caught.value)


def test_missing_files_and_directories_are_named(tmp_path: Path) -> None:
    """A missing file, an empty directory and a missing one."""
    with pytest.raises(ConfigurationError, match=r"gone\.py.*missing"):
        load_experiment(tmp_path / "gone.py")
    with pytest.raises(ConfigurationError, match="found none"):
        load_catalog(tmp_path)
    with pytest.raises(ConfigurationError, match="gone"):
        experiments_directory(tmp_path / "gone")
    (tmp_path / "notes.txt").write_text("EXPERIMENT = 3")
    with pytest.raises(ConfigurationError, match=r"ending in \.py"):
        load_experiment(tmp_path / "notes.txt")


def test_the_configured_directory_is_used(own: Path) -> None:
    """Instead of the shipped one."""
    assert experiments_directory(own) == own
