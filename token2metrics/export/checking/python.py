"""Carry an exported Python module out, in this process."""

from __future__ import annotations

import runpy
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from token2metrics.export.checking.tool import Answers, Request, Tool, in_rows
from token2metrics.export.target import Bundle


class Python(Tool):
    """The running interpreter."""

    name: ClassVar[str] = "Python"

    def present(self) -> bool:
        """Return that it is."""
        return True

    def answers(self, path: Path, bundle: Bundle, requests: Sequence[Request]) -> Answers:
        """Return what the file predicts."""
        predict = runpy.run_path(str(path))["predict"]
        lines = [
            tuple(predict(int(prompt), int(answer), one.identifier).values())
            for one in bundle.models
            for prompt, answer in requests
        ]
        return in_rows(bundle, requests, lines)
