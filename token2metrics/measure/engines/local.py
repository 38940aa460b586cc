"""``transformers`` with random weights in this process: any shape, no download, exact lengths.

A model of random weights takes as long per token as a trained one of the same shape.
"""

from __future__ import annotations

import importlib.metadata
import inspect
import json
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch
from huggingface_hub.errors import StrictDataclassError
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    DynamicCache,
    LlamaConfig,
    PretrainedConfig,
    Starcoder2Config,
)

from token2metrics.architecture import Architecture
from token2metrics.errors import ConfigurationError
from token2metrics.measure.engines.engine import (
    Engine,
    EngineRefusedError,
    Generation,
    GenerationRequest,
)
from token2metrics.measure.engines.prompts import random_token_ids
from token2metrics.precision import normal_precision
from token2metrics.records import Clock

NAME = "transformers"
CUDA = "cuda"
MODEL_TYPE = "model_type"
LONGEST_CONTEXT_TOKENS = 131_072

MISTAKES = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    RecursionError,
    StrictDataclassError,
)
"""What a wrong ``config.json`` can raise."""

CACHE, EARLIER_CACHE = "cache", "past_key_values"
"""What newer releases of transformers call the argument, and earlier ones."""

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
"""Precisions that weights can be made in."""


class LocalEngine(Engine):
    """A model of random weights, on the CPU or on CUDA.

    Args:
        shape: An architecture, or the ``config.json`` of a model.
        precision: Precision of the weights: fp32, fp16 or bf16.
        device: Where it runs, such as ``cpu`` or ``cuda:0``.

    Raises:
        ConfigurationError: If weights cannot be made in that precision or on that device, or the
            file describes no model.
    """

    name = NAME

    def __init__(self, shape: Architecture | Path, precision: str, device: str) -> None:
        self.precision = normal_precision(precision)
        if self.precision not in DTYPES:
            raise ConfigurationError(
                f"expected --precision of the local engine among {', '.join(DTYPES)}, "
                f"got {precision!r}"
            )
        self._config = read_config(shape) if isinstance(shape, Path) else config_of(shape)
        self._device = torch.device(device)
        if self._device.type == CUDA and not torch.cuda.is_available():
            raise ConfigurationError(
                "expected a CUDA device for the local engine, found none; set "
                "TOKEN2METRICS_TORCH_DEVICE=cpu, or install torch for CUDA"
            )
        self.version = importlib.metadata.version(NAME)
        self.model = str(self._config.model_type)
        self.source = f"{NAME} on {device}, {torch.get_num_threads()} threads"
        self._model: Any = None
        self._cache_name = CACHE

    def __enter__(self) -> Self:
        """Make the weights.

        Raises:
            ConfigurationError: If they do not fit into memory, or the configuration is of no model
                that generates text.
        """
        dtype = DTYPES[str(self.precision)]
        build: Any = AutoModelForCausalLM.from_config
        try:
            with self._device:
                self._model = build(self._config, dtype=dtype).eval()
            self._cache_name = _cache_name(self._model)
        except (ValueError, TypeError, AttributeError, ImportError) as error:
            raise ConfigurationError(
                f"expected a model that generates text, got {self.model}: {_first_line(error)}"
            ) from error
        except (RuntimeError, MemoryError) as error:
            raise ConfigurationError(
                f"cannot make the weights of {self.model} on {self._device}: {_first_line(error)}; "
                "choose a smaller model or another precision"
            ) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Free the weights."""
        self._model = None

    @torch.inference_mode()
    def generate(self, request: GenerationRequest) -> Generation:
        """Run the prompt, then single tokens on its cache."""
        try:
            return self._generate(request)
        except (RuntimeError, MemoryError) as error:
            raise EngineRefusedError(f"this length fails: {_first_line(error)}") from error

    def _generate(self, request: GenerationRequest) -> Generation:
        """Time the two phases, each up to the end of its work on the device."""
        vocabulary = self._config.get_text_config().vocab_size
        ids = random_token_ids(request.input_tokens, vocabulary, request.seed)
        tokens = torch.tensor([ids], device=self._device)
        held = DynamicCache(config=self._config)
        self._wait()
        started_s = time.monotonic()
        tokens = self._next(tokens, held)
        self._wait()
        first_token_s = time.monotonic()
        for _ in range(request.output_tokens - 1):
            tokens = self._next(tokens, held)
        self._wait()
        finished_s = time.monotonic()
        return Generation(
            input_tokens=request.input_tokens,
            cached_tokens=0,
            output_tokens=request.output_tokens,
            prefill_s=first_token_s - started_s,
            decode_s=finished_s - first_token_s if request.output_tokens > 1 else 0.0,
            clock=Clock.SERVER,
            client_ttft_s=None,
            client_total_s=None,
            started_s=started_s,
            first_token_s=first_token_s,
            finished_s=finished_s,
            finish_reason=None,
        )

    def _next(self, tokens: torch.Tensor, held: DynamicCache) -> torch.Tensor:
        """Return the most likely next token, of shape ``(1, 1)``."""
        named = {self._cache_name: held}
        outcome = self._model(tokens, **named, use_cache=True, logits_to_keep=1)
        best: torch.Tensor = outcome.logits[:, -1:].argmax(-1)
        return best

    def _wait(self) -> None:
        """Wait for work on an accelerator to end."""
        if self._device.type == CUDA:
            torch.cuda.synchronize(self._device)


def _cache_name(model: torch.nn.Module) -> str:
    """Return what a model's forward pass calls its KV cache, which releases renamed."""
    return CACHE if CACHE in inspect.signature(model.forward).parameters else EARLIER_CACHE


def _first_line(error: BaseException) -> str:
    """Return what an error says, without what follows."""
    return str(error).partition("\n")[0] or type(error).__name__


def config_of(shape: Architecture) -> PretrainedConfig:
    """Return the configuration of a model of this shape.

    Models with a gated MLP have Llama's blocks, the others those of StarCoder 2.
    """
    family: Callable[..., PretrainedConfig] = LlamaConfig if shape.gated_mlp else Starcoder2Config
    return family(
        hidden_size=shape.hidden,
        intermediate_size=shape.ffn,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        head_dim=shape.head_dim,
        vocab_size=shape.vocabulary,
        max_position_embeddings=LONGEST_CONTEXT_TOKENS,
        bos_token_id=None,
        eos_token_id=None,
    )


def read_config(file: Path) -> PretrainedConfig:
    """Read the ``config.json`` of a model.

    Raises:
        ConfigurationError: If it is missing, broken, or of an unknown model.
    """
    try:
        described = json.loads(file.read_text())
        return AutoConfig.for_model(described.pop(MODEL_TYPE), **described)
    except MISTAKES as error:
        raise ConfigurationError(
            f"expected {file} to be the config.json of a model that transformers knows: "
            f"{type(error).__name__}: {error}"
        ) from error
