"""What the export tests share: bundles of drawn models, and files written from them."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import msgspec

from tests.strategies import COMBINATIONS, EDGE_COUNTS, lawful_model, magnitude
from token2metrics.artifact.fitted import FittedModel
from token2metrics.artifact.manifest import Hull, ModelRecord, PhaseRecord
from token2metrics.export import build_target
from token2metrics.export.checking.compiler import FLAGS
from token2metrics.export.checking.tool import Request
from token2metrics.export.target import Bundle, Format, Provenance, bundle_of
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.quantities import QUANTITIES
from token2metrics.vocabulary import FITTED_PHASES, MAX_TOKENS, Phase

NOWHERE = Provenance(token2metrics="0", trained_with="0", artifact_sha256="0" * 64)
SUFFIX = {
    Format.ONNX: ".onnx",
    Format.SQL: ".sql",
    Format.DUCKDB: ".duckdb.sql",
    Format.PYTHON: ".py",
    Format.C: ".h",
    Format.JAVASCRIPT: ".mjs",
}
HULLS = (None, ((129.0, 4_097.0), (64.0, 2_048.0)), ((1.0, 4_096.0), (1.0, 2_048.0)))
FIXED = ((0, 0), (1, 1), (0, 2), (65, 1), (128, 0), (4_097, 2_049), (MAX_TOKENS, MAX_TOKENS))
DRAWN_REQUESTS = 12
DECADES = 7.0
LACKING = (None, None, None, Phase.PREFILL, Phase.DECODE)
"""How often a drawn model lacks a phase."""


@dataclass(frozen=True)
class Drawn:
    """Models and what is asked of them.

    Attributes:
        bundle: The models as programs.
        predictors: The same models.
        requests: Whole token counts.
    """

    bundle: Bundle
    predictors: tuple[ModelPredictor, ...]
    requests: tuple[Request, ...]


def with_hull(model: FittedModel, chance: Random) -> FittedModel:
    """Return a model with another measured range."""
    hull = chance.choice(HULLS)
    phases = {}
    for phase, record in model.record.phases.items():
        told = None
        if hull is not None:
            told = Hull(input_tokens=hull[0], output_tokens=hull[1] if phase == "decode" else None)
        phases[phase] = msgspec.structs.replace(record, hull=told)
    return FittedModel(with_phases(model.record, phases), model.formulas, model.weights)


def with_phases(record: ModelRecord, phases: dict[Phase, PhaseRecord]) -> ModelRecord:
    """Return a record with other phases."""
    return msgspec.structs.replace(record, phases=phases)


def without(model: FittedModel, phase: Phase | None) -> FittedModel:
    """Return a model that lacks the fit of a phase."""
    kept = [other for other in FITTED_PHASES if other is not phase]
    return FittedModel(
        with_phases(model.record, {other: model.record.phases[other] for other in kept}),
        {other: model.formulas[other] for other in kept},
        {other: model.weights[other] for other in kept},
    )


def drawn_models(seed: int) -> tuple[FittedModel, ...]:
    """Return a model of every combination; some lack a head, a measured range or a phase."""
    chance = Random(seed)
    models = []
    for combination in COMBINATIONS:
        metered = chance.random() < 0.7
        model = lawful_model(combination, chance.randrange(2**32), metered, str(combination))
        models.append(without(with_hull(model, chance), chance.choice(LACKING)))
    return tuple(models)


def drawn(
    seed: int,
    models: Sequence[FittedModel] | None = None,
    quantities: Sequence[str] = QUANTITIES,
) -> Drawn:
    """Return a bundle of models at a drawn confidence and number of answers, and requests.

    Args:
        seed: Of every draw.
        models: The models; None for every combination.
        quantities: Results.
    """
    chance = Random(seed)
    chosen = drawn_models(seed) if models is None else models
    confidence = chance.choice((0.5, 0.9, 0.99, chance.uniform(0.5, 0.99)))
    bundle = bundle_of(chosen, quantities, confidence, chance.choice((1, 1, 2, 40)), NOWHERE)
    requests = [*FIXED, *((_count(chance), _count(chance)) for _ in range(DRAWN_REQUESTS))]
    return Drawn(bundle, tuple(ModelPredictor(model) for model in chosen), tuple(requests))


def _count(chance: Random) -> int:
    """Draw a token count of any size, often one at which formulas change."""
    return chance.choice((chance.choice(EDGE_COUNTS), int(magnitude(chance, 0.0, DECADES))))


def written(folder: Path, chosen: Format, bundle: Bundle) -> Path:
    """Write a bundle and return the file."""
    path = folder / f"export{SUFFIX[chosen]}"
    path.write_bytes(build_target(chosen).encode(bundle))
    return path


STRICT = tuple("-O0" if flag == "-O1" else flag for flag in FLAGS)
"""As strict as the check of the command, and compiled sooner."""


def output(*command: str, folder: Path) -> str:
    """Return what a program writes."""
    ended = subprocess.run(command, cwd=folder, capture_output=True, check=True)
    return ended.stdout.decode()


def two_models() -> Drawn:
    """Return two models under their own ids."""
    models = [lawful_model(COMBINATIONS[at], at, name=f"model-{at}") for at in (0, 1)]
    return drawn(1, models)
