"""The report in a real browser: offline, light, dark, narrow, printed, by keyboard and by axe."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser import PHONE_WIDTH, OpenPage, browser, open_page, serious_violations
from tests.reporting import HOSTILE, hostile_report, report_file
from token2metrics.figures.style import DARK, LIGHT

FIGURES = "[data-specification]"
DRAWN = """
() => [...document.querySelectorAll("[data-specification]")]
  .every((one) => one.querySelector("svg .mark-symbol, svg .mark-line, svg .mark-rect"))
"""
BACKGROUNDS = """
() => [...document.querySelectorAll("[data-specification] > svg, [data-specification] > * > svg")]
  .map((one) => one.style.backgroundColor)
"""
LABELS = "(all) => all.map((one) => one.closest('label').textContent)"
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
WIDTHS = "(all) => all.map((one) => one.querySelector('svg').getBoundingClientRect().right)"
LEGEND_LINES = """
(all) => all.map((one) => new Set([...one.querySelectorAll("svg .role-legend-label text")]
  .map((label) => Math.round(label.getBoundingClientRect().top))).size)
"""

__all__ = ["browser", "hostile_report", "open_page", "report_file"]


def drawn(page: Page) -> Page:
    """Return a page once every figure stands."""
    page.wait_for_function(DRAWN)
    return page


@pytest.mark.parametrize(
    ("dark", "phone"), [(False, False), (True, True)], ids=["light-desk", "dark-phone"]
)
def test_the_report_opens_offline(
    open_page: OpenPage, report_file: Path, dark: bool, phone: bool
) -> None:
    """From a file, without a request, an error or a serious barrier, and as wide as the screen."""
    page, noticed = open_page(report_file.as_uri(), dark=dark, phone=phone)
    drawn(page)
    assert page.locator(FIGURES).count() >= 8
    assert page.evaluate(OVERFLOW) <= 0
    ends = page.locator(FIGURES).evaluate_all(WIDTHS)
    assert max(ends) <= page.evaluate("innerWidth")
    assert serious_violations(page) == []
    assert noticed.errors == []
    assert noticed.requests == []


def test_figures_follow_the_colour_scheme(open_page: OpenPage, report_file: Path) -> None:
    """When the reader's system turns dark, so does what is on the screen; paper stays light."""
    page, noticed = open_page(report_file.as_uri())
    drawn(page)
    assert set(page.evaluate(BACKGROUNDS)) == {rgb(LIGHT["background"])}
    page.emulate_media(color_scheme="dark")
    wait_for_background(page, DARK["background"])
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == rgb(DARK["background"])
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    wait_for_background(page, LIGHT["background"])
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    wait_for_background(page, DARK["background"])
    assert page.pdf().startswith(b"%PDF")
    assert noticed.errors == []


def test_figures_follow_the_width(open_page: OpenPage, report_file: Path) -> None:
    """A window made narrow shows every figure whole."""
    page, noticed = open_page(report_file.as_uri())
    drawn(page)
    page.set_viewport_size({"width": PHONE_WIDTH, "height": 800})
    page.wait_for_function(f"({OVERFLOW})() <= 0")
    ends = page.locator(FIGURES).evaluate_all(WIDTHS)
    assert max(ends) <= PHONE_WIDTH
    assert noticed.errors == []


def test_legends_are_as_wide_as_there_is_room(open_page: OpenPage, report_file: Path) -> None:
    """A few short names stand in one line."""
    page, _ = open_page(report_file.as_uri())
    lines = drawn(page).locator(FIGURES).evaluate_all(LEGEND_LINES)
    assert max(lines) == 1


def test_the_keyboard_reaches_everything(open_page: OpenPage, report_file: Path) -> None:
    """The first key skips to the content; figures have words, tables open without a mouse."""
    page, _ = open_page(report_file.as_uri())
    check_descriptions(drawn(page))
    told = page.locator("#verdict tbody td:first-child").all_text_contents()
    assert page.locator("#explorer input[type=checkbox]").evaluate_all(LABELS) == told
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    summary = page.locator("#pictures summary").first
    summary.focus()
    page.keyboard.press("Enter")
    assert page.locator("#pictures details").first.get_attribute("open") is not None
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('role')") == "region"
    assert page.locator("#pictures details table").first.is_visible()


def test_a_page_without_scripts_still_reads(open_page: OpenPage, report_file: Path) -> None:
    """The verdict and every table are text."""
    page, _ = open_page(report_file.as_uri(), java_script_enabled=False)
    assert page.locator("#verdict .headline").is_visible()
    assert page.locator("#tables table").first.is_visible()
    page.locator("#pictures summary").first.click()
    assert page.locator("#pictures details table").first.is_visible()


def test_hostile_names_do_nothing(open_page: OpenPage, hostile_report: Path) -> None:
    """A name that is a script is shown, in text and in charts, and never runs."""
    page, noticed = open_page(hostile_report.as_uri())
    drawn(page)
    page.locator("#figure-prefill-staircase svg .mark-symbol path").first.hover(force=True)
    page.wait_for_timeout(300)
    assert page.evaluate("window.hacked") is None
    assert page.locator("img").count() == 0
    assert page.get_by_text(HOSTILE).count() > 0
    assert noticed.errors == []
    assert noticed.requests == []


def check_descriptions(page: Page) -> None:
    """Check that each figure is an image with words, a title and a table."""
    for figure in page.locator("#pictures figure").all():
        words = figure.locator("figcaption p").text_content()
        assert figure.locator(FIGURES).get_attribute("role") == "img"
        assert figure.locator(FIGURES).get_attribute("aria-label") == words
        assert figure.get_by_role("heading", level=3).text_content()
        assert figure.locator("details table tbody tr").count() > 0


def wait_for_background(page: Page, colour: str) -> None:
    """Wait until every figure has a background."""
    all_alike = f"(wanted) => ({BACKGROUNDS})().every((one) => one === wanted)"
    page.wait_for_function(all_alike, arg=rgb(colour))


def rgb(colour: str) -> str:
    """Return a colour as browsers compute it."""
    parts = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgb({', '.join(map(str, parts))})"
