"""What the explorer knows of a model beside its numbers: names, ranges, margins and words."""

from __future__ import annotations

from collections.abc import Sequence

from token2metrics.artifact.fitted import FittedModel
from token2metrics.artifact.manifest import MarginRecord, ModelRecord
from token2metrics.errors import RequestError
from token2metrics.export.identifiers import identifiers
from token2metrics.page.later_widths import width_name
from token2metrics.parallel import SINGLE
from token2metrics.planning.answerable import bounds_for, notes_on, unmetered_phases
from token2metrics.planning.at_most import COST_LIMIT
from token2metrics.planning.limits import Demand, Limits
from token2metrics.planning.unshown import unshown_words
from token2metrics.prediction.assemble import PhaseTeller, RequestTeller
from token2metrics.prediction.quantities import ENERGY, LATENCY
from token2metrics.prediction.result import Prices, Result
from token2metrics.vocabulary import FITTED_PHASES, Phase

ANY_LIMIT = 1.0
UNPRICED = Prices(price_per_kwh=0.0, device_price=None, lifetime_years=1.0)
"""Prices that leave the device out."""


class ToldMargin(Result, frozen=True):
    """Half-widths of intervals by confidence, as ``intervals.Margin`` has them."""

    confidences: tuple[float, ...]
    half_widths: tuple[float, ...]


class MeasuredRange(Result, frozen=True):
    """The range of a count that was measured.

    Attributes:
        count: ``input_tokens`` or ``output_tokens``.
        fewest: Its lower end.
        most: Its upper end.
        words: How predictions say that a count lies outside.
    """

    count: str
    fewest: float
    most: float
    words: str


class ToldPhase(Result, frozen=True):
    """The words of a phase, which no request changes.

    Attributes:
        missing: Why it has no latency, where it has none.
        rests_on: The measurements behind its latency.
        energy_rests_on: Those behind its power.
        interval_rests_on: Those behind its intervals; None without a fit.
        measured: Ranges of what was measured.
        unmeasured: Why any request lies outside; None where something was measured.
        unmetered: The note of a phase without energy.
        is_metered: Whether its energy was measured.
    """

    missing: str
    rests_on: str
    energy_rests_on: str
    interval_rests_on: str | None
    measured: tuple[MeasuredRange, ...]
    unmeasured: str | None
    unmetered: str
    is_metered: bool


class PlanWords(Result, frozen=True):
    """What plans say of a model whatever is asked.

    Attributes:
        untold: Why nothing can be planned; None where something can.
        untold_energy: Why no limit of energy or power can be kept; None where one can.
        untold_cost: Why no limit of the cost can be kept, where its cost is unknown.
        unshown: Why a cap of power cannot be shown to be kept, where no metered phase breaks it;
            None where every phase was metered, or nobody stated the device's limit.
        idle_power_w: What the device draws without work; no cap below it can be kept.
        notes: What to know before trusting a plan.
        unpriced: The note where the device has no price.
    """

    untold: str | None
    untold_energy: str | None
    untold_cost: str | None
    unshown: str | None
    idle_power_w: float
    notes: tuple[str, ...]
    unpriced: str


class ExploredModel(Result, frozen=True):
    """A model of the explorer.

    Attributes:
        identifier: What links call it.
        model: Model id.
        name: Short name.
        device: Device.
        power_mode: Power mode.
        runtime: Inference engine.
        precision: Precision of the weights.
        power_rail: Rail that energy and power belong to; None without.
        device_price: As configured; None when unknown.
        lifetime_years: As configured.
        phases: The words of each phase.
        margins: Half-widths by the input that holds them.
        plan: The words of plans.
    """

    identifier: str
    model: str
    name: str
    device: str
    power_mode: str | None
    runtime: str | None
    precision: str | None
    power_rail: str | None
    device_price: float | None
    lifetime_years: float
    phases: dict[str, ToldPhase]
    margins: dict[str, ToldMargin]
    plan: PlanWords


def explored_models(models: Sequence[FittedModel]) -> tuple[ExploredModel, ...]:
    """Describe models, each once."""
    names = identifiers([model.record for model in models])
    return tuple(_explored(name, model) for name, model in zip(names, models, strict=True))


def _explored(identifier: str, model: FittedModel) -> ExploredModel:
    """Describe a model."""
    record = model.record
    return ExploredModel(
        identifier=identifier,
        model=record.id,
        name=record.name,
        device=record.device,
        power_mode=record.power_mode,
        runtime=record.runtime,
        precision=record.precision,
        power_rail=RequestTeller(record, SINGLE).power_rail,
        device_price=record.hardware.purchase_price,
        lifetime_years=record.hardware.lifetime_years,
        phases={str(phase): _phase(model, phase) for phase in FITTED_PHASES},
        margins=_margins(record),
        plan=_plan(model),
    )


def _phase(model: FittedModel, phase: Phase) -> ToldPhase:
    """Put a phase into words."""
    teller = PhaseTeller(str(phase), model.record.phases.get(phase), SINGLE)
    has_fit = teller.record is not None
    return ToldPhase(
        missing=teller.missing,
        rests_on=teller.rests_on,
        energy_rests_on=teller.energy_rests_on,
        interval_rests_on=teller.interval_rests_on,
        measured=tuple(
            MeasuredRange(count=name, fewest=fewest, most=most, words=words)
            for name, fewest, most, words in teller.measured
        ),
        unmeasured=teller.unmeasured,
        unmetered=teller.unmetered[0],
        is_metered=has_fit and phase not in unmetered_phases(model),
    )


def _margins(record: ModelRecord) -> dict[str, ToldMargin]:
    """Return every margin by the input that holds its half-width."""
    found = {}
    for phase, one in record.phases.items():
        found[width_name(phase, LATENCY)] = _margin(one.margin)
        if one.head is not None:
            found[width_name(phase, ENERGY)] = _margin(one.head.margin)
    return found


def _margin(record: MarginRecord) -> ToldMargin:
    """Return a margin as plain numbers."""
    return ToldMargin(confidences=record.confidences, half_widths=record.half_widths)


def _plan(model: FittedModel) -> PlanWords:
    """Put what plans say of a model into words."""
    costly = Demand(Limits(cost=ANY_LIMIT), prices=UNPRICED)
    *notes, unpriced = notes_on(model, costly, (COST_LIMIT,))
    return PlanWords(
        untold=_refusal(model, Demand(Limits(latency_s=ANY_LIMIT))),
        untold_energy=_refusal(model, Demand(Limits(energy_j=ANY_LIMIT))),
        untold_cost=_refusal(model, Demand(Limits(cost=ANY_LIMIT))),
        unshown=unshown_words(model),
        idle_power_w=model.record.hardware.idle_power_w,
        notes=tuple(notes),
        unpriced=unpriced,
    )


def _refusal(model: FittedModel, demand: Demand) -> str | None:
    """Return why nothing measured tells about a limit; None where something does."""
    try:
        bounds_for(model, demand)
    except RequestError as error:
        return str(error)
    return None
