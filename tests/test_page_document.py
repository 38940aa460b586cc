"""Pages: whatever they are told is inert, only their own scripts run, and they can be navigated."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from typing import Any

import altair as alt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tests.pages import Held, read_page
from tests.reporting import HOSTILE
from token2metrics.figures.drawing import specification
from token2metrics.figures.figure import Figure
from token2metrics.page.chart_data import cell, chart_tables
from token2metrics.page.document import Document, Part, render
from token2metrics.page.library import chart_library
from token2metrics.page.markdown import plain_markdown
from token2metrics.page.table import MOST_ROWS, Kind, numbers, table, texts
from token2metrics.page.templates import asset

PARAGRAPH = "<p>{}</p>"
SNIPPETS = (
    HOSTILE,
    "{{ 7 * 7 }}",
    "{% raw %}",
    "<!--",
    "]]>",
    "&lt;",
    '" onload="x',
    "javascript:alert(1)",
    "`code` *x* _y_ ~~z~~ [a](b) ![a](b) <http://a.b> | $x$ \\ # 1. - + = : --- ***",
)
words = st.text() | st.lists(st.sampled_from(SNIPPETS) | st.text(max_size=3)).map("".join)
amounts = st.floats(allow_nan=False, allow_infinity=False, width=32)


def figure_of(rows: list[dict[str, Any]], title: str, name: str = "picture") -> Figure:
    """Return a picture of rows with ``x`` and ``y``."""
    chart = (
        alt.Chart({"values": rows})
        .mark_point()
        .encode(x=alt.X("x:Q", title="tokens"), y="y:Q", color=alt.Color("who:N", title=title))
    )
    return Figure(name, title, f"What {title} shows.", chart)


def page_of(text: str, *figures: Figure) -> Held:
    """Return a page that says a text wherever it can."""
    part = Part("one", text, PARAGRAPH.format("safe"), figures=figures)
    other = Part("other", f"other {text}", PARAGRAPH.format("safe"), script="export {};")
    return read_page(render(Document(text, f"About {text}", (part, other))))


def shown(markdown: str) -> list[str]:
    """Return what a reader of Markdown is shown, and fail on any markup within it."""
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
    inline = [one for one in tokens if one.type == "inline"]
    children = [child for one in inline for child in one.children or ()]
    assert {child.type for child in children} <= {"text", "text_special"}, markdown
    return ["".join(child.content for child in one.children or ()) for one in inline]


@pytest.mark.law
@given(words)
def test_whatever_a_page_is_told_is_inert(text: str) -> None:
    """No text becomes an element, an attribute, a script or a template."""
    rows = [{"x": 1.0, "y": 2.0, "who": text}]
    held = page_of(text, figure_of(rows, text))
    assert held.title == text
    assert held.scripts == [chart_library(), asset("figures.js"), "export {};"]
    assert not held.handlers
    assert not held.addresses
    assert "img" not in held.tags


def test_only_the_scripts_of_the_page_run() -> None:
    """The policy names every script by its digest, and lets nothing else run or load."""
    held = page_of("A page", figure_of([{"x": 1.0, "y": 2.0, "who": "a"}], "Points"))
    rules = {
        name: rest for name, _, rest in (one.partition(" ") for one in held.policy.split("; "))
    }
    digests = {b64encode(sha256(one.encode()).digest()).decode() for one in held.scripts}
    assert set(rules["script-src"].split()) == {f"'sha256-{one}'" for one in digests}
    assert rules["default-src"] == "'none'"
    assert rules["connect-src"] == "'none'"
    assert "unsafe-eval" not in held.policy


@pytest.mark.parametrize("ending", ["</script>", "</SCRIPT", "<!--"])
def test_a_script_that_would_end_itself_is_refused(ending: str) -> None:
    """What a part runs cannot leave its element."""
    part = Part("one", "One", "", script=f"const text = '{ending}';")
    with pytest.raises(ValueError, match="without </script"):
        render(Document("A page", "About it", (part,)))


def test_a_page_can_be_navigated() -> None:
    """Headings follow each other, ids are unique, and every link leads somewhere."""
    rows = [{"x": 1.0, "y": 2.0, "who": "a"}]
    held = page_of("A page", figure_of(rows, "Points"), figure_of(rows, "Others", "others"))
    steps = [
        after - before for before, after in zip(held.headings, held.headings[1:], strict=False)
    ]
    assert held.headings[0] == 1
    assert held.headings.count(1) == 1
    assert max(steps) == 1
    assert len(held.ids) == len(set(held.ids))
    assert set(held.links) <= set(held.ids)
    assert {"content", "figure-picture", "one", "other"} <= set(held.links)


@pytest.mark.law
@given(st.lists(st.tuples(amounts, amounts, words), min_size=1, max_size=5))
def test_the_numbers_of_a_figure_stand_in_its_table(rows: list[tuple[float, float, str]]) -> None:
    """Every shown value of every row has its cell, to four significant digits."""
    values = [{"x": x, "y": y, "who": who, "unseen": 1} for x, y, who in rows]
    (found,) = chart_tables(specification(figure_of(values, "Model")))
    assert [(one.title, one.kind) for one in found.columns] == [
        ("tokens", Kind.NUMBER),
        ("y", Kind.NUMBER),
        ("Model", Kind.TEXT),
    ]
    for (x, y, who), (*told, name) in zip(rows, found.rows, strict=True):
        assert [float(one.replace(",", "")) for one in told] == pytest.approx([x, y], rel=5e-4)
        assert name == who


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "-"), (True, "yes"), (1234567, "1,234,567"), (2.0, "2"), (0.00123456, "0.001235")],
)
def test_cells_are_legible(value: object, words: str) -> None:
    """Nothing is a dash, whole numbers have no fraction, others four digits."""
    assert cell(value) == words


def test_a_long_table_says_what_it_leaves_out() -> None:
    """A page stays small, and says so."""
    long = table("Rows", (*texts("a"), *numbers("b")), (("x", str(n)) for n in range(1_000)), "So.")
    assert len(long.rows) == MOST_ROWS
    assert long.remark == "So. The first 200 of 1,000 rows."


@pytest.mark.law
@given(words)
def test_markdown_shows_texts_as_they_are(text: str) -> None:
    """In a paragraph, in a list and in a table nothing is markup."""
    expected = " ".join(text.split()).replace("\0", "\N{REPLACEMENT CHARACTER}")
    told = plain_markdown(text)
    if not expected:
        assert told == ""
        return
    assert shown(f"{told}\n") == [expected]
    assert shown(f"- {told}\n") == [expected]
    assert shown(f"| a | b |\n| --- | --- |\n| {told} | x |\n") == ["a", "b", expected, "x"]
