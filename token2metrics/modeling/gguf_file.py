"""The exact bytes of weights that one decode step reads of a GGUF file, llama.cpp's format."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from token2metrics.architecture import Architecture
from token2metrics.errors import ConfigurationError
from token2metrics.extras import needing
from token2metrics.precision import is_known, normal_precision

if TYPE_CHECKING:
    from gguf import GGUFReader

MAGIC = b"GGUF"
OUTPUT_HEAD = "output.weight"
TOKEN_EMBEDDING = "token_embd.weight"
LOOKED_UP = frozenset(
    {
        TOKEN_EMBEDDING,
        "per_layer_token_embd.weight",
        "position_embd.weight",
        "token_types.weight",
    }
)
"""Tensors of which a decode step reads one row; a tied embedding is the output head as well."""

BLOCK_PREFIX = "blk."
WRONG_CONTENT = (ValueError, LookupError, TypeError, OverflowError, MemoryError)
"""What reading a damaged file can raise."""


@dataclass(frozen=True, slots=True)
class GgufContent:
    """What a GGUF file says about its model.

    Attributes:
        blocks: Transformer blocks.
        hidden: Width of the residual stream.
        precision: Normal form of the file's type; None when it states none that is known.
        decode_bytes: Bytes of the tensors that a decode step reads.
    """

    blocks: int
    hidden: int
    precision: str | None
    decode_bytes: int


def gguf_weight_bytes(file: Path, architecture: Architecture, precision: str) -> float:
    """Return the bytes of weights one decode step reads of a model in a GGUF file.

    Args:
        file: The file.
        architecture: Shape that the file must have.
        precision: Precision that the file must not contradict.

    Raises:
        ConfigurationError: If the file cannot be read, is not whole, or holds another model.
        MissingExtraError: If ``gguf`` is not installed.
    """
    content = read_gguf(file)
    if (content.blocks, content.hidden) != (architecture.layers, architecture.hidden):
        raise ConfigurationError(
            f"expected {file} to hold {architecture.layers} blocks of width {architecture.hidden}, "
            f"as the architecture of the experiment, got {content.blocks} of width "
            f"{content.hidden}; name the file of this model, or correct the architecture"
        )
    stated = content.precision
    if stated is not None and is_known(precision) and normal_precision(precision) != stated:
        raise ConfigurationError(
            f"expected {file} to hold weights in {precision}, as the model's precision says, got "
            f"{stated}; set precision={stated!r} beside gguf_file, or name another file"
        )
    return float(content.decode_bytes)


def read_gguf(file: Path) -> GgufContent:
    """Read what a GGUF file says about its model; an unchanged file is read once.

    Raises:
        ConfigurationError: If the file cannot be read, is not whole, or is no dense model.
        MissingExtraError: If ``gguf`` is not installed.
    """
    try:
        status = file.stat()
        with file.open("rb") as opened:
            start = opened.read(len(MAGIC))
    except OSError as error:
        raise ConfigurationError(
            f"expected gguf_file to be a readable GGUF file, got {file}: {error.strerror or error}"
        ) from error
    if start != MAGIC:
        raise ConfigurationError(
            f"expected {file} to be a GGUF file, which begins with {MAGIC!r}, got {start!r}; "
            "convert the model with llama.cpp, or leave gguf_file out"
        )
    return _read(file.resolve(), status.st_size, status.st_mtime_ns)


@lru_cache
def _read(file: Path, size: int, changed_ns: int) -> GgufContent:
    """Read a file that begins as a GGUF file; size and time tell one state of it from another."""
    with needing("reading a GGUF file"):
        from gguf import GGUFReader
    try:
        return _content(file, GGUFReader(file))
    except WRONG_CONTENT as error:
        raise ConfigurationError(
            f"expected {file} to be a whole GGUF file, got {size} bytes that are cut short or "
            f"damaged ({error}); download or convert it again"
        ) from error


def _content(file: Path, reader: GGUFReader) -> GgufContent:
    """Describe an opened file.

    Raises:
        ConfigurationError: If it is a part of a file, or not a dense decoder.
    """
    family = _stated(reader, "general.architecture")
    blocks = int(_stated(reader, f"{family}.block_count"))
    _refuse_parts_and_experts(file, reader, family)
    sizes = {tensor.name: int(tensor.n_bytes) for tensor in reader.tensors}
    found = {name.split(".")[1] for name in sizes if name.startswith(BLOCK_PREFIX)}
    if len(found) != blocks:
        raise ConfigurationError(
            f"expected {file} to hold the tensors of {blocks} blocks, as it states, got those of "
            f"{len(found)}; download or convert it again"
        )
    head = next((name for name in (OUTPUT_HEAD, TOKEN_EMBEDDING) if name in sizes), None)
    if head is None:
        raise ConfigurationError(
            f"expected {file} to hold {OUTPUT_HEAD} or {TOKEN_EMBEDDING}, got neither; name the "
            "file of a whole language model"
        )
    return GgufContent(
        blocks=blocks,
        hidden=int(_stated(reader, f"{family}.embedding_length")),
        precision=_precision(reader),
        decode_bytes=sum(
            size for name, size in sizes.items() if name == head or name not in LOOKED_UP
        ),
    )


def _refuse_parts_and_experts(file: Path, reader: GGUFReader, family: str) -> None:
    """Refuse a file of which a decode step reads more, or less, than its tensors."""
    parts = _stated(reader, "split.count", 1)
    if parts > 1:
        raise ConfigurationError(
            f"expected a GGUF file in one piece, got {file}, one of {parts}; join them with "
            "llama-gguf-split --merge"
        )
    experts = _stated(reader, f"{family}.expert_count", 0)
    if experts > 0:
        raise ConfigurationError(
            f"expected a dense model, got {file} with {experts} experts per block, of which a "
            "decode step reads a few; leave gguf_file out"
        )


def _precision(reader: GGUFReader) -> str | None:
    """Return the precision the file states in the name of its type, such as ``MOSTLY_Q4_K_M``."""
    from gguf import LlamaFileType

    stated = _stated(reader, "general.file_type", None)
    if stated not in set(LlamaFileType):
        return None
    name = LlamaFileType(stated).name.partition("_")[2]
    return normal_precision(name) if is_known(name) else None


def _stated(reader: GGUFReader, key: str, *default: Any) -> Any:
    """Return a value of the file's header.

    Raises:
        LookupError: If it is missing and there is no default.
    """
    field = reader.get_field(key)
    if field is not None:
        return field.contents()
    if not default:
        raise LookupError(f"{key} is missing")
    return default[0]
