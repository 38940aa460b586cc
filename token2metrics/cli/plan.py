"""``plan``: the longest requests that keep limits."""

from collections.abc import Sequence
from pathlib import Path

import typer

from token2metrics.cli.amounts import check_amounts
from token2metrics.cli.importing import importing
from token2metrics.cli.option_names import MONEY_OPTIONS, naming_options, option_of
from token2metrics.cli.options import (
    ArtifactDirectory,
    AsJson,
    DeviceName,
    ModelNames,
    Parallel,
    PowerMode,
    PrecisionName,
    RuntimeName,
    TokenizerFile,
)
from token2metrics.cli.own_files import refuse_overwriting
from token2metrics.cli.pictures import Picture
from token2metrics.cli.plan_options import (
    ContextTokens,
    MaxCost,
    MaxEnergy,
    MaxLatency,
    MaxPower,
    MaxTtft,
    Probability,
)
from token2metrics.cli.predict import DevicePrice, LifetimeYears, PricePerKwh
from token2metrics.cli.requests import InputTokens, OutputTokens, PromptFile, counts, prompts
from token2metrics.cli.session import Session, session_of
from token2metrics.errors import RequestError
from token2metrics.extras import needing
from token2metrics.parallel import SINGLE
from token2metrics.planning.frontier import Frontier
from token2metrics.planning.limits import (
    DEFAULT_CONTEXT_TOKENS,
    DEFAULT_PROBABILITY,
    Demand,
    Limits,
)
from token2metrics.planning.plan import Plan, longest_answer, longest_prompt
from token2metrics.prediction.conditions import Conditions
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.money import DEFAULT_PRICE_PER_KWH, prices_on
from token2metrics.prediction.predictor import Predictor

INFEASIBLE = 1

MOST = {name: f"max_{name}" for name in Limits.__struct_fields__}
"""Parameters of the command by the limits that they state."""

AMOUNTS = (*MOST.values(), *MONEY_OPTIONS)
LIMIT_OPTIONS = {
    ", ".join(MOST): ", ".join(map(option_of, MOST.values())),
    **{f"the limit {name}": option_of(most) for name, most in MOST.items()},
}
"""Options by what errors of limits call them."""

LENGTH_OPTIONS = {name: option_of(name) for name in ("input_tokens", "output_tokens")}
DEMAND_OPTIONS = {
    **MONEY_OPTIONS,
    "a probability": "--confidence",
    "context_tokens": "--context-tokens",
    "parallel": "--parallel",
}
"""Options by what errors of a demand call them."""

Planned = Sequence[tuple[ModelPredictor, Demand]]
"""Models, each with what has to be kept on its device."""


def plan(
    context: typer.Context,
    model: ModelNames = None,
    artifact: ArtifactDirectory = None,
    input_tokens: InputTokens = None,
    output_tokens: OutputTokens = None,
    prompt_file: PromptFile = None,
    tokenizer: TokenizerFile = None,
    context_tokens: ContextTokens = DEFAULT_CONTEXT_TOKENS,
    parallel: Parallel = SINGLE,
    max_latency_s: MaxLatency = None,
    max_ttft_s: MaxTtft = None,
    max_energy_j: MaxEnergy = None,
    max_power_w: MaxPower = None,
    max_cost: MaxCost = None,
    confidence: Probability = DEFAULT_PROBABILITY,
    device: DeviceName = None,
    power_mode: PowerMode = None,
    runtime: RuntimeName = None,
    precision: PrecisionName = None,
    price_per_kwh: PricePerKwh = DEFAULT_PRICE_PER_KWH,
    device_price: DevicePrice = None,
    lifetime_years: LifetimeYears = None,
    plot: Picture = None,
    as_json: AsJson = False,
) -> None:
    """Find the longest request that keeps limits of time, energy, power or cost.

    With --input-tokens the longest answer, with --output-tokens the longest
    prompt, with neither the longest answer to every prompt. Leaves with 1 where
    nothing keeps the limits.

    Example: [bold]python main.py plan -m 1.5B --input-tokens 400 --max-latency-s 5[/]
    """
    session = session_of(context)
    read = [Path(name) for name in (prompt_file, tokenizer) if name is not None]
    refuse_overwriting(read, {"--plot": plot})
    check_amounts(context.params, AMOUNTS)
    with naming_options(LIMIT_OPTIONS):
        limits = Limits(
            latency_s=max_latency_s,
            ttft_s=max_ttft_s,
            energy_j=max_energy_j,
            power_w=max_power_w,
            cost=max_cost,
        )
    lengths, answers = _lengths(input_tokens, output_tokens, prompt_file, tokenizer)
    _check_plot(plot, bool(lengths or answers))
    predictor = Predictor.load(session.directory(artifact))
    conditions = Conditions(device, power_mode, runtime, precision)
    planned = []
    for one in predictor.choose(model or (), conditions):
        hardware = one.model.record.hardware
        with naming_options(DEMAND_OPTIONS):
            prices = prices_on(hardware, price_per_kwh, device_price, lifetime_years)
            planned.append((one, Demand(limits, confidence, prices, parallel, context_tokens)))
    if lengths or answers:
        plans = _plans(planned, lengths, answers)
        feasible = all(one.feasible for one in plans)
        _show_plans(session, plans, as_json)
    else:
        frontiers = [Frontier.of(one, demand) for one, demand in planned]
        feasible = all(one.input_tokens for one in frontiers)
        if plot is not None:
            _draw(frontiers, plot)
        _show_frontiers(session, frontiers, planned, as_json)
    if not feasible:
        raise typer.Exit(INFEASIBLE)


def _lengths(
    input_tokens: list[int] | None,
    output_tokens: list[int] | None,
    prompt_file: str | None,
    tokenizer: Path | None,
) -> tuple[list[int], list[int]]:
    """Return the prompts or the answers that are given; neither asks for the frontier."""
    given = bool(input_tokens) or prompt_file is not None or tokenizer is not None
    lengths = prompts(input_tokens, prompt_file, tokenizer) if given else []
    if lengths and output_tokens:
        raise RequestError(
            "expected --input-tokens or --output-tokens, got both; one is given, the other planned"
        )
    return lengths, counts("--output-tokens", output_tokens) if output_tokens else []


def _check_plot(plot: Path | None, given: bool) -> None:
    """Refuse a picture of anything but a frontier, before any work."""
    if plot is not None and given:
        raise RequestError(
            "expected --plot without --input-tokens and --output-tokens, got it with one; "
            "the picture shows the longest answer to every prompt"
        )


def _plans(planned: Planned, lengths: Sequence[int], answers: Sequence[int]) -> list[Plan]:
    """Plan every prompt or answer with every model."""
    with naming_options(LENGTH_OPTIONS):
        found = [longest_answer(one, count, demand) for one, demand in planned for count in lengths]
        found += [
            longest_prompt(one, count, demand) for one, demand in planned for count in answers
        ]
    return found


def _show_plans(session: Session, plans: Sequence[Plan], as_json: bool) -> None:
    """Show the longest prompts or answers."""
    if as_json:
        session.show_json(plans)
        return
    with importing():
        from token2metrics.report.plan import show_plans
    show_plans(session.console, plans)


def _show_frontiers(
    session: Session, frontiers: Sequence[Frontier], planned: Planned, as_json: bool
) -> None:
    """Show the longest answer to every prompt, of each model that was asked."""
    if as_json:
        session.show_json(frontiers)
        return
    with importing():
        from token2metrics.report.frontier import show_frontiers
    show_frontiers(session.console, frontiers, [one for one, _ in planned])


def _draw(frontiers: Sequence[Frontier], path: Path) -> None:
    """Draw frontiers."""
    with needing("drawing"):
        from token2metrics.figures.drawing import write_picture
        from token2metrics.figures.frontier import longest_answers
    write_picture(longest_answers(frontiers), path)
