"""Devices whose published figures the configurations share."""

from token2metrics.config import HardwareConfig

JETSON_AGX_ORIN_64GB = HardwareConfig(
    name="jetson-agx-orin-64gb",
    memory_bandwidth_bytes_per_s=204.8e9,
    compute_flop_per_s=42.5e12,
    idle_power_w=5.5,
    power_limit_w=60.0,
    purchase_price=1999.0,
    lifetime_years=5.0,
)
"""Bandwidth and arithmetic (85 dense int8 TOPS of the GPU, half of that in 16 bits) from NVIDIA's
data sheet. NVIDIA's module reaches 60 W in MAXN; the developer kit's list price in US dollars; idle
power as EdgeReasoning (arXiv:2511.01866) measured it between requests."""

NVIDIA_A100 = HardwareConfig(
    name="nvidia-a100",
    memory_bandwidth_bytes_per_s=1555e9,
    compute_flop_per_s=312e12,
    power_limit_w=400.0,
)
"""Figures of the 40 GB SXM board's data sheet."""

NVIDIA_H200 = HardwareConfig(
    name="nvidia-h200",
    memory_bandwidth_bytes_per_s=4.8e12,
    compute_flop_per_s=989.5e12,
    power_limit_w=700.0,
)
"""Figures of the SXM board's data sheet, its arithmetic without sparsity: half of 1,979 TFLOP/s.
``benchmarks/campaign.py`` measured its curves."""

AMD_EPYC_2_THREADS = HardwareConfig(name="amd-epyc-2-threads", tiled=False)
"""Two threads of an AMD EPYC, whose nominal figures nobody stated: a worked example of a server
curve that ``benchmarks/campaign.py`` measured, not a machine to serve models on."""
