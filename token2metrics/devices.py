"""Devices whose published figures the configurations share."""

from token2metrics.config import HardwareConfig

JETSON_AGX_ORIN_64GB = HardwareConfig(
    name="jetson-agx-orin-64gb",
    idle_power_w=5.5,
    power_limit_w=60.0,
    purchase_price=1999.0,
    lifetime_years=5.0,
)
"""NVIDIA's module reaches 60 W in MAXN; the developer kit's list price in US dollars; idle
power as EdgeReasoning (arXiv:2511.01866) measured it between requests."""

NVIDIA_A100 = HardwareConfig(name="nvidia-a100", power_limit_w=400.0)
"""The limit is that of the SXM board."""
