"""The pictures of the study show the numbers that were measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.datasets import SHORT_NAMES
from benchmarks.study_base import Found
from benchmarks.study_pictures import (
    CONTENDERS,
    PRIORS,
    intervals_figure,
    priors_figure,
    shots_figure,
)
from benchmarks.study_requests import REQUESTS, SHOTS
from tests.figures import colours_of, data_of, panels_of
from tests.pictures import words_of
from token2metrics.figures.drawing import specification, write_picture
from token2metrics.vocabulary import FITTED_PHASES

NUMBERS = Path(__file__).parent.parent / "docs" / "accuracy" / "study.json"


@pytest.fixture(scope="module")
def found() -> Found:
    """Return what was measured."""
    return Found.read(NUMBERS)


def test_numbers_survive_the_file(found: Found, tmp_path: Path) -> None:
    """What was written and read again is written the same."""
    found.write(tmp_path / "study.json")
    assert (tmp_path / "study.json").read_text() == NUMBERS.read_text()


def test_errors_are_those_measured(found: Found) -> None:
    """Every panel has the medians and bands of its model and phase, at their numbers of rows."""
    chart = specification(shots_figure(found))
    panels = {panel["title"]: data_of(chart, panel)[0] for panel in panels_of(chart)}
    for phase in FITTED_PHASES:
        for model, name in SHORT_NAMES.items():
            expected = [
                (label, str(SHOTS[place]), one.median, one.low, one.high)
                for case, label in CONTENDERS.items()
                for place, one in found.series(REQUESTS, model, case, phase, SHOTS)
            ]
            fields = ("series", "known", "median", "low", "high")
            rows = panels[f"{name} {phase}"]
            assert [tuple(row[field] for field in fields) for row in rows] == expected


def test_pictures_name_what_they_compare(found: Found, tmp_path: Path) -> None:
    """The legend has every series; no picture has colours of its own."""
    for build, labels in ((priors_figure, list(PRIORS.values())), (intervals_figure, ["K = 5"])):
        figure = build(found)
        assert not colours_of(specification(figure))
        write_picture(figure, tmp_path / "p.svg")
        words = words_of(tmp_path / "p.svg")
        assert all(label in words for label in labels)
        assert figure.title in words
