"""Precisions of stored weights by name, and the bytes that each stores per weight.

Three sources:

- Formats of blocks are exact: so many weights share so many bytes, scales included. Those of
  llama.cpp are in its ``gguf`` package (``GGML_QUANT_SIZES``).
- llama.cpp's mixes give the tensors of one model different types, so their bytes per weight are
  averages over a model: the bits per weight that llama.cpp publishes for Llama-3.1-8B
  (``tools/quantize/README.md``). Its table leaves out Q3_K_M, whose size of Llama-3-8B
  ``tools/quantize/quantize.cpp`` states.
- Checkpoints of ``HEAD_IN_16_BITS`` quantise the blocks alone: their recipes leave out
  ``lm_head``.

Smaller models than 8B have relatively larger output heads, so a mix stores more bytes per weight
of theirs; the GGUF file itself tells exactly (``modeling.gguf_file``).
"""

from __future__ import annotations

BITS_PER_BYTE = 8
BYTES_PER_GIB = 2**30
LLAMA_3_8B_WEIGHTS = 8_030_261_248

BLOCKS: dict[str, tuple[int, int]] = {
    "fp32": (1, 4),
    "tf32": (1, 4),
    "bf16": (1, 2),
    "fp16": (1, 2),
    "fp8": (1, 1),
    "int8": (1, 1),
    "int4": (256, 133),
    "nf4": (64, 36),
    "mxfp4": (32, 17),
    "nvfp4": (64, 36),
    "q4_0": (32, 18),
    "q4_1": (32, 20),
    "q5_0": (32, 22),
    "q5_1": (32, 24),
    "q6_k": (256, 210),
    "q8_0": (32, 34),
    "tq1_0": (256, 54),
    "tq2_0": (256, 66),
}
"""Weights and bytes of one block.

``tf32`` is arithmetic on weights stored in 32 bits. ``int4`` is that of AWQ and GPTQ in groups of
128: four bits a weight, a 16-bit scale and a four-bit zero point a group. ``nf4`` has a 32-bit
scale per 64 weights, as bitsandbytes stores it unless told to quantise the scales too.
"""

PUBLISHED_BITS: dict[str, float] = {
    "iq1_s": 2.0042,
    "iq1_m": 2.1460,
    "iq2_xxs": 2.3824,
    "iq2_xs": 2.5882,
    "iq2_s": 2.7403,
    "iq2_m": 2.9294,
    "iq3_xxs": 3.2548,
    "iq3_xs": 3.4977,
    "iq3_s": 3.6606,
    "iq3_m": 3.7628,
    "iq4_xs": 4.4597,
    "iq4_nl": 4.6818,
    "q2_k_s": 2.9697,
    "q2_k": 3.1593,
    "q3_k_s": 3.6429,
    "q3_k_m": 3.74 * BYTES_PER_GIB * BITS_PER_BYTE / LLAMA_3_8B_WEIGHTS,
    "q3_k_l": 4.2979,
    "q4_k_s": 4.6672,
    "q4_k_m": 4.8944,
    "q5_k_s": 5.5704,
    "q5_k_m": 5.7036,
}
"""Bits per weight of llama.cpp's mixes, over all of Llama-3.1-8B."""

BYTES_PER_WEIGHT: dict[str, float] = {
    **{name: size / weights for name, (weights, size) in BLOCKS.items()},
    **{name: bits / BITS_PER_BYTE for name, bits in PUBLISHED_BITS.items()},
}
"""Stored bytes per weight of the blocks, scales included, by normal form."""

HEAD_IN_16_BITS = frozenset({"int4", "nf4", "mxfp4", "nvfp4"})
"""Precisions whose checkpoints keep the output head in 16 bits."""

OTHER_NAMES = {
    "f32": "fp32",
    "float32": "fp32",
    "bfloat16": "bf16",
    "f16": "fp16",
    "float16": "fp16",
    "half": "fp16",
    "float8": "fp8",
    "fp8_e4m3": "fp8",
    "fp8_e5m2": "fp8",
    "w8a8": "int8",
    "w8a16": "int8",
    "awq": "int4",
    "gptq": "int4",
    "w4a16": "int4",
    "mxfp4_moe": "mxfp4",
    "q3_k": "q3_k_m",
    "q4_k": "q4_k_m",
    "q5_k": "q5_k_m",
}
"""Normal forms of further names; the last three are those of ``llama-quantize``."""


def normal_precision(name: str) -> str:
    """Return the one spelling of a precision's name: ``Q4-K-M`` and ``q4_k`` are ``q4_k_m``.

    Args:
        name: Any spelling, known or not.
    """
    spelled = name.strip().casefold().replace("-", "_")
    return OTHER_NAMES.get(spelled, spelled)


def is_known(name: str) -> bool:
    """Return whether the bytes per weight of a precision are known, however it is spelled."""
    return normal_precision(name) in BYTES_PER_WEIGHT


def head_bytes_per_weight(name: str) -> float:
    """Return the stored bytes per weight of the output head.

    Args:
        name: A known precision.

    Raises:
        KeyError: If it is unknown.
    """
    precision = normal_precision(name)
    return BYTES_PER_WEIGHT["fp16" if precision in HEAD_IN_16_BITS else precision]
