"""Explain one prediction: the law, the terms, the factors and the rows behind it."""

from __future__ import annotations

import math

from token2metrics.artifact.manifest import OutlierRecord, PhaseRecord
from token2metrics.cost import PhaseFormula, PhaseWeights, phase_cost
from token2metrics.intervals import DEFAULT_CONFIDENCE
from token2metrics.prediction.bounded import margin_of
from token2metrics.prediction.explanation import (
    Demand,
    EnergyExplanation,
    Explanation,
    Foundation,
    PhaseExplanation,
)
from token2metrics.prediction.factors import PERCENT, curve_factors, head_factors
from token2metrics.prediction.laws import calibration_in_words, law_in_words
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.result import PhasePrediction, Prediction
from token2metrics.prediction.terms import ALGEBRA, energy_parts, latency_terms
from token2metrics.vocabulary import Phase
from token2metrics.workload import Workload, workload_of


def explain(
    predictor: ModelPredictor,
    input_tokens: int,
    output_tokens: int,
    confidence: float = DEFAULT_CONFIDENCE,
) -> Explanation:
    """Say which rows, prior, law and factors make a prediction.

    Args:
        predictor: The model on its device.
        input_tokens: Prompt tokens, >= 0.
        output_tokens: Generated tokens, >= 0.
        confidence: Of every interval, 0.5 to 0.99.

    Raises:
        RequestError: If a token count is none that a request can have, or no interval is offered
            for the confidence.
    """
    prediction = predictor(input_tokens, output_tokens, confidence=confidence)
    traffic = predictor.model.traffic
    workload = workload_of(ALGEBRA, float(input_tokens), float(output_tokens), traffic)
    return Explanation(
        prediction=prediction,
        demand=_demand(workload),
        prefill=_phase(predictor, Phase.PREFILL, prediction, workload),
        decode=_phase(predictor, Phase.DECODE, prediction, workload),
    )


def _demand(workload: Workload[float]) -> Demand:
    """Count the bytes and FLOP of a request."""
    traffic, prompt = workload.traffic, workload.input_tokens
    attention_flop = prompt * prompt * traffic.attention_flop
    return Demand(
        prompt_flop=prompt * traffic.flop_per_token + attention_flop,
        attention_flop=attention_flop,
        steps=int(workload.steps),
        weight_bytes_per_step=traffic.weight_bytes,
        kv_bytes_per_token=traffic.kv_bytes_per_token,
        kv_bytes_read=workload.attended_tokens * traffic.kv_bytes_per_token,
    )


def _phase(
    predictor: ModelPredictor,
    phase: Phase,
    prediction: Prediction,
    workload: Workload[float],
) -> PhaseExplanation | None:
    """Explain one phase; None where there is no fit."""
    explained = prediction.prefill if phase is Phase.PREFILL else prediction.decode
    model = predictor.model
    record = model.record.phases.get(phase)
    if record is None:
        return None
    formula, weights = model.formulas[phase], model.weights[phase]
    return PhaseExplanation(
        law=law_in_words(record, formula, weights, workload),
        calibration=calibration_in_words(record, weights.calibration),
        terms=latency_terms(formula, weights, workload),
        factors=curve_factors(record, formula, weights, model.record.hardware, workload),
        foundation=_foundation(record, explained, prediction.confidence),
        energy=_energy(record, formula, weights, workload, explained),
    )


def _foundation(record: PhaseRecord, prediction: PhasePrediction, confidence: float) -> Foundation:
    """Say which measurements a phase rests on, and how far off it may be."""
    hull, extrapolates = record.hull, prediction.extrapolates
    return Foundation(
        rests_on=prediction.rests_on,
        own_rows=record.edge_rows,
        source=record.source,
        source_rows=record.source_rows,
        measured_input_tokens=hull.input_tokens if hull else None,
        measured_output_tokens=hull.output_tokens if hull else None,
        inside=extrapolates is None if prediction.latency_s else None,
        extrapolates=extrapolates,
        errors=record.errors,
        interval_rests_on=record.margin.method,
        interval_rows=record.margin.rows,
        interval_percent=PERCENT * math.expm1(margin_of(record.margin).at(confidence)),
        interval_s=prediction.latency_interval_s,
        outliers=tuple(sorted(record.outliers, key=distance, reverse=True)),
        campaigns=record.campaigns,
    )


def distance(outlier: OutlierRecord) -> float:
    """Return by how much a row lies off the fit, as a logarithm."""
    return abs(math.log(outlier.measured_s / outlier.fitted_s))


def _energy(
    record: PhaseRecord,
    formula: PhaseFormula,
    weights: PhaseWeights[float],
    workload: Workload[float],
    prediction: PhasePrediction,
) -> EnergyExplanation | None:
    """Divide the energy of a phase; None where none was measured."""
    if record.head is None or formula.head is None:
        return None
    cost = phase_cost(ALGEBRA, formula, workload, weights)
    return EnergyExplanation(
        rests_on=record.head.rests_on,
        parts=energy_parts(formula, weights, cost),
        factors=head_factors(formula.head, weights.head),
        errors=record.head.errors,
        interval_j=prediction.energy_interval_j,
    )
