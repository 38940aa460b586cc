"""The explorer in a real browser: what it shows is what ``predict`` and ``plan`` say."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import OpenPage, browser, open_page, serious_violations
from tests.conftest import Run
from tests.exporting import NOWHERE, without
from tests.strategies import COMBINATIONS, lawful_model
from token2metrics.artifact.fitted import FittedModel
from token2metrics.artifact.load import load_artifact
from token2metrics.page.document import Document, render
from token2metrics.page.explorer import condition_choices, explorer_page, explorer_part
from token2metrics.page.explorer_script import models_script
from token2metrics.vocabulary import Phase

__all__ = ["browser", "open_page"]

MEASURED, CARRIED = "dsr1_qwen_1_5b", "dsr1_qwen_7b"
MOST_BYTES = 1_300_000
CHARTS = 4
HOSTILE = '=HYPERLINK("x")<img src=x onerror="window.stolen = 1">\u2028</script><b>'
PHASES = ("prefill", "decode", "request")
COLUMNS = ("latency_s", "latency_interval_s", "energy_j", "energy_interval_j", "power_w")


@pytest.fixture(scope="module")
def explorer_file(trained_artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the explorer of the trained artifact as a file."""
    path = tmp_path_factory.mktemp("explorer") / "explorer.html"
    path.write_text(explorer_page(load_artifact(trained_artifact)), "utf-8")
    return path


def page_of(folder: Path, models: Sequence[FittedModel]) -> Path:
    """Return a page with the explorer of some models as a file."""
    part = explorer_part(models, NOWHERE)
    path = folder / "some.html"
    path.write_text(render(Document("Some models", "Drawn.", (part,))), "utf-8")
    return path


def linked(path: Path, **state: object) -> str:
    """Return the address of a state of the explorer."""
    pairs = "&".join(f"{name}={value}" for name, value in state.items())
    return f"{path.as_uri()}#explorer?{pairs}"


def field(page: Page, name: str) -> Locator:
    """Return a control."""
    return page.locator(f"#explorer-{name}")


def shown(page: Page, quantity: str, model: str = MEASURED) -> str:
    """Return what a model's request in full says of a quantity."""
    place = page.locator(f'[data-model="{model}"] [data-quantity="{quantity}"]').first
    return place.text_content() or ""


def shown_lines(page: Page, model: str = MEASURED) -> list[str]:
    """Return the rows of a request in full, as the terminal has them."""
    return [
        " ".join([phase, *(shown(page, f"{phase}_{name}", model) for name in COLUMNS)])
        for phase in PHASES
    ]


def terminal_lines(text: str) -> list[str]:
    """Return lines of a terminal with single spaces."""
    return [" ".join(line.split()) for line in text.splitlines()]


def test_it_opens_without_a_network(open_page: OpenPage, explorer_file: Path) -> None:
    """From a file, with nothing asked, nothing complained of, and nothing serious for axe."""
    assert explorer_file.stat().st_size < MOST_BYTES
    page, noticed = open_page(explorer_file.as_uri())
    expect(page.locator(".chart svg")).to_have_count(CHARTS)
    page.locator("details").evaluate_all("all => all.forEach(one => { one.open = true })")
    assert serious_violations(page) == []
    assert (noticed.errors, noticed.requests) == ([], [])


def test_moved_sliders_give_the_numbers_of_predict(
    open_page: OpenPage, explorer_file: Path, trained_artifact: Path, run: Run
) -> None:
    """Line for line as in the terminal, with its money, its grounds and its notes."""
    page, noticed = open_page(linked(explorer_file, model=MEASURED, confidence=0.8))
    for name, stop in (("input_tokens", 213), ("output_tokens", 150)):
        field(page, f"{name}-slider").fill(str(stop))
    prompt, answer = (field(page, f"{name}_tokens").input_value() for name in ("input", "output"))
    told = run(
        "predict", "-a", trained_artifact, "-m", "1.5B", "-i", prompt, "-o", answer,
        "--confidence", 0.8,
    ).out  # fmt: skip
    lines = terminal_lines(told)
    assert set(shown_lines(page)) <= set(lines)
    for name, quantity in (
        ("time to first token (TTFT)", "ttft_s"),
        ("time per output token (TPOT)", "tpot_s"),
        ("output tokens per second", "output_tokens_per_s"),
        ("output tokens per joule", "output_tokens_per_j"),
        ("power rail", "power_rail"),
    ):
        assert f"{name} {shown(page, quantity)}" in lines
    assert f"owning the device {shown(page, 'ownership')} (1,999 over 5 years)" in lines
    flat = " ".join(lines)
    assert f"decode latency rests on {shown(page, 'decode_rests_on')}" in flat
    for note in page.locator("#explorer-summary .notes li").all_text_contents():
        assert f"note: {note.removeprefix('1.5B: ')}" in flat
    assert noticed.errors == []


def test_a_slider_moves_by_keys_and_says_its_tokens(
    open_page: OpenPage, explorer_file: Path
) -> None:
    """An arrow key takes the next stop, and a typed count moves the slider."""
    page, _ = open_page(linked(explorer_file, output_tokens=128))
    slider = field(page, "output_tokens-slider")
    slider.press("ArrowRight")
    assert field(page, "output_tokens").input_value() == "132"
    assert slider.get_attribute("aria-valuetext") == "132 tokens"
    field(page, "output_tokens").fill("1")
    assert slider.get_attribute("aria-valuetext") == "1 token"


def test_money_is_counted_with_typed_prices(
    open_page: OpenPage, explorer_file: Path, trained_artifact: Path, run: Run
) -> None:
    """What nobody typed is as configured."""
    page, _ = open_page(linked(explorer_file, model=MEASURED))
    page.locator("#explorer-more summary").click()
    field(page, "device_price").fill("249")
    money = ("--device-price", 249)
    told = run("predict", "-a", trained_artifact, "-m", "1.5B", "-i", 512, "-o", 128, *money).out
    line = f"owning the device {shown(page, 'ownership')} (249 over 5 years)"
    assert line in terminal_lines(told)


@pytest.mark.parametrize(
    ("model", "limits"),
    [
        ("1.5B", {"latency_s": 5}),
        ("7B", {"ttft_s": 0.1, "latency_s": 60}),
        ("1.5B", {"energy_j": 50}),
        ("7B", {"power_w": 30}),
        ("1.5B", {"latency_s": 5, "energy_j": 50, "power_w": 61, "cost": 0.0001}),
        ("7B", {"cost": 0.0001}),
    ],
    ids=lambda value: value if isinstance(value, str) else "+".join(value),
)
def test_typed_limits_give_the_caps_of_plan(
    open_page: OpenPage,
    explorer_file: Path,
    trained_artifact: Path,
    run: Run,
    model: str,
    limits: dict[str, float],
) -> None:
    """The longest answer and the longest prompt, what ends them, and refusals."""
    page, noticed = open_page(linked(explorer_file, model=MEASURED if model == "1.5B" else CARRIED))
    for name, value in limits.items():
        field(page, f"max_{name}").fill(str(value))
    stated = [
        part
        for name, value in limits.items()
        for part in (f"--max-{name.replace('_', '-')}", value)
    ]
    cells = page.locator("#explorer-plans tbody td")
    for given, sought, first in (("-i", "output_tokens", 0), ("-o", "input_tokens", 2)):
        asked = (given, 512 if given == "-i" else 128, *stated)
        ended = run("plan", "-a", trained_artifact, "-m", model, *asked, "--json")
        words = cells.nth(first + 1).text_content()
        tokens = cells.nth(first).locator("span").text_content()
        if ended.code == 2:
            assert tokens == "-"
            assert str(words).split(", got")[0] in " ".join(ended.err.split())
            continue
        plan = json.loads(ended.out)[0]
        assert tokens == (f"{plan[sought]:,}" if plan["feasible"] else "-")
        told = run("plan", "-a", trained_artifact, "-m", model, *asked).out
        assert words in terminal_lines(told)
    assert noticed.errors == []


def test_a_link_holds_what_is_shown(open_page: OpenPage, explorer_file: Path) -> None:
    """Opened anew, it shows the same; and the address of the page follows."""
    page, _ = open_page(explorer_file.as_uri())
    field(page, "choices").get_by_label("7B").uncheck()
    field(page, "input_tokens").fill("777")
    field(page, "max_latency_s").fill("9")
    field(page, "power_mode").select_option("maxn")
    link = field(page, "link").evaluate("link => link.href")
    page.wait_for_url(link)
    other, noticed = open_page(link)
    for place in ("#explorer-summary", "#explorer-plans", "#explorer-requests"):
        assert other.locator(place).inner_html() == page.locator(place).inner_html()
    assert field(other, "power_mode").input_value() == "maxn"
    assert noticed.errors == []


def test_a_wrong_link_is_said_and_the_rest_holds(open_page: OpenPage, explorer_file: Path) -> None:
    """Numbers out of range and models that are not there are named; nothing else is lost."""
    wrong = {"model": "gone", "confidence": 2, "device": "moon", "input_tokens": 99}
    page, noticed = open_page(linked(explorer_file, **wrong))
    problems = field(page, "problems").text_content() or ""
    for words in (
        "expected confidence to be a number 0.5..0.99, got 2",
        "no model here is called gone",
        "no model here has the device moon",
    ):
        assert words in problems
    assert field(page, "input_tokens").input_value() == "99"
    assert "Choose a model" in (field(page, "summary").text_content() or "")
    assert noticed.errors == []


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("input_tokens", "1.5", "expected input tokens to be a whole number 0..10000000, got 1.5"),
        ("output_tokens", "", "expected output tokens to be a whole number 0..10000000"),
        ("max_latency_s", "-3", "expected limit of latency to be a number above 0, got -3"),
        ("max_cost", "much", "expected limit of cost to be a number above 0, got much"),
    ],
)
def test_a_wrong_number_is_named_and_changes_nothing(
    open_page: OpenPage, explorer_file: Path, name: str, text: str, words: str
) -> None:
    """The field says what it takes, until it has it."""
    page, _ = open_page(linked(explorer_file, model=MEASURED))
    before = page.locator("#explorer-summary").inner_html()
    field(page, name).fill(text)
    assert words in (field(page, f"{name}-problem").text_content() or "")
    assert field(page, name).get_attribute("aria-errormessage") == f"explorer-{name}-problem"
    assert page.locator("#explorer-summary").inner_html() == before
    field(page, name).fill("7")
    assert field(page, f"{name}-problem").count() == 0


def test_a_probability_that_limits_cannot_share_is_refused(
    open_page: OpenPage, explorer_file: Path, trained_artifact: Path, run: Run
) -> None:
    """In the words of ``plan``."""
    state = {"max_latency_s": 5, "max_energy_j": 80, "probability": 0.995}
    page, _ = open_page(linked(explorer_file, model=MEASURED, **state))
    limits = ("--max-latency-s", 5, "--max-energy-j", 80, "--confidence", 0.995)
    ended = run("plan", "-a", trained_artifact, "-m", "1.5B", "-i", 512, *limits)
    words = page.locator("#explorer-plans td.words").first.text_content() or ""
    assert words.removeprefix("expected a probability") in " ".join(ended.err.split())


def test_csv_holds_what_is_shown(
    open_page: OpenPage, explorer_file: Path, trained_artifact: Path, run: Run, tmp_path: Path
) -> None:
    """A row per model, with the predictor's numbers and the plans."""
    page, _ = open_page(linked(explorer_file, model=MEASURED, max_latency_s=5))
    with page.expect_download() as download:
        field(page, "csv").click()
    path = tmp_path / "saved.csv"
    download.value.save_as(path)
    (row,) = csv.DictReader(path.read_text("utf-8-sig").splitlines())
    asked = ("-a", trained_artifact, "-m", "1.5B", "-i", 512)
    told = json.loads(run("predict", *asked, "-o", 128, "--json").out)[0]
    plan = json.loads(run("plan", *asked, "--max-latency-s", 5, "--json").out)[0]
    assert float(row["latency_s"]) == pytest.approx(told["latency_s"], rel=1e-12)
    upper = told["decode"]["energy_interval_j"]["upper"]
    assert float(row["decode_energy_upper_j"]) == pytest.approx(upper, rel=1e-12)
    assert row["energy_j"] == ""
    assert row["notes"] == "; ".join(told["notes"])
    assert row["longest_answer_tokens"] == str(plan["output_tokens"])
    assert row["limit_latency_s"] == "5"
    assert row["artifact_sha256"] == load_artifact(trained_artifact).manifest.manifest_sha256


def test_hostile_names_are_inert(open_page: OpenPage, tmp_path: Path) -> None:
    """In the page, in its script, in its link and in its CSV."""
    model = lawful_model(COMBINATIONS[0], 1)
    record = msgspec.structs.replace(model.record, name=HOSTILE, device=HOSTILE, runtime=HOSTILE)
    path = page_of(tmp_path, [FittedModel(record, model.formulas, model.weights)])
    page, noticed = open_page(path.as_uri())
    field(page, "device").select_option(HOSTILE)
    with page.expect_download() as download:
        field(page, "csv").click()
    saved = tmp_path / "saved.csv"
    download.value.save_as(saved)
    other, _ = open_page(field(page, "link").evaluate("link => link.href"))
    for one in (page, other):
        assert one.evaluate("window.stolen") is None
        assert one.locator("#explorer-summary tbody th").text_content() == HOSTILE
        assert one.locator("img").count() == 0
    (row,) = csv.DictReader(saved.read_text("utf-8-sig").splitlines(keepends=True))
    assert row["name"] == f"'{HOSTILE}"
    assert noticed.errors == []


def test_conditions_choose_among_models(open_page: OpenPage, tmp_path: Path) -> None:
    """Device and power mode leave the models that were trained there, by their conditions."""
    models = [
        moved(COMBINATIONS[place], device, mode)
        for place, (device, mode) in enumerate((("nano", "15w"), ("nano", "25w"), ("orin", "15w")))
    ]
    assert condition_choices(models) == {"device": ("nano", "orin"), "power_mode": ("15w", "25w")}
    page, noticed = open_page(page_of(tmp_path, models).as_uri())
    choices = field(page, "choices").locator("label")
    field(page, "device").select_option("nano")
    assert choices.count() == 2
    assert page.locator("#explorer-summary tbody tr").count() == 2
    field(page, "power_mode").select_option("25w")
    assert choices.all_text_contents() == ["model"]
    field(page, "device").select_option("orin")
    assert "No model was trained" in (field(page, "choices").text_content() or "")
    field(page, "reset").click()
    named = choices.all_text_contents()
    assert named[2] == "model on orin, 15w, vllm, bf16"
    assert noticed.errors == []


def test_a_model_without_a_phase_says_so(open_page: OpenPage, tmp_path: Path) -> None:
    """Dashes and words instead of numbers, charts of what is known, and a refused plan."""
    half = without(lawful_model(COMBINATIONS[0], 4, metered=False), Phase.DECODE)
    page, noticed = open_page(linked(page_of(tmp_path, [half]), max_latency_s=5))
    expect(page.locator(".chart svg")).to_have_count(CHARTS)
    assert shown_lines(page, page.locator("[data-model]").get_attribute("data-model") or "")[
        1:
    ] == [
        "decode - - - - -",
        "request - - - - -",
    ]
    notes = page.locator("#explorer-summary .notes").text_content() or ""
    assert "decode: no measured rows, so the request has no total" in notes
    ended = page.locator("#explorer-plans td.words").first.text_content() or ""
    assert "got nothing about decode, of which no row was measured" in ended
    remark = field(page, "answer_energy-remark").text_content()
    assert remark == "nothing measured tells of model"
    assert noticed.errors == []


def test_models_of_one_form_share_their_code() -> None:
    """A further model costs a page little beside the first of its form."""
    first = lawful_model(COMBINATIONS[-1], 1)
    record = msgspec.structs.replace(first.record, id="another")
    script = models_script([first, FittedModel(record, first.formulas, first.weights)])
    assert script.count("function form") == 1


def moved(combination: object, device: str, power_mode: str) -> FittedModel:
    """Draw a model of a device and power mode."""
    model = lawful_model(combination, 3)  # type: ignore[arg-type]
    record = msgspec.structs.replace(model.record, device=device, power_mode=power_mode)
    return FittedModel(record, model.formulas, model.weights)


def test_what_changes_is_said_once_the_reader_pauses(
    open_page: OpenPage, explorer_file: Path
) -> None:
    """A status for screen readers, not one for each step of a slider."""
    page, _ = open_page(linked(explorer_file, model=MEASURED, max_latency_s=5))
    status = field(page, "status")
    expect(status).not_to_have_text("")
    words = status.text_content() or ""
    assert re.fullmatch(
        r"1\.5B: \d\.\d\d s, after 512 input tokens at most \d+ output tokens .* 95 %", words
    )
    field(page, "output_tokens").fill("900")
    assert status.text_content() == words


def test_charts_follow_what_is_asked(open_page: OpenPage, explorer_file: Path) -> None:
    """Their numbers, their remarks and their pictures."""
    page, noticed = open_page(linked(explorer_file, model=MEASURED))
    lines = page.locator('[data-curve="prompt_latency"] .mark-line path')
    expect(lines).to_have_count(1)
    assert "decode only" in (field(page, "answer_energy-remark").text_content() or "")
    field(page, "choices").get_by_label("7B").check()
    expect(lines).to_have_count(2)
    heads = field(page, "prompt_latency-numbers").locator("thead th").all_text_contents()
    assert heads == ["input tokens", "1.5B", "7B"]
    assert noticed.errors == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_fits_a_phone(open_page: OpenPage, explorer_file: Path, dark: bool) -> None:
    """Nothing is wider than the screen, and axe finds nothing serious in either scheme."""
    address = linked(explorer_file, model=MEASURED, max_latency_s=5, max_power_w=30)
    page, noticed = open_page(address, phone=True, dark=dark)
    expect(page.locator(".chart svg")).to_have_count(CHARTS)
    page.locator("details").evaluate_all("all => all.forEach(one => { one.open = true })")
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= page.viewport_size["width"]  # type: ignore[index]
    assert serious_violations(page) == []
    assert noticed.errors == []
