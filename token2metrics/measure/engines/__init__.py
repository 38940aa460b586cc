"""Every inference engine that can be measured, and the choice among them.

The modules of the engines are imported only when one is built: each needs packages of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from token2metrics.architecture import Architecture
from token2metrics.errors import ConfigurationError
from token2metrics.extras import needing
from token2metrics.measure.engines.engine import Engine

if TYPE_CHECKING:
    from token2metrics.measure.engines.http import HttpConnection

__all__ = ["Engine", "EngineKind", "EngineOptions", "build_engine"]

DEFAULT_LOCAL_PRECISION = "bf16"
PURPOSE = "measuring"


class EngineKind(StrEnum):
    """The engines that ``--engine`` can name; ``auto`` asks the target what it is."""

    AUTO = "auto"
    LLAMA_CPP = "llama.cpp"
    OPENAI = "openai"
    OLLAMA = "ollama"
    LOCAL = "local"


PAGES = {
    EngineKind.LLAMA_CPP: "/props",
    EngineKind.OLLAMA: "/api/version",
    EngineKind.OPENAI: "/v1/models",
}
"""A page of JSON that an engine has, and those before it have not."""


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Which engine, and what it needs to know.

    Attributes:
        kind: The engine.
        target: Its address; None for a local one.
        served_model: Which of the models that it serves; None takes the only one. Not for the
            engines with one model alone.
        shape: What a local engine builds; None for the others.
        precision: Precision of a local engine's weights; None for its default.
        torch_device: Where a local engine runs.
        context_tokens: Longest request that will come.
    """

    kind: EngineKind
    target: str | None
    served_model: str | None
    shape: Architecture | Path | None
    precision: str | None
    torch_device: str
    context_tokens: int


def build_engine(options: EngineOptions) -> Engine:
    """Build an engine, which its context then connects.

    Raises:
        ConfigurationError: If an option is missing or means nothing to the engine, or nothing
            known answers at the target.
        EngineLostError: If nothing at all answers there.
        MissingExtraError: If a package is missing.
    """
    if options.kind is EngineKind.LOCAL:
        return _build_local(options)
    if options.target is None:
        raise ConfigurationError(
            "expected --target with the address of an engine, such as http://127.0.0.1:8080, or "
            "--engine local; got neither"
        )
    with needing(PURPOSE):
        from token2metrics.measure.engines.http import HttpConnection
        from token2metrics.measure.engines.llama_cpp import LlamaCppEngine
        from token2metrics.measure.engines.ollama import OllamaEngine
        from token2metrics.measure.engines.openai import OpenAiEngine
    kind: EngineKind = options.kind
    if kind is EngineKind.AUTO:
        with HttpConnection(options.target) as connection:
            kind = detect(connection)
    if kind is EngineKind.LLAMA_CPP:
        _refuse_served_model(options, kind)
        return LlamaCppEngine(options.target)
    if kind is EngineKind.OLLAMA:
        return OllamaEngine(options.target, options.context_tokens, options.served_model)
    return OpenAiEngine(options.target, options.served_model)


def detect(connection: HttpConnection) -> EngineKind:
    """Return what answers at an address.

    Raises:
        ConfigurationError: If it is nothing known.
        EngineLostError: If nothing answers.
    """
    for kind, page in PAGES.items():
        if connection.get(page, dict) is not None:
            return kind
    looked = ", ".join(PAGES.values())
    raise ConfigurationError(
        f"expected an inference engine at {connection.target}, got none of its pages {looked}; "
        "check the address, or name the engine with --engine"
    )


def _refuse_served_model(options: EngineOptions, kind: EngineKind) -> None:
    """Refuse the name of a model where there is no choice of one."""
    if options.served_model is not None:
        raise ConfigurationError(
            f"expected no --served-model with the engine {kind}, which has one model, got "
            f"{options.served_model!r}; leave it out, or choose with --engine openai"
        )


def _build_local(options: EngineOptions) -> Engine:
    """Build an engine in this process."""
    _refuse_served_model(options, EngineKind.LOCAL)
    if options.target is not None:
        raise ConfigurationError(
            f"expected no --target with --engine local, got {options.target}; leave one of them out"
        )
    if options.shape is None:
        raise ConfigurationError(
            "expected --model to name a known experiment, or --architecture to name a "
            "config.json, for the local engine to build; got neither"
        )
    with needing("the local engine"):
        from token2metrics.measure.engines.local import LocalEngine
    precision = options.precision or DEFAULT_LOCAL_PRECISION
    return LocalEngine(options.shape, precision, options.torch_device)
