"""``budget``: batteries, power caps, money and carbon."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import typer

from token2metrics.budgeting.budget import Questions, answer
from token2metrics.budgeting.budget_money import ApiPrices
from token2metrics.budgeting.request_load import RequestLoad, load_of
from token2metrics.cli.amounts import check_amounts
from token2metrics.cli.budget_options import (
    ApiInputPrice,
    ApiOutputPrice,
    BatteryWh,
    CarbonIntensity,
    IdlePower,
    MaxPower,
    PricePerKwh,
    RequestsPerHour,
    UsableShare,
)
from token2metrics.cli.option_names import MONEY_OPTIONS, naming_options, option_of
from token2metrics.cli.options import (
    ArtifactDirectory,
    AsJson,
    Confidence,
    DeviceName,
    ModelNames,
    Parallel,
    PowerMode,
    PrecisionName,
    RuntimeName,
)
from token2metrics.cli.predict import DevicePrice, LifetimeYears
from token2metrics.cli.session import session_of
from token2metrics.cli.workload_options import (
    AnswerTokens,
    PromptTokens,
    WorkloadFiles,
    one_request,
)
from token2metrics.errors import RequestError
from token2metrics.extras import needing
from token2metrics.intervals import DEFAULT_CONFIDENCE, check_confidence
from token2metrics.parallel import SINGLE
from token2metrics.prediction.checks import check_parallel
from token2metrics.prediction.conditions import Conditions
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.money import DEFAULT_PRICE_PER_KWH, prices_on
from token2metrics.prediction.predictor import Predictor
from token2metrics.report.budget import show_budgets

INFEASIBLE = 1

NUMBERS = (
    "battery_wh",
    "usable_share",
    "idle_power_w",
    "requests_per_hour",
    "max_power_w",
    "carbon_g_per_kwh",
)
API_PRICES = {
    f"the API's {name}": f"api_price_{name}"
    for name in ("per_million_input_tokens", "per_million_output_tokens")
}
AMOUNTS = (*NUMBERS, *MONEY_OPTIONS, *API_PRICES.values())
OPTIONS = {
    **{name: option_of(name) for name in (*NUMBERS, *MONEY_OPTIONS, "confidence", "parallel")},
    **{words: option_of(name) for words, name in API_PRICES.items()},
}
"""Options by what errors of the library call them."""

Load = Callable[[ModelPredictor], RequestLoad]
"""What the mean request takes of a model."""


def budget(
    context: typer.Context,
    model: ModelNames = None,
    artifact: ArtifactDirectory = None,
    input_tokens: PromptTokens = None,
    output_tokens: AnswerTokens = None,
    workload: WorkloadFiles = None,
    parallel: Parallel = SINGLE,
    confidence: Confidence = DEFAULT_CONFIDENCE,
    device: DeviceName = None,
    power_mode: PowerMode = None,
    runtime: RuntimeName = None,
    precision: PrecisionName = None,
    battery_wh: BatteryWh = None,
    usable_share: UsableShare = None,
    idle_power_w: IdlePower = None,
    requests_per_hour: RequestsPerHour = None,
    max_power_w: MaxPower = None,
    price_per_kwh: PricePerKwh = None,
    device_price: DevicePrice = None,
    lifetime_years: LifetimeYears = None,
    api_price_per_million_input_tokens: ApiInputPrice = None,
    api_price_per_million_output_tokens: ApiOutputPrice = None,
    carbon_g_per_kwh: CarbonIntensity = None,
    as_json: AsJson = False,
) -> None:
    """Say how far a battery, a power cap or money goes, and when owning beats an API.

    Each option of the last three groups asks a question. Leaves with 1 when a power cap cannot be
    kept, with 2 when something is wrong, else with 0.

    Example: [bold]python main.py budget --model 1.5B -i 512 -o 128 --battery-wh 50
    --requests-per-hour 60[/]
    """
    session = session_of(context)
    request = one_request(input_tokens, output_tokens, workload)
    check_amounts(context.params, AMOUNTS)
    with naming_options(OPTIONS):
        check_confidence(confidence)
        check_parallel(parallel)
        api = api_prices(api_price_per_million_input_tokens, api_price_per_million_output_tokens)
    money = (price_per_kwh, device_price, lifetime_years, api)

    @naming_options(OPTIONS)
    def asked(one: ModelPredictor) -> Questions:
        price = DEFAULT_PRICE_PER_KWH if price_per_kwh is None else price_per_kwh
        prices = prices_on(one.model.record.hardware, price, device_price, lifetime_years)
        return Questions(
            battery_wh=battery_wh,
            usable_share=usable_share,
            idle_power_w=idle_power_w,
            requests_per_hour=requests_per_hour,
            max_power_w=max_power_w,
            prices=None if all(given is None for given in money) else prices,
            api=api,
            carbon_g_per_kwh=carbon_g_per_kwh,
        )

    predictor = Predictor.load(session.directory(artifact))
    conditions = Conditions(device, power_mode, runtime, precision)
    questions = [(one, asked(one)) for one in predictor.choose(model or (), conditions)]
    load = _load(request, workload or [], confidence, parallel)
    loads = [load(one) for one, _ in questions]
    with naming_options(OPTIONS):
        budgets = [
            answer(one.model.record, taken, asked_of)
            for (one, asked_of), taken in zip(questions, loads, strict=True)
        ]
    if as_json:
        session.show_json(budgets)
    else:
        show_budgets(session.console, budgets)
    if not all(one.feasible for one in budgets):
        raise typer.Exit(INFEASIBLE)


def api_prices(input_price: float | None, output_price: float | None) -> ApiPrices | None:
    """Return what an API takes.

    Args:
        input_price: For a million prompt tokens.
        output_price: For a million output tokens.

    Raises:
        RequestError: If only one is given, or they are no prices.
    """
    if input_price is None and output_price is None:
        return None
    if input_price is None or output_price is None:
        raise RequestError(
            "expected --api-price-per-million-input-tokens and "
            "--api-price-per-million-output-tokens together, got one of them"
        )
    return ApiPrices(input_price, output_price)


def _load(
    request: tuple[int, int] | None, files: list[Path], confidence: float, parallel: int
) -> Load:
    """Return how a model is asked: for a request in plain Python, for a workload with Polars."""
    if request is not None:
        lengths = request

        def single(one: ModelPredictor) -> RequestLoad:
            priced = one(*lengths, confidence=confidence, parallel=parallel)
            return load_of(priced, one.model.record.hardware)

        return single
    with needing("budgeting a workload"):
        from token2metrics.budgeting.workload_load import workload_load
        from token2metrics.prediction.workload_file import read_workload
    table = read_workload(files)
    return lambda one: workload_load(one, table, confidence, parallel)
