"""One process of the fuzzer: libFuzzer, through Atheris, on one kind of file.

Atheris counts which lines of the package each case reaches and keeps those that reach new ones; our
own changes spoil them further. Errors that a user would meet as a traceback are noted, and the
search goes on; a crash, a hang or too much memory ends the process, and libFuzzer keeps the case.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any, NoReturn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

LONGEST_CASE_BYTES = 1 << 18
NOTED_EVERY_S = 0.5
"""CPU seconds between two notes of how far the process has come."""

WRITTEN_SECONDS = 2


class Search:
    """Runs cases until its time is over, and keeps what it finds.

    Args:
        name: Kind of file.
        folder: Where findings and notes go.
        cpu_s: CPU seconds to use.
    """

    def __init__(self, name: str, folder: Path, cpu_s: float) -> None:
        from benchmarks.fuzzing.targets import TARGETS

        self.target = TARGETS[name]
        self.folder = folder
        self._until_s = time.process_time() + cpu_s
        self._began_s = time.process_time()
        self._noted_s = self._began_s
        self._cases = 0
        self._slowest_s = 0.0
        self._found: set[tuple[str, str]] = set()
        self._scratch = tempfile.TemporaryDirectory(prefix="token2metrics-fuzz-")

    def case(self, content: bytes) -> None:
        """Read one spoilt file."""
        from benchmarks.fuzzing.cases import try_case

        began_s = time.process_time()
        finding = try_case(self.target, Path(self._scratch.name), content)
        self._slowest_s = max(self._slowest_s, time.process_time() - began_s)
        self._cases += 1
        if finding is not None and (finding.kind, finding.place) not in self._found:
            self._found.add((finding.kind, finding.place))
            stem = f"{finding.kind}-{finding.place.replace(':', '-')}"
            (self.folder / f"{stem}.case").write_bytes(content)
            (self.folder / f"{stem}.txt").write_text(finding.trace)
        over = time.process_time() >= self._until_s
        if over or time.process_time() - self._noted_s > NOTED_EVERY_S:
            self._note()
        if over:
            self._scratch.cleanup()
            os._exit(0)

    def change(self, content: bytes, most: int, seed: int) -> bytes:
        """Spoil a case as what it is; libFuzzer asks for it by this signature."""
        return self.target.change(content, Random(seed))[:most]

    def _note(self) -> None:
        """Write down how far it has come."""
        self._noted_s = time.process_time()
        told = {
            "cases": self._cases,
            "cpu_s": round(time.process_time() - self._began_s, WRITTEN_SECONDS),
            "slowest_s": round(self._slowest_s, WRITTEN_SECONDS),
        }
        (self.folder / "state.json").write_text(json.dumps(told))


def main() -> NoReturn:
    """Fuzz: ``worker.py KIND FOLDER CPU_SECONDS [libFuzzer's options]``."""
    name, folder, cpu_s, *options = sys.argv[1:]
    atheris: Any = import_module("atheris")
    with atheris.instrument_imports(include=["token2metrics"], enable_loader_override=False):
        search = Search(name, Path(folder), float(cpu_s))
        from benchmarks.fuzzing.cases import sound_files
    logging.disable(logging.CRITICAL)
    corpus = Path(folder) / "corpus"
    corpus.mkdir(exist_ok=True)
    for place, content in enumerate(sound_files(search.target)):
        (corpus / f"sound-{place}").write_bytes(content)
    change: Callable[..., bytes] = search.change
    arguments = [sys.argv[0], str(corpus), f"-max_len={LONGEST_CASE_BYTES}", *options]
    atheris.Setup(arguments, search.case, custom_mutator=change)
    atheris.Fuzz()
    sys.exit(0)


if __name__ == "__main__":
    main()
