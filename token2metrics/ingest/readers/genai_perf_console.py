"""The table that GenAI-Perf prints: rounded, and without what its export files hold."""

from __future__ import annotations

import re
from collections.abc import Iterator

from token2metrics.ingest.reader import Finding, Reader, SetAside
from token2metrics.ingest.sniffed import Sniffed

TITLE = re.compile(r"(?:GenAI-Perf|AIPerf) \|.*Metrics")
REASON = (
    "a table for the screen: rounded, without the number of requests, those in flight and the "
    "model; give the profile_export files that the tool wrote beside it"
)


class GenaiPerfConsole(Reader):
    """Refuses the table and names what to give instead."""

    name = "GenAI-Perf (console table)"
    looks_for = "a title such as NVIDIA GenAI-Perf | LLM Metrics"

    def recognises(self, file: Sniffed) -> bool:
        """Return whether the title is there."""
        return not file.documents and TITLE.search(file.text) is not None

    def findings(self, file: Sniffed) -> Iterator[Finding]:
        """Yield the reason alone."""
        yield SetAside("table", REASON)


READER = GenaiPerfConsole()
