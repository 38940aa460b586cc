"""What the explorer's tests share: its script in node, and what is asked of it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from tests.exporting import drawn_models
from tests.strategies import magnitude
from token2metrics.artifact.fitted import FittedModel
from token2metrics.artifact.manifest import MarginRecord
from token2metrics.intervals import HIGHEST_CONFIDENCE, LOWEST_CONFIDENCE
from token2metrics.page.explorer_script import models_script
from token2metrics.planning.limits import AtMost, Limits
from token2metrics.prediction.money import prices_on
from token2metrics.prediction.result import Prices

MODULE = "explorer.mjs"
NODE_LIMIT_S = 120
TOLD = """\
import { readFileSync } from "node:fs";
const asked = JSON.parse(readFileSync(0, "utf8"));
const byName = (name) => models.find((model) => model.identifier === name);
const plain = (_, value) => (value === Infinity ? "inf" : value);
process.stdout.write(JSON.stringify(asked.map(ANSWER), plain));
"""
CONFIDENCES = (LOWEST_CONFIDENCE, 0.8, 0.9, 0.975, HIGHEST_CONFIDENCE)
LOOSER, TIGHTER = 1.7, 0.6
PROBABILITIES = (0.75, 0.9, 0.95, 0.975, 0.995)


def in_node(
    folder: Path, models: Sequence[FittedModel], answer: str, asked: Sequence[Any]
) -> list[Any]:
    """Return what the explorer's functions say.

    Args:
        folder: For the script.
        models: Its models.
        answer: A function of one thing asked, as JavaScript.
        asked: What is asked, as JSON has it.
    """
    script = folder / MODULE
    script.write_text(f"{models_script(models)}\n{TOLD.replace('ANSWER', answer)}", "utf-8")
    ended = subprocess.run(
        [shutil.which("node") or "node", str(script)],
        input=msgspec.json.encode(asked),
        capture_output=True,
        check=False,
        timeout=NODE_LIMIT_S,
    )
    assert ended.returncode == 0, ended.stderr.decode()
    found: list[Any] = json.loads(ended.stdout)
    return found


def models_with_margins(seed: int) -> tuple[FittedModel, ...]:
    """Return drawn models of every combination, each margin of each phase another."""
    chance = Random(seed)
    return tuple(_with_margins(chance, model) for model in drawn_models(seed))


def _with_margins(chance: Random, model: FittedModel) -> FittedModel:
    """Draw the margins of a model."""
    phases = {}
    for phase, record in model.record.phases.items():
        head = record.head
        if head is not None:
            head = msgspec.structs.replace(head, margin=_margin(chance))
        phases[phase] = msgspec.structs.replace(record, margin=_margin(chance), head=head)
    told = msgspec.structs.replace(model.record, phases=phases)
    return FittedModel(told, model.formulas, model.weights)


def _margin(chance: Random) -> MarginRecord:
    """Draw half-widths that never fall with the confidence."""
    widths = accumulate(chance.uniform(0.0, 0.3) for _ in CONFIDENCES)
    return MarginRecord(method="drawn", rows=1, confidences=CONFIDENCES, half_widths=tuple(widths))


def some_limits(chance: Random, near: AtMost) -> Limits:
    """Draw limits near what some request takes at most; one at least."""
    names = chance.sample(Limits.__struct_fields__, chance.randint(1, 5))
    factor = chance.choice((TIGHTER, 1.001, LOOSER))
    known = {name: getattr(near, name) for name in names}
    stated = {
        name: value * factor if value else chance.uniform(1, 60) for name, value in known.items()
    }
    return Limits(**{name: min(max(value, 1e-200), 1e200) for name, value in stated.items()})


def some_prices(chance: Random, model: FittedModel) -> tuple[Prices, dict[str, float | None]]:
    """Draw what is typed about money, and the prices that come of it."""
    typed = {
        "price_per_kwh": chance.choice((0.0, 0.3, magnitude(chance, -3, 2))),
        "device_price": chance.choice((None, 0.0, 249.0)),
        "lifetime_years": chance.choice((None, 3.5)),
    }
    return prices_on(model.record.hardware, **typed), typed  # type: ignore[arg-type]
