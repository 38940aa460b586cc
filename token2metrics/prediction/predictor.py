"""Find the model of a request in a saved artifact."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from token2metrics.artifact.load import load_artifact
from token2metrics.errors import RequestError
from token2metrics.intervals import DEFAULT_CONFIDENCE
from token2metrics.parallel import SINGLE
from token2metrics.prediction.conditions import (
    ANYWHERE,
    Conditions,
    distinguishing,
    where_trained,
)
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.result import Prediction, Prices


class Predictor(Struct, frozen=True):
    """Every model of an artifact.

    Attributes:
        models: One predictor per model and device.
    """

    models: tuple[ModelPredictor, ...]

    @classmethod
    def load(cls, directory: Path | str) -> Predictor:
        """Load an artifact directory.

        Raises:
            ArtifactError: If the artifact cannot be trusted.
        """
        return cls(tuple(ModelPredictor(m) for m in load_artifact(Path(directory)).models))

    def __call__(
        self,
        input_tokens: int,
        output_tokens: int,
        model: str | None = None,
        conditions: Conditions = ANYWHERE,
        prices: Prices | None = None,
        confidence: float = DEFAULT_CONFIDENCE,
        parallel: int = SINGLE,
    ) -> Prediction:
        """Price one request.

        Args:
            input_tokens: Prompt tokens, >= 0.
            output_tokens: Generated tokens, >= 0; the first one ends prefill.
            model: The model by any of its names; None where the artifact has only one.
            conditions: Needed when the model was trained for several devices or settings.
            prices: Electricity and device prices; without them there is no cost.
            confidence: Of every interval, 0.5 to 0.99.
            parallel: Answers to the prompt that are generated at once.

        Raises:
            RequestError: If the model or the request is not one that can be priced.
        """
        chosen = self.only(conditions) if model is None else self.select(model, conditions)
        return chosen(input_tokens, output_tokens, prices, confidence, parallel)

    def only(self, conditions: Conditions) -> ModelPredictor:
        """Return the only model trained under some conditions.

        Raises:
            RequestError: If there is none, or more than one.
        """
        first, *others = self.choose((), conditions)
        if others:
            trained = "; ".join(where_trained(p.model.record) for p in (first, *others))
            raise RequestError(f"expected the name of a model; trained: {trained}")
        return first

    def select(self, name: str, conditions: Conditions = ANYWHERE) -> ModelPredictor:
        """Return the predictor of a model by any of its names.

        Args:
            name: Short name, full id or alias.
            conditions: Needed when the model was trained for several devices or settings.

        Raises:
            RequestError: If no model, or more than one, answers.
        """
        named = [p for p in self.models if p.model.record.answers_to(name)]
        found = [p for p in named if conditions.fit(p.model.record)]
        if len(found) == 1:
            return found[0]
        if not found:
            trained = "; ".join(where_trained(p.model.record) for p in named or self.models)
            wanted = repr(name) if conditions == ANYWHERE else f"{name!r} on {conditions}"
            raise RequestError(f"no trained model answers to {wanted}; trained: {trained}")
        trained = "; ".join(where_trained(p.model.record) for p in found)
        raise RequestError(
            f"{name!r} was trained more than once ({trained}); give "
            + " or ".join(distinguishing([p.model.record for p in found]))
        )

    def choose(self, names: Sequence[str], conditions: Conditions) -> tuple[ModelPredictor, ...]:
        """Return the named models, or without names every model trained under some conditions.

        Raises:
            RequestError: If a name is unknown or ambiguous, or no model is left.
        """
        if names:
            return tuple(self.select(name, conditions) for name in names)
        found = tuple(p for p in self.models if conditions.fit(p.model.record))
        if not found:
            trained = "; ".join(where_trained(p.model.record) for p in self.models)
            raise RequestError(f"no model was trained for {conditions}; trained: {trained}")
        return found
