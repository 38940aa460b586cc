"""What ``/v1/models`` of an OpenAI-compatible server tells, and the choice among its models."""

from __future__ import annotations

import msgspec

from token2metrics.errors import ConfigurationError
from token2metrics.measure.engines.http import HttpConnection

PATH = "/v1/models"
SHOWN_MODELS = 10


class ModelMeta(msgspec.Struct, frozen=True):
    """What llama.cpp's server knows of a model's file."""

    n_vocab: int | None = None
    n_ctx: int | None = None


class ServedModel(msgspec.Struct, frozen=True):
    """One model of a server; llama.cpp tells ``meta``, vLLM and SGLang ``max_model_len``."""

    id: str
    owned_by: str | None = None
    max_model_len: int | None = None
    meta: ModelMeta | None = None

    @property
    def vocabulary(self) -> int | None:
        """Size of the vocabulary; None when the server does not tell."""
        return self.meta.n_vocab if self.meta else None

    @property
    def context_tokens(self) -> int | None:
        """Most tokens of prompt and answer together; None when the server does not tell."""
        return self.max_model_len or (self.meta.n_ctx if self.meta else None)


class ServedModels(msgspec.Struct, frozen=True):
    """Every model of a server."""

    data: tuple[ServedModel, ...]


def served_models(connection: HttpConnection) -> tuple[ServedModel, ...]:
    """Return the models of a server; none where it has no such page."""
    listed = connection.get(PATH, ServedModels)
    return listed.data if listed is not None else ()


def choose_name(names: tuple[str, ...], wanted: str | None, where: str) -> str:
    """Return the model to measure.

    Args:
        names: Models that the engine serves.
        wanted: The one asked for; None takes the only one.
        where: Address of the engine.

    Raises:
        ConfigurationError: If the engine has none, another one, or several to choose from.
    """
    shown = ", ".join(names[:SHOWN_MODELS]) or "none"
    if wanted is None and len(names) == 1:
        return names[0]
    if wanted in names:
        return str(wanted)
    expectation = "one of the models" if wanted is not None else "--served-model to name one"
    raise ConfigurationError(
        f"expected {expectation} that {where} serves ({shown}), got {wanted or 'no name'}"
    )
