"""Carry an exported JavaScript module out in node."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from token2metrics.export.checking.process import run_tool
from token2metrics.export.checking.tool import Answers, Request, Tool, in_rows
from token2metrics.export.target import Bundle

NODE = "node"
MODULE, SCRIPT = "export.mjs", "check.mjs"

PROGRAM = """\
import { readFileSync } from "node:fs";
import { models } from "./export.mjs";
const requests = JSON.parse(readFileSync(0, "utf8"));
const lines = models.flatMap((model) =>
  requests.map(([prompt, answer]) => Object.values(model.predict(prompt, answer)).map(Number_)),
);
function Number_(value) {
  return typeof value === "boolean" ? Number(value) : value;
}
console.log(JSON.stringify(lines));
"""


class Node(Tool):
    """The engine of Chrome on the command line."""

    name: ClassVar[str] = NODE

    def present(self) -> bool:
        """Return whether it is installed."""
        return shutil.which(NODE) is not None

    def answers(self, path: Path, bundle: Bundle, requests: Sequence[Request]) -> Answers:
        """Return what the file predicts."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / MODULE).write_bytes(path.read_bytes())
            (folder / SCRIPT).write_text(PROGRAM)
            told = run_tool([NODE, SCRIPT], folder, json.dumps(list(requests)))
        return in_rows(bundle, requests, json.loads(told))
