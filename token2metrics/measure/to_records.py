"""Turn what was measured into rows of the canonical table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean

from msgspec.structs import replace

from token2metrics.measure.checks import Finding
from token2metrics.measure.energy import Metered, Repeated
from token2metrics.measure.engines.engine import Engine, Generation
from token2metrics.measure.journal import Campaign
from token2metrics.measure.schedule import Visit
from token2metrics.records import Record
from token2metrics.vocabulary import Phase


@dataclass(frozen=True, slots=True)
class RecordFactory:
    """Makes the rows of one run.

    Attributes:
        campaign: What is measured.
        engine: By which engine.
        wall_time_s: Turns an instant of ``time.monotonic`` into seconds since 1970.
    """

    campaign: Campaign
    engine: Engine
    wall_time_s: Callable[[float], float]

    def prefill(self, generation: Generation, metered: Metered | None) -> Record:
        """Return the row of a prefill.

        Args:
            generation: What the engine did.
            metered: The energy of the prefill; None where nothing was metered.
        """
        record = replace(
            self._phase(Phase.PREFILL, generation, generation.started_s),
            output_tokens=1,
            latency_s=generation.prefill_s,
        )
        return with_energy(record, metered)

    def decode(self, generation: Generation, metered: Metered | None) -> Record | None:
        """Return the row of a decode; None where the prefill yielded the only token."""
        if generation.decode_steps < 1:
            return None
        record = replace(
            self._phase(Phase.DECODE, generation, generation.first_token_s),
            output_tokens=generation.output_tokens,
            latency_s=generation.decode_s,
        )
        return with_energy(record, metered)

    def burst(self, repeated: Repeated) -> Record:
        """Return one row for many prefills back to back: the mean of them.

        Its readings are those of all prefills together, so no share of them belongs to the window
        of one; the note tells them instead.
        """
        done = repeated.generations
        record = replace(
            self.prefill(done[0], None),
            latency_s=mean(generation.prefill_s for generation in done),
            repeats=len(done),
        )
        row = with_energy(record, repeated.metered)
        if row.energy_j is None:
            return row
        samples = repeated.metered.window.samples
        seen_by = "a counter" if samples is None else f"{samples} readings"
        note = f"energy of {len(done)} prefills back to back by {seen_by}"
        return replace(row, energy_samples=None, note=note)

    def _phase(self, phase: Phase, generation: Generation, start_s: float) -> Record:
        """Return what both phases have in common."""
        return Record(
            phase=phase,
            input_tokens=generation.input_tokens,
            device=self.campaign.device,
            power_mode=self.campaign.power_mode,
            runtime=self.campaign.runtime,
            runtime_version=self.engine.version,
            precision=self.campaign.precision,
            model=self.campaign.model,
            parallel=1,
            source=self.engine.source,
            clock=generation.clock,
            cached_tokens=generation.cached_tokens,
            finish_reason=generation.finish_reason,
            started_at_s=self.wall_time_s(start_s),
        )


def with_energy(record: Record, metered: Metered | None) -> Record:
    """Return a row with what was metered, how often, and the energy or why there is none.

    Args:
        record: The row; its repeats share the energy equally.
        metered: What the meter said; None without a meter.
    """
    if metered is None:
        return record
    samples = metered.window.samples
    seen = replace(
        record,
        energy_samples=None if samples is None else float(samples),
        power_rail=metered.meter.rail,
        power_scope=metered.meter.scope,
    )
    if metered.window.energy_j is None:
        return replace(seen, note=f"no energy: {metered.window.why_not}")
    return replace(
        seen,
        energy_j=metered.window.energy_j / record.repeats,
        energy_window_s=metered.span_s / record.repeats,
    )


def of_visit(
    record: Record, visit: Visit, findings: Sequence[Finding], temperature_c: float | None
) -> Record:
    """Return a row with what was asked for, and what is wrong with the answer.

    Args:
        record: The row.
        visit: What was asked for.
        findings: What is wrong with the answer; those about the other phase are left out.
        temperature_c: Hottest temperature of the device.
    """
    own = [finding for finding in findings if record.phase in finding.phases]
    notes = [finding.note for finding in own]
    if record.note is not None:
        notes.append(record.note)
    return replace(
        record,
        repeat=visit.repeat,
        asked_input_tokens=visit.point.input_tokens,
        asked_output_tokens=visit.point.output_tokens,
        temperature_c=temperature_c,
        quality_flags=" ".join(finding.flag for finding in own) or None,
        note="; ".join(notes) or None,
    )
