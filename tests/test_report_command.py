"""``report``: a page, a model card and pictures, from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from markdown_it import MarkdownIt

from tests.conftest import Run, refused, write_rows
from tests.pages import read_page
from tests.pictures import is_png
from tests.reporting import HOSTILE, TYPICAL, found, hostile_report, renamed, report_file
from tests.strategies import COMBINATIONS, Combination, lawful_model
from tests.test_imports import BLOCKED, in_a_new_process
from token2metrics.artifact.load import load_artifact
from token2metrics.artifact.manifest import MANIFEST_NAME
from token2metrics.cli.serve_options import STATE_NAME
from token2metrics.findings.verdict import verdict
from token2metrics.page.data_tables import data_tables
from token2metrics.page.document import Part
from token2metrics.page.model_card import model_card
from token2metrics.page.model_tables import fits_table, glance_table, typical_table
from token2metrics.page.report import report_document, report_tables
from token2metrics.page.report_format import ReportFormat
from token2metrics.page.write import write_report
from token2metrics.report.units import seconds
from token2metrics.training.record import RECORD_NAME
from token2metrics.vocabulary import FITTED_PHASES, Phase

MOST_BYTES = 3_000_000
PARTS = ["verdict", "explorer", "pictures", "tables"]
FIGURES = {
    "measured-predicted",
    "residuals",
    "prefill-staircase",
    "decode-context",
    "power-time",
    "shots",
    "factors",
    "pareto",
}
EXPLORER = Part("explorer", "Explorer", "<p>Try.</p>")

__all__ = ["hostile_report", "report_file"]


@pytest.mark.law
@pytest.mark.parametrize("combination", COMBINATIONS, ids=str)
@pytest.mark.parametrize("metered", [True, False])
def test_any_lawful_model_is_reported(combination: Combination, metered: bool) -> None:
    """Every phase has its row, and the typical request costs what is predicted."""
    findings = found([renamed(lawful_model(combination, seed=7, metered=metered))])
    (model,) = findings.models
    assert [row[1] for row in fits_table(findings).rows] == [str(one) for one in FITTED_PHASES]
    assert typical_table(findings).rows[0][1] == seconds(model.typical.latency_s)
    told = verdict(findings)
    document = report_document(findings, told, (), EXPLORER)
    assert [part.name for part in document.parts] == PARTS
    held = read_page("".join(part.html for part in document.parts))
    assert not {"script", "img"} & set(held.tags)
    assert HOSTILE in held.text
    card = model_card(findings, told)
    tokens = MarkdownIt("commonmark").enable("table").parse(card)
    assert not any(child.type.startswith("html") for one in tokens for child in one.children or ())
    assert not any(one.type.startswith("html") for one in tokens)
    tables = sum(one.type == "table_open" for one in tokens)
    assert tables == len((glance_table(findings), *report_tables(findings)))


def test_the_first_numbers_are_those_of_held_out_rows() -> None:
    """The median error of each phase's latency, and a word where nobody has checked."""
    findings = found([lawful_model(COMBINATIONS[0], seed=1)])
    (model,) = findings.models
    first, *_ = model.phases[Phase.DECODE].errors
    errors = msgspec.structs.replace(first, median_ape_percent=1.5)
    phases = {
        Phase.PREFILL: msgspec.structs.replace(model.phases[Phase.PREFILL], errors=()),
        Phase.DECODE: msgspec.structs.replace(model.phases[Phase.DECODE], errors=(errors,)),
    }
    checked = msgspec.structs.replace(model, phases=phases)
    table = glance_table(msgspec.structs.replace(findings, models=(checked,)))
    assert table.rows[0][1:3] == ("unchecked", "1.50 %")


def test_tables_without_a_row_are_left_out() -> None:
    """Where nothing was read there is no empty table."""
    findings = found([lawful_model(COMBINATIONS[0], seed=1)])
    assert not any(table.rows for table in data_tables(findings))
    assert all(table.rows for table in report_tables(findings))


def test_the_report_is_one_small_page(report_file: Path) -> None:
    """It holds every part and picture, asks for nothing, and stays below 3 MB."""
    html = report_file.read_text()
    held = read_page(html)
    assert len(html.encode()) < MOST_BYTES
    assert not held.addresses
    assert not held.handlers
    assert set(PARTS) <= set(held.ids)
    assert {f"figure-{name}" for name in FIGURES} <= set(held.ids)
    assert held.ids.index("verdict") < held.ids.index("explorer") < held.ids.index("pictures")
    assert set(held.links) <= set(held.ids)
    assert len(held.ids) == len(set(held.ids))
    assert max(b - a for a, b in zip(held.headings, held.headings[1:], strict=False)) == 1


def test_hostile_names_are_inert(hostile_report: Path) -> None:
    """Names of models, files and sources, and bad cells, are shown as they are."""
    held = read_page(hostile_report.read_text())
    assert not held.handlers
    assert not held.addresses
    assert "img" not in held.tags
    assert "b" not in held.tags
    assert HOSTILE in held.text
    assert "{{ 7 * 7 }}" in held.text


def test_a_model_card(run: Run, trained_artifact: Path) -> None:
    """Markdown goes by the name of the file; the verdict is said, and what was written."""
    outcome = run("report", "-a", trained_artifact, "-o", "card.md", "--no-refits", "-m", "1.5B")
    assert outcome.code == 0, outcome.err
    first, *_, last = outcome.out.splitlines()
    assert "1.5B" in first
    assert last.startswith("written to card.md, ")
    card = Path("card.md").read_text()
    assert card.startswith("# ")
    assert "## Errors" in card
    assert "| 1.5B | decode | latency |" in card
    assert "7B" not in card.replace("dsr1-qwen-7b", "")


def test_single_pictures(run: Run, trained_artifact: Path) -> None:
    """A folder holds each figure under its name."""
    options = ("--format", "png", "-o", "pictures", "--no-refits")
    outcome = run("report", "-a", trained_artifact, *options)
    assert outcome.code == 0, outcome.err
    files = {path.stem: path for path in Path("pictures").iterdir()}
    assert set(files) == FIGURES - {"shots"}
    assert all(is_png(path) for path in files.values())


def test_json_gives_the_findings(run: Run, trained_artifact: Path) -> None:
    """Standard output holds nothing else."""
    options = ("-o", "card.md", "--no-refits", "--json")
    outcome = run("report", "-a", trained_artifact, *options)
    findings = json.loads(outcome.out)
    assert [model["label"] for model in findings["models"]] == ["1.5B", "7B"]
    assert findings["shots"] is None
    assert Path("card.md").exists()


def test_the_usual_place_is_the_artifact(run: Run, trained_artifact: Path, tmp_path: Path) -> None:
    """Without --output the report lies beside the models."""
    artifact = tmp_path / "artifact"
    artifact.mkdir()
    for path in trained_artifact.iterdir():
        if path.is_file():
            (artifact / path.name).write_bytes(path.read_bytes())
    outcome = run("report", "-a", artifact, "--format", "md", "--no-refits")
    assert outcome.code == 0, outcome.err
    assert (artifact / "report.md").exists()
    assert load_artifact(artifact).models


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("-o", "report.pdf"), ("--output to end in .html", "got report.pdf")),
        (("-o", "folder"), ("--output to name a file", "got the folder folder")),
        (("-o", "taken", "--format", "png"), ("a folder for pictures", "got taken")),
        (("--format", "docx"), ("docx",)),
        (("-m", "unheard-of"), ("unheard-of",)),
        (("--confidence", "1"), ("0.5", "0.99")),
        (("--draws", "0"), ("draws",)),
        (("--draws", "many"), ("draws",)),
        (("-d", "nowhere.csv"), ("nowhere.csv",)),
        (("--power-log", "nowhere.csv"), ("nowhere.csv",)),
        (("--power-mode", "15w"), ("15w",)),
    ],
)
def test_wrong_options_are_refused(
    run: Run, trained_artifact: Path, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    """One line says what was expected and what came, and nothing is written."""
    Path("folder").mkdir()
    Path("taken").write_text("taken")
    wanted = (
        arguments if "-o" in arguments or "--format" in arguments else (*arguments, "-o", "r.md")
    )
    html = ("--format", "html") if arguments == ("-o", "folder") else ()
    refused(run("report", "-a", trained_artifact, *wanted, *html), *words)
    assert not Path("r.md").exists()
    assert Path("taken").read_text() == "taken"


@pytest.mark.parametrize(
    ("package", "extra"), [("jinja2", "plot"), ("vl_convert", "plot"), ("polars", "fit")]
)
def test_a_missing_package_is_named_at_once(
    trained_artifact: Path, tmp_path: Path, package: str, extra: str
) -> None:
    """Before anything is gathered the error says which extra to install."""
    path = tmp_path / "report.html"
    ended = in_a_new_process(BLOCKED, package, "report", "-a", trained_artifact, "-o", path)
    assert ended.returncode == 2
    assert f"pip install 'token2metrics[{extra}]'" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not path.exists()


def test_a_missing_artifact_is_refused(run: Run) -> None:
    """There is nothing to report."""
    refused(run("report", "-a", "nowhere", "-o", "report.html"), "nowhere")


def test_inputs_are_not_overwritten(run: Run, trained_artifact: Path) -> None:
    """Neither the measurements nor the models."""
    rows = write_rows(Path("rows.md"), "dsr1-qwen-1.5b,decode,400,200,1,5.0,,,,mine")
    refused(run("report", "-a", trained_artifact, "-d", rows, "-o", rows), "--output")
    for name in (MANIFEST_NAME, RECORD_NAME, STATE_NAME):
        own = trained_artifact / name
        refused(run("report", "-a", trained_artifact, "-o", own, "-f", "md"), "--output")
    assert load_artifact(trained_artifact).models


def test_a_folder_that_cannot_be_written(
    run: Run, trained_artifact: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the file, before anything is gathered for it."""
    monkeypatch.setattr("token2metrics.findings.gather.gather", pytest.fail)
    Path("taken").write_text("taken")
    options = ("-o", "taken/report.md", "--no-refits")
    refused(run("report", "-a", trained_artifact, *options), "taken/report.md: taken is a file")


def test_the_writer_returns_its_files(tmp_path: Path) -> None:
    """A page is written where nothing but a model is known."""
    findings = found([lawful_model(COMBINATIONS[-1], seed=3)])
    path = tmp_path / "report.html"
    told = verdict(findings)
    assert write_report(ReportFormat.HTML, path, findings, told, lambda: EXPLORER) == (path,)
    assert f"{TYPICAL[0]:,}" in path.read_text()
