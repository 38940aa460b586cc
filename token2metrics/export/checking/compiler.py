"""Compile an exported C header, strictly, and run it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from token2metrics.export.checking.process import run_tool
from token2metrics.export.checking.tool import Answers, Request, Tool, in_rows
from token2metrics.export.target import Bundle

COMPILERS = ("gcc", "clang", "cc")
FLAGS = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O1", "-ffp-contract=off")
REFUSED = "refused"

PROGRAM = """\
#include <stdio.h>
#include {header}

int main(void)
{{
    int model;
    for (model = 0; model < T2M_MODEL_COUNT; ++model) {{
        double input_tokens, output_tokens;
        rewind(stdin);
        while (scanf("%lf %lf", &input_tokens, &output_tokens) == 2) {{
            struct t2m_prediction cost;
            if (t2m_models[model].predict(input_tokens, output_tokens, &cost) != T2M_OK) {{
                printf("refused\\n");
                continue;
            }}
{prints}
            printf("\\n");
        }}
    }}
    return 0;
}}
"""
"""Prints every quantity of every request from standard input, model by model."""


class Compiler(Tool):
    """A C compiler."""

    name: ClassVar[str] = "a C compiler"

    def __init__(self, flags: Sequence[str] = FLAGS) -> None:
        self.flags = tuple(flags)

    def present(self) -> bool:
        """Return whether there is one."""
        return self._compiler() is not None

    def answers(self, path: Path, bundle: Bundle, requests: Sequence[Request]) -> Answers:
        """Return what the file predicts."""
        prints = "\n".join(
            f'            printf("%.17g ", (double)cost.{name});' for name in bundle.quantities
        )
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            header = folder / "export.h"
            header.write_bytes(path.read_bytes())
            text = PROGRAM.format(header=f'"{header.name}"', prints=prints)
            (folder / "check.c").write_text(text)
            compiler = str(self._compiler())
            run_tool([compiler, *self.flags, "check.c", "-o", "check", "-lm"], folder)
            asked = folder / "requests"
            asked.write_text("\n".join(f"{prompt!r} {answer!r}" for prompt, answer in requests))
            told = run_tool(["sh", "-c", "./check < requests"], folder)
        lines = [
            [None] * len(bundle.quantities) if line == REFUSED else list(map(float, line.split()))
            for line in told.splitlines()
        ]
        return in_rows(bundle, requests, lines)

    def _compiler(self) -> str | None:
        """Return the first compiler there is."""
        found = (shutil.which(name) for name in COMPILERS)
        return next((path for path in found if path is not None), None)
