"""``vllm bench serve``, formerly ``benchmark_serving.py``, and what writes the same keys."""

from __future__ import annotations

from collections.abc import Iterator

from token2metrics.ingest.reader import Finding, Reader, each
from token2metrics.ingest.serving_run import rows_of_run
from token2metrics.ingest.sniffed import Sniffed

REQUIRED = ("duration", "completed", "total_input_tokens", "request_throughput")
OF_SGLANG = "total_output_tokens_retokenized"


class VllmBench(Reader):
    """Reads results, several in a file (``--append-result``) included."""

    name = "vllm bench serve"
    looks_for = f"JSON objects with {', '.join(REQUIRED)}"

    def recognises(self, file: Sniffed) -> bool:
        """Return whether any object has the keys, and none that of SGLang's."""
        return file.objects_with(*REQUIRED) and not file.objects_with(OF_SGLANG)

    def findings(self, file: Sniffed) -> Iterator[Finding]:
        """Yield records per request, or per run that saved no details."""
        return each(file.objects, rows_of_run)


READER = VllmBench()
