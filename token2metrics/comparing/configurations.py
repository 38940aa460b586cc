"""What is compared: models of artifacts, with samples at once, token caps and qualities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from token2metrics.artifact.manifest import ModelRecord
from token2metrics.comparing.quality import Quality
from token2metrics.errors import DataError, RequestError
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.predictor import Predictor
from token2metrics.prediction.result import Prices

CONDITIONS = ("device", "power_mode", "runtime", "precision")
"""The fields of a model's record that say where it was measured."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained model and where it was found.

    Attributes:
        artifact: Directory of its artifact.
        predictor: The model.
    """

    artifact: str
    predictor: ModelPredictor

    @property
    def record(self) -> ModelRecord:
        """What the artifact says of the model."""
        return self.predictor.model.record


@dataclass(frozen=True, slots=True)
class Configuration:
    """One way to answer requests.

    Attributes:
        trained: The model.
        prices: What money is counted with on its device.
        parallel: Answers generated at once.
        max_output_tokens: Cap on the tokens of an answer; None without one.
        quality: How good the answers are; None where nobody said.
    """

    trained: Trained
    prices: Prices
    parallel: int
    max_output_tokens: int | None = None
    quality: float | None = None

    @property
    def predictor(self) -> ModelPredictor:
        """The model."""
        return self.trained.predictor

    def answer_tokens(self, output_tokens: int) -> int:
        """Return the tokens of an answer, cut at the cap."""
        if self.max_output_tokens is None:
            return output_tokens
        return min(output_tokens, self.max_output_tokens)


def select_trained(
    artifacts: Mapping[str, Predictor],
    names: Sequence[str],
    conditions: Mapping[str, Sequence[str]],
) -> tuple[Trained, ...]:
    """Return every model that answers to one of the names, under any of the conditions.

    Args:
        artifacts: Predictors by artifact directory.
        names: Short names, ids or aliases; empty for all models.
        conditions: Accepted values of each of ``CONDITIONS``; empty for all.

    Raises:
        RequestError: If a name or a value fits no model, or no model is left.
    """
    everything = [
        Trained(artifact, one) for artifact, found in artifacts.items() for one in found.models
    ]
    for name in names:
        if not any(one.record.answers_to(name) for one in everything):
            raise RequestError(f"no trained model answers to {name!r}; {_trained(everything)}")
    for field, values in conditions.items():
        for value in values:
            if not any(_has(one.record, field, value) for one in everything):
                raise RequestError(f"no model was trained for {value!r}; {_trained(everything)}")
    found = tuple(one for one in everything if _is_wanted(one.record, names, conditions))
    if not found:
        raise RequestError(f"no model fits all of the conditions; {_trained(everything)}")
    return found


def _is_wanted(
    record: ModelRecord, names: Sequence[str], conditions: Mapping[str, Sequence[str]]
) -> bool:
    """Return whether a model has a wanted name and wanted conditions."""
    named = not names or any(record.answers_to(name) for name in names)
    return named and all(
        not values or any(_has(record, field, value) for value in values)
        for field, values in conditions.items()
    )


def _has(record: ModelRecord, field: str, value: str) -> bool:
    """Return whether a condition of a model has a value, ignoring case."""
    return str(getattr(record, field)).casefold() == value.strip().casefold()


def _trained(everything: Sequence[Trained]) -> str:
    """Say what was trained."""
    words = [
        f"{one.record.name} on "
        + ", ".join(str(getattr(one.record, field)) for field in CONDITIONS if _states(one, field))
        for one in everything
    ]
    return f"trained: {'; '.join(dict.fromkeys(words))}"


def _states(one: Trained, field: str) -> bool:
    """Return whether a condition is known."""
    return getattr(one.record, field) is not None


def configurations(
    priced: Sequence[tuple[Trained, Prices]],
    parallels: Sequence[int],
    qualities: Sequence[Quality],
) -> tuple[Configuration, ...]:
    """Combine models with samples at once, and with the caps their qualities are known for.

    Args:
        priced: The models, with the prices of their devices.
        parallels: Numbers of answers generated at once.
        qualities: What the user knows of the answers; empty for nothing.

    Returns:
        One configuration per model and number of samples, or one per cap where qualities fit.

    Raises:
        DataError: If no quality fits any model, or two tell about the same.
    """
    combined = [
        one
        for trained, prices in priced
        for parallel in dict.fromkeys(parallels)
        for one in _with_qualities(Configuration(trained, prices, parallel), qualities)
    ]
    if qualities and all(one.quality is None for one in combined):
        named = ", ".join(dict.fromkeys(quality.model for quality in qualities))
        compared = ", ".join(dict.fromkeys(trained.record.name for trained, _ in priced))
        raise DataError(f"expected the quality of {compared}, got only that of {named}")
    return tuple(combined)


def unused(qualities: Sequence[Quality], compared: Sequence[Configuration]) -> tuple[Quality, ...]:
    """Return the qualities that fit no compared configuration."""
    return tuple(
        quality
        for quality in qualities
        if not any(quality.fits(one.trained.record, one.parallel) for one in compared)
    )


def _with_qualities(plain: Configuration, qualities: Sequence[Quality]) -> Iterator[Configuration]:
    """Yield a configuration once per quality that fits it; as it is without any."""
    record = plain.trained.record
    fitting = [quality for quality in qualities if quality.fits(record, plain.parallel)]
    caps = [quality.max_output_tokens for quality in fitting]
    if len(set(caps)) < len(caps):
        raise DataError(
            f"expected one quality per cap of {record.name}, got several that fit "
            f"{record.precision} and {plain.parallel} at once; state precision or parallel in all"
        )
    for one in fitting:
        yield Configuration(
            plain.trained, plain.prices, plain.parallel, one.max_output_tokens, one.quality
        )
    if not fitting:
        yield plain
