"""MLPerf LoadGen's summary and detail logs: times in nanoseconds, and no number of tokens."""

from __future__ import annotations

from collections.abc import Iterator

from token2metrics.ingest.reader import Finding, Reader, SetAside
from token2metrics.ingest.sniffed import Sniffed

DETAIL_NAMESPACE = "mlperf::logging"
SUMMARY_TITLE = "MLPerf Results Summary"
REASON = (
    "LoadGen logs the latencies of samples, but neither how long their prompts nor how long their "
    "answers were, so no latency can be put to a number of tokens"
)


class MlperfLoadgen(Reader):
    """Says why its logs teach nothing."""

    name = "MLPerf LoadGen"
    looks_for = f"the title {SUMMARY_TITLE}, or lines :::MLLOG of {DETAIL_NAMESPACE}"

    def recognises(self, file: Sniffed) -> bool:
        """Return whether the file is a summary or a detail log."""
        in_detail = any(item.get("namespace") == DETAIL_NAMESPACE for _, item in file.objects)
        return in_detail or SUMMARY_TITLE in file.text

    def findings(self, file: Sniffed) -> Iterator[Finding]:
        """Yield the reason alone."""
        yield SetAside("log", REASON)


READER = MlperfLoadgen()
