"""What a page of HTML holds, for the tests of pages."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

EXECUTED = frozenset({"", "module", "text/javascript"})
"""Types of scripts that a browser runs."""

LOADING = frozenset({"src", "srcset", "href", "action", "data", "poster", "formaction", "ping"})
"""Attributes by which a page asks for something."""

LOCAL = ("#", "data:,")
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")


@dataclass
class Held:
    """What a page holds.

    Attributes:
        scripts: Texts of the scripts that run.
        tags: Every element, in order.
        handlers: Attributes that run scripts, such as ``onclick``.
        addresses: What it may ask for, from anywhere but itself.
        headings: Levels of its headings, in order.
        ids: Every id.
        links: Ids that it links to.
        policy: Its Content-Security-Policy.
        title: Its title.
        text: Everything a reader sees, and more.
    """

    scripts: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    handlers: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    headings: list[int] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    policy: str = ""
    title: str = ""
    text: str = ""


class _Reader(HTMLParser):
    """Notes what it meets."""

    def __init__(self) -> None:
        super().__init__()
        self.held = Held()
        self._within = ""
        self._runs = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element and its attributes."""
        given = {name: value or "" for name, value in attrs}
        self.held.tags.append(tag)
        self._within = tag
        self._runs = tag == "script" and given.get("type", "") in EXECUTED
        if self._runs:
            self.held.scripts.append("")
        if tag in HEADINGS:
            self.held.headings.append(1 + HEADINGS.index(tag))
        if given.get("http-equiv") == "Content-Security-Policy":
            self.held.policy = given["content"]
        for name, value in given.items():
            self._note(name, value)

    def _note(self, name: str, value: str) -> None:
        """Note an attribute."""
        if name == "id":
            self.held.ids.append(value)
        if name.startswith("on"):
            self.held.handlers.append(f"{name}={value}")
        if name in LOADING:
            if value.startswith("#"):
                self.held.links.append(value[1:])
            elif not value.startswith(LOCAL):
                self.held.addresses.append(value)

    def handle_data(self, data: str) -> None:
        """Note a text."""
        if self._runs:
            self.held.scripts[-1] += data
        elif self._within == "title":
            self.held.title += data
        else:
            self.held.text += data

    def handle_endtag(self, tag: str) -> None:
        """Note the end of an element."""
        self._within = ""
        self._runs = False


def read_page(html: str) -> Held:
    """Return what a page holds, as a parser of HTML sees it."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.held
