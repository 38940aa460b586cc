"""From the totals of a configuration to the figures that people compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from token2metrics.artifact.manifest import HardwareRecord
from token2metrics.comparing.comparison import (
    ConfigurationResult,
    EnergySummary,
    LatencySummary,
    MoneySummary,
)
from token2metrics.comparing.configurations import Configuration
from token2metrics.comparing.totals import HIGH, HIGHEST, MEDIAN, PhaseMeans, Totals
from token2metrics.heads import UNLIMITED_POWER_W
from token2metrics.prediction.money import price
from token2metrics.prediction.result import Prices

THOUSAND = 1e3
MILLION = 1e6


def summarise(
    configuration: Configuration, totals: Totals, percentile: float
) -> ConfigurationResult:
    """Return what a workload costs in one configuration.

    Args:
        configuration: The configuration.
        totals: What all requests cost in it.
        percentile: The chosen percentile of the latency.
    """
    record = configuration.trained.record
    latency = _latency(totals, percentile)
    answered = totals.output_tokens * configuration.parallel
    busy_s = _times(latency.mean_s, totals.requests)
    rails = [phase.head.power_rail for phase in record.phases.values() if phase.head is not None]
    energy = _energy(totals, record.hardware, answered)
    return ConfigurationResult(
        artifact=configuration.trained.artifact,
        model=record.id,
        name=record.name,
        device=record.device,
        power_mode=record.power_mode,
        runtime=record.runtime,
        precision=record.precision,
        parallel=configuration.parallel,
        max_output_tokens=configuration.max_output_tokens,
        quality=configuration.quality,
        latency=latency,
        energy=energy,
        cost=_money(totals, latency.mean_s, energy, configuration.prices, answered),
        output_tokens_per_s=_ratio(answered, busy_s),
        busy_s=busy_s,
        outside_share=totals.outside_share,
        power_rail=rails[0] if rails else None,
        on_front=None,
        keeps_limits=None,
        notes=_notes(totals, configuration),
    )


def _latency(totals: Totals, percentile: float) -> LatencySummary:
    """Return mean and percentiles."""
    return LatencySummary(
        mean_s=_sum(totals.prefill.latency_s, totals.decode.latency_s),
        p50_s=totals.latencies_s[MEDIAN],
        p95_s=totals.latencies_s[HIGH],
        p99_s=totals.latencies_s[HIGHEST],
        at_percentile_s=totals.latencies_s[percentile],
        ttft_p95_s=totals.ttft_s,
        interval_s=totals.latency_interval_s,
    )


def _energy(totals: Totals, hardware: HardwareRecord, answered: int) -> EnergySummary:
    """Return energies and what follows from them."""
    phases = totals.prefill, totals.decode
    mean_j = _sum(*(phase.energy_j for phase in phases))
    total_j = _times(mean_j, totals.requests)
    latency_s = _sum(*(phase.latency_s for phase in phases))
    return EnergySummary(
        mean_j=mean_j,
        decode_mean_j=totals.decode.energy_j,
        at_most_j=_sum(*(_most_j(phase, hardware) for phase in phases)),
        total_j=total_j,
        power_w=_ratio(mean_j, latency_s),
        decode_power_w=_ratio(totals.decode.energy_j, totals.decode.latency_s),
        output_tokens_per_j=_ratio(answered, total_j),
        interval_j=totals.energy_interval_j,
    )


def _most_j(phase: PhaseMeans, hardware: HardwareRecord) -> float | None:
    """Return the energy of a phase; one that was not metered at the device's power limit."""
    if phase.energy_j is not None or hardware.power_limit_w >= UNLIMITED_POWER_W:
        return phase.energy_j
    return _times(phase.latency_s, hardware.power_limit_w)


def _money(
    totals: Totals,
    latency_s: float | None,
    energy: EnergySummary,
    prices: Prices,
    answered: int,
) -> MoneySummary:
    """Return costs; without a device price those of electricity alone."""

    def cost(energy_j: float | None) -> float | None:
        paid = price(latency_s, energy_j, prices)
        if paid.electricity is None or latency_s is None:
            return None
        return paid.electricity + (paid.ownership or 0.0)

    def per_million(each: float | None) -> float | None:
        return _ratio(_times(each, totals.requests * MILLION), float(answered))

    per_request, decode_only = cost(energy.mean_j), cost(energy.decode_mean_j)
    return MoneySummary(
        per_request=per_request,
        decode_per_request=decode_only,
        at_most_per_request=cost(energy.at_most_j),
        per_1000_requests=_times(per_request, THOUSAND),
        per_million_output_tokens=per_million(per_request),
        decode_per_million_output_tokens=per_million(decode_only),
        prices=prices,
    )


def _notes(totals: Totals, configuration: Configuration) -> tuple[str, ...]:
    """Say which phases nothing measured tells of."""
    priced = configuration.predictor(1, 2, parallel=configuration.parallel)
    phases = {"prefill": priced.prefill, "decode": priced.decode}
    means: Mapping[str, PhaseMeans] = {"prefill": totals.prefill, "decode": totals.decode}
    notes: Sequence[str] = [
        f"{name}: {phase.rests_on if means[name].latency_s is None else phase.energy_rests_on}"
        for name, phase in phases.items()
        if means[name].energy_j is None
    ]
    return tuple(notes)


def _sum(one: float | None, other: float | None) -> float | None:
    """Return a sum; None when a part is unknown."""
    return None if one is None or other is None else one + other


def _times(value: float | None, factor: float) -> float | None:
    """Return a product; None when the value is unknown."""
    return None if value is None else value * factor


def _ratio(numerator: float | None, denominator: float | None) -> float | None:
    """Return a quotient; None when a side is unknown or the denominator is zero."""
    return None if numerator is None or not denominator else numerator / denominator
