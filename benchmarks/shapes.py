"""Shapes of the models that only the protocols know, from their published configurations."""

from __future__ import annotations

from token2metrics.architecture import Architecture

LLAMA_31_8B = Architecture(
    layers=32, hidden=4096, heads=32, kv_heads=8, head_dim=128, ffn=14336, vocabulary=128256
)
LLAMA_32_3B = Architecture(
    layers=28, hidden=3072, heads=24, kv_heads=8, head_dim=128, ffn=8192, vocabulary=128256
)
QWEN_25_15B = Architecture(
    layers=28, hidden=1536, heads=12, kv_heads=2, head_dim=128, ffn=8960, vocabulary=151936
)
DEEPSEEK_V4_FLASH = Architecture(
    layers=43, hidden=4096, heads=26, kv_heads=1, head_dim=512, ffn=14336, vocabulary=129280
)
"""A dense stand-in for a mixture of experts: its layers, width, vocabulary, head width and single
key-value head; the inner width of the seven experts that a token passes (six routed, one shared,
2,048 each); and as many query heads as bring the whole to its 13 billion active parameters, since
its own 64 heads share low-rank projections. Its compressed attention reads less cache than this."""

PILOT_MODELS = {
    "llama-7b": Architecture(
        layers=32, hidden=4096, heads=32, kv_heads=32, head_dim=128, ffn=11008, vocabulary=32000
    ),
    "llama-13b": Architecture(
        layers=40, hidden=5120, heads=40, kv_heads=40, head_dim=128, ffn=13824, vocabulary=32000
    ),
    "bigcode/starcoder": Architecture(
        layers=40,
        hidden=6144,
        heads=48,
        kv_heads=1,
        head_dim=128,
        ffn=24576,
        vocabulary=49152,
        gated_mlp=False,
    ),
    "EleutherAI/gpt-neox-20b": Architecture(
        layers=44,
        hidden=6144,
        heads=64,
        kv_heads=64,
        head_dim=96,
        ffn=24576,
        vocabulary=50432,
        gated_mlp=False,
    ),
    "ibm/mpt-7b-instruct2": Architecture(
        layers=32,
        hidden=4096,
        heads=32,
        kv_heads=32,
        head_dim=128,
        ffn=16384,
        vocabulary=50432,
        gated_mlp=False,
    ),
    "Salesforce/codegen2-16B": Architecture(
        layers=34,
        hidden=6144,
        heads=24,
        kv_heads=24,
        head_dim=256,
        ffn=24576,
        vocabulary=51200,
        gated_mlp=False,
    ),
}
"""The decoder-only models of the pilot; the others have an encoder, which these shapes lack."""

NEAREST_PRECISION = {
    "Q2_K": "q4_0",
    "Q3_K_M": "q4_0",
    "Q4_K_S": "q4_0",
    "Q4_K_M": "q4_0",
    "IQ4_XS": "q4_0",
    "Q5_K_M": "q4_0",
    "Q6_K": "q8_0",
    "Q8_0": "q8_0",
}
"""Of two block formats, the one whose bytes per weight have the nearer logarithm."""
