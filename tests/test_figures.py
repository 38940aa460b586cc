"""Pictures: how they look on paper and at night, what stands in files, where labels go."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import altair as alt
import pytest
import vl_convert
from hypothesis import given
from hypothesis import strategies as st

from tests.colour_vision import VISION, contrast, nearest
from tests.figures import parts_of
from tests.pictures import is_png, words_of
from token2metrics.errors import ConfigurationError
from token2metrics.figures.axes import linear_span, logarithmic_span, ticks_between
from token2metrics.figures.drawing import draw, specification, write_picture
from token2metrics.figures.figure import Figure
from token2metrics.figures.label_places import PLACES, Box, box_of, places_of
from token2metrics.figures.points import inline, layered
from token2metrics.figures.series import colour, dash, dashed, shape
from token2metrics.figures.style import (
    BAND,
    DARK,
    DASHES,
    FRONT,
    INTERVAL,
    KNOWN,
    LIGHT,
    LIMIT,
    MEASURED,
    NIGHT,
    NOTE,
    PAPER,
    REFERENCE,
    SHAPES,
    Scheme,
)

TEXT_CONTRAST, MARK_CONTRAST = 4.5, 3.0
"""WCAG 2.2: success criteria 1.4.3 and 1.4.11."""

APART = 15.0
"""In CIELAB; below 2.3 two colours look the same to most people."""

PANEL = (560.0, 340.0)
LONG = "The points lie where they were measured, and nobody moved them. " * 4
STYLES = (REFERENCE, FRONT, LIMIT, MEASURED, KNOWN, NOTE, BAND, INTERVAL)
places = st.tuples(st.floats(0, PANEL[0]), st.floats(0, PANEL[1]))
names = st.text("abcx7 .", min_size=1, max_size=12)
sizes = st.floats(1e-9, 1e9)


def drawn(rows: list[dict[str, Any]] | None = None) -> Figure:
    """Return a figure with points of two models."""
    shown = rows or [{"series": name, "x": at, "y": 2 * at} for at in (1, 2) for name in "ab"]
    points = alt.Chart().mark_point().encode(x="x:Q", y="y:Q", color=colour("ab"))
    return Figure("drawn", "What was measured", LONG, layered(shown, points))


@pytest.mark.parametrize("scheme", [PAPER, NIGHT])
def test_everything_can_be_read(scheme: Scheme) -> None:
    """Text and marks stand out from the page."""
    for text in (scheme.text, scheme.faint_text):
        assert contrast(text, scheme.background) >= TEXT_CONTRAST
    for mark in (*scheme.series, scheme.line, scheme.dots):
        assert contrast(mark, scheme.background) >= MARK_CONTRAST


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("scheme", [PAPER, NIGHT])
def test_series_differ_for_every_eye(scheme: Scheme, vision: str) -> None:
    """No two colours of series look alike, whatever colours somebody tells apart."""
    assert nearest(scheme.series, vision) >= APART


def test_the_known_contrasts() -> None:
    """Black on white is 21, a colour on itself 1, and grey 767676 just holds 4.5."""
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21.0, rel=1e-4)
    assert contrast("#123456", "#123456") == 1.0
    assert contrast("#FFFFFF", "#767676") == pytest.approx(4.54, abs=0.01)


def skeleton(value: Any) -> Any:
    """Return a configuration without its colours."""
    if isinstance(value, dict):
        return {key: skeleton(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [skeleton(inner) for inner in value]
    return "colour" if isinstance(value, str) and value.startswith("#") else value


def test_day_and_night_differ_in_colours_alone() -> None:
    """Fonts, sizes and places are the same; all of it is JSON."""
    assert skeleton(LIGHT) == skeleton(DARK)
    assert LIGHT != DARK
    assert json.loads(json.dumps(LIGHT)) == LIGHT
    assert set(STYLES) <= LIGHT["style"].keys()


def test_series_repeat_late() -> None:
    """Colour and shape together name many series; so do colour and dash."""
    for others in (SHAPES, DASHES):
        assert math.lcm(len(PAPER.series), len(others)) >= 50
        assert len({str(one) for one in others}) == len(others)


@pytest.mark.parametrize("config", [LIGHT, DARK], ids=["light", "dark"])
def test_styles_are_what_is_drawn(config: dict[str, Any]) -> None:
    """A mark that names a style has its colour in the picture."""
    rows = [{"x": at, "y": at} for at in (1, 2)]
    base = alt.Chart().encode(x="x:Q", y="y:Q")
    marks = [
        base.mark_line(style=LIMIT),
        base.mark_point(style=MEASURED),
        base.mark_rule(style=FRONT),
        base.mark_text(style=NOTE).encode(text="x:Q"),
    ]
    picture = draw(Figure("f", "t", "d", layered(rows, *marks)), ".svg", config).decode()
    for style in (LIMIT, MEASURED, FRONT, NOTE):
        assert config["style"][style]["color"] in picture
    assert config["background"] in picture


def test_files_are_pictures_with_their_words(tmp_path: Path) -> None:
    """PNG or SVG by suffix in any case; title and description stand in them, the latter wrapped."""
    for name in ("p.png", "p.SVG", "deep/er/p.svg"):
        write_picture(drawn(), tmp_path / name)
    assert is_png(tmp_path / "p.png")
    words = words_of(tmp_path / "p.SVG")
    assert "What was measured" in words
    assert LONG.strip() in words
    assert (tmp_path / "p.SVG").read_bytes() == (tmp_path / "deep/er/p.svg").read_bytes()
    assert (tmp_path / "p.SVG").read_text().count("<tspan") > 1


@pytest.mark.parametrize("name", ["p.pdf", "p", "p.png.txt"])
def test_other_files_are_refused(tmp_path: Path, name: str) -> None:
    """The kinds that are drawn are named, and nothing is written."""
    with pytest.raises(ConfigurationError, match=r"\.png or \.svg"):
        write_picture(drawn(), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_folder_in_the_way_is_said(tmp_path: Path) -> None:
    """What cannot be written is told."""
    (tmp_path / "p.svg").mkdir()
    with pytest.raises(ConfigurationError, match=r"cannot write .*p\.svg"):
        write_picture(drawn(), tmp_path / "p.svg")


def test_the_old_picture_stays_until_the_new_one_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error while drawing leaves the file as it was."""
    (tmp_path / "p.svg").write_text("old")

    def fail(*_: Any, **__: Any) -> str:
        raise RuntimeError

    monkeypatch.setattr(vl_convert, "vegalite_to_svg", fail)
    with pytest.raises(RuntimeError):
        write_picture(drawn(), tmp_path / "p.svg")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_nothing_is_fetched() -> None:
    """A chart that names an address is not drawn."""
    chart = alt.Chart(alt.UrlData("http://127.0.0.1:9/rows.csv")).mark_point().encode(x="x:Q")
    with pytest.raises(ValueError, match="External data url not allowed"):
        draw(Figure("f", "t", "d", chart), ".png")


def test_a_page_gets_a_chart_without_a_look() -> None:
    """One panel is as wide as its room; title and configuration are the page's."""
    chart = specification(drawn())
    assert json.loads(json.dumps(chart)) == chart
    assert chart["width"] == "container"
    assert chart["description"] == LONG
    assert not {"config", "title"} & chart.keys()


def test_several_panels_keep_their_widths() -> None:
    """The page arranges them; each panel says how wide it is."""
    bare = alt.Chart(inline([{"x": 1.0}])).mark_point().encode(x="x:Q")
    panels = [bare.properties(width=100) for _ in range(3)]
    chart = specification(Figure("f", "t", "d", alt.concat(*panels, columns=3)))
    assert "width" not in chart
    assert [panel["width"] for panel in chart["concat"]] == [100] * 3


@given(st.lists(st.tuples(places, names), min_size=1, max_size=30))
def test_labels_stand_inside_and_apart(labels: list[tuple[tuple[float, float], str]]) -> None:
    """There is a place for each label; where one is free and inside, nothing is covered."""
    points = [place for place, _ in labels]
    named = [(*place, text) for place, text in labels]
    chosen = places_of(named, points, *PANEL)
    boxes = [box_of(*one, place) for one, place in zip(named, chosen, strict=True)]
    around = [Box(x - 5, y - 5, x + 5, y + 5) for x, y in points]
    for at, (one, box) in enumerate(zip(named, boxes, strict=True)):
        taken = [*around, *boxes[:at]]
        inside = [there for place in PLACES if (there := box_of(*one, place)).within(*PANEL)]
        free = [there for there in inside if not any(there.shared_px(each) for each in taken)]
        assert box.within(*PANEL) or not inside
        assert box in free or not free


def test_twenty_labels_on_one_spot_each_have_a_place() -> None:
    """As many as there are places overlap nothing but each other's points."""
    labels = [(280.0, 170.0, f"label {at}") for at in range(20)]
    chosen = places_of(labels, [(280.0, 170.0)] * 20, *PANEL)
    assert len(chosen) == 20
    boxes = [box_of(*one, place) for one, place in zip(labels, chosen, strict=True)][:4]
    assert not any(one.shared_px(other) for one in boxes for other in boxes if one is not other)


@given(st.lists(sizes, min_size=1, max_size=20))
def test_logarithmic_axes_hold_what_is_drawn(values: list[float]) -> None:
    """Every value lies between the ends, larger ones farther; ticks ascend between them."""
    span = logarithmic_span(values)
    shares = [span.share(value) for value in sorted(values)]
    assert shares == sorted(shares)
    assert min(shares) > 0.0
    assert max(shares) < 1.0
    ticks = ticks_between(span.low, span.high)
    assert ticks == sorted(set(ticks))
    assert all(span.low <= tick <= span.high for tick in ticks)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_linear_axes_hold_what_is_drawn(values: list[float]) -> None:
    """Also one value alone, and zeros."""
    span = linear_span(values)
    shares = [span.share(value) for value in sorted(values)]
    assert shares == sorted(shares)
    assert min(shares) > 0.0
    assert max(shares) < 1.0


def test_ticks_are_those_of_people() -> None:
    """1, 2 and 5, or powers of ten where many would stand."""
    assert ticks_between(0.4, 30.0) == [0.5, 1.0, 2.0, 5.0, 10.0, 20.0]
    assert ticks_between(0.03, 3_000.0) == [0.1, 1.0, 10.0, 100.0, 1_000.0]
    assert logarithmic_span([0.0, -1.0, math.nan]).share(1.0) == pytest.approx(0.5)


def legends(chart: alt.Chart | alt.LayerChart) -> Mapping[str, int]:
    """Return how often each name stands in a picture."""
    text = draw(Figure("f", "t", "d", chart), ".svg").decode()
    return {name: text.count(f">{name}<") for name in ("one", "two")}


def test_channels_of_the_same_names_share_a_legend() -> None:
    """Colour, shape and dash of a series stand once in the legend, also over several layers."""
    named = ("one", "two")
    rows = [{"series": name, "x": at, "y": at} for name in named for at in (1, 2)]
    base = alt.Chart().encode(x="x:Q", y="y:Q", color=colour(named))
    points = base.mark_point().encode(shape=shape(named))
    assert legends(layered(rows, points)) == {"one": 1, "two": 1}
    assert legends(layered(rows, dashed(base.mark_line(), named), points)) == {"one": 1, "two": 1}
    lines = base.mark_line().encode(strokeDash=dash(named))
    assert legends(layered(rows, lines)) == {"one": 1, "two": 1}


def test_series_keep_their_dashes() -> None:
    """Lines beside points are dashed as lines alone are."""
    named = ("one", "two", "three")
    alone = alt.Chart().mark_line().encode(strokeDash=dash(named)).to_dict(validate=False)
    beside = dashed(alt.Chart().mark_line(), named).to_dict(validate=False)
    pairs = [
        dict(zip(part["domain"], part["range"], strict=True))
        for chart in (alone, beside)
        for part in parts_of(chart)
        if {"domain", "range"} <= part.keys()
    ]
    assert pairs[0].items() <= pairs[1].items()
