"""``python -m sglang.bench_serving``: a JSON object per run, with ``--output-details`` arrays."""

from __future__ import annotations

from collections.abc import Iterator

from token2metrics.ingest.reader import Finding, Reader, each
from token2metrics.ingest.serving_run import rows_of_run
from token2metrics.ingest.sniffed import Sniffed

REQUIRED = ("duration", "completed", "total_output_tokens_retokenized")


class SglangBench(Reader):
    """Reads a run per line."""

    name = "SGLang bench_serving"
    looks_for = f"JSON objects with {', '.join(REQUIRED)}"

    def recognises(self, file: Sniffed) -> bool:
        """Return whether any object has the keys."""
        return file.objects_with(*REQUIRED)

    def findings(self, file: Sniffed) -> Iterator[Finding]:
        """Yield records per request, or per run that saved no details."""
        return each(file.objects, rows_of_run)


READER = SglangBench()
