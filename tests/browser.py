"""A real browser for the tests of pages: headless Chromium without a network, and what it noticed.

A pytest plugin by import: a test module that takes ``browser`` or ``open_page`` imports them by
name from here.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

REQUIREMENT = "BROWSER_TESTS"
REQUIRED = "required"
EXECUTABLES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
)
SERIOUS = frozenset({"serious", "critical"})
PHONE_WIDTH = 390
PHONE_HEIGHT = 844
DESKTOP_WIDTH = 1280
DESKTOP_HEIGHT = 900
LOCAL = ("file:", "data:", "blob:", "about:")
"""Schemes of addresses that need no network."""

__all__ = ["browser", "open_page"]


@dataclass
class Noticed:
    """What a page did that a reader would not see.

    Attributes:
        errors: Messages of the console that are errors or warnings, and uncaught exceptions.
        requests: Addresses it asked the network for.
    """

    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


OpenPage = Callable[..., tuple[Page, Noticed]]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return a headless Chromium that the tests of a module share; without one, skip.

    With ``BROWSER_TESTS=required`` in the environment a missing one fails. Playwright keeps an
    event loop running while it lives, beside which no other test could start its own: so it ends
    with its module.
    """
    found = next(filter(None, map(shutil.which, EXECUTABLES)), None)
    if found is None:
        reason = f"expected one of {', '.join(EXECUTABLES)} on the path, found none"
        if os.environ.get(REQUIREMENT) == REQUIRED:
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=list(ARGUMENTS))
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Return a function that opens an address and tells what the page did.

    It takes ``dark`` for the dark scheme, ``phone`` for a narrow screen, ``offline=False`` for a
    server on this machine, and further options of Playwright's ``new_context``.
    """
    contexts: list[BrowserContext] = []

    def opened(
        address: str,
        *,
        dark: bool = False,
        phone: bool = False,
        offline: bool = True,
        **options: Any,
    ) -> tuple[Page, Noticed]:
        width, height = (PHONE_WIDTH, PHONE_HEIGHT) if phone else (DESKTOP_WIDTH, DESKTOP_HEIGHT)
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            offline=offline,
            reduced_motion="reduce",
            **options,
        )
        contexts.append(context)
        page = context.new_page()
        noticed = watched(page)
        page.goto(address)
        return page, noticed

    yield opened
    for context in contexts:
        context.close()


def watched(page: Page) -> Noticed:
    """Return what a page will have done, from now on."""
    noticed = Noticed()

    def remember(message: Any) -> None:
        if message.type in ("error", "warning"):
            noticed.errors.append(message.text)

    def note_request(request: Any) -> None:
        if not request.url.startswith(LOCAL):
            noticed.requests.append(request.url)

    page.on("console", remember)
    page.on("pageerror", lambda error: noticed.errors.append(str(error)))
    page.on("request", note_request)
    return noticed


def serious_violations(page: Page) -> list[str]:
    """Return what axe finds serious or critical, each with its rule, its help and where."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {one['help']}: {[node['target'] for node in one['nodes']]}"
        for one in found
        if one["impact"] in SERIOUS
    ]
