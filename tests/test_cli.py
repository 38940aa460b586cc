"""The program as a whole: help, version, interruption, and the one place that reports errors."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Run, refused
from token2metrics import __version__
from token2metrics.cli import demo
from token2metrics.cli.commands import COMMANDS, load_command
from token2metrics.cli.log import PACKAGE_LOGGER
from token2metrics.cli.progress import ProgressBar
from token2metrics.cli.session import open_session
from token2metrics.errors import ConfigurationError
from token2metrics.files import replacing, write_file
from token2metrics.prediction.predictor import Predictor

ROOT = Path(__file__).parent.parent
SECONDS_PER_ANSWER = 60


def test_the_program_lists_its_commands(run: Run) -> None:
    """``--help`` names every command and gives examples."""
    outcome = run("--help")
    assert outcome.code == 0
    for word in (*COMMANDS, "Examples", "--version", "--verbose", "--install-completion"):
        assert word in outcome.out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(run: Run, command: str) -> None:
    """Every command explains itself with an example, and every option with words."""
    outcome = run(command, "--help")
    assert outcome.code == 0
    assert "Example: python main.py " + command in outcome.out
    assert "Usage:" in outcome.out


@pytest.mark.parametrize("command", COMMANDS)
def test_the_list_says_what_every_command_says(command: str) -> None:
    """The purpose in the list is the first paragraph of the command's own help."""
    loaded = load_command(command)
    assert loaded.name == command
    assert " ".join(str(loaded.help).split("\n\n")[0].split()) == COMMANDS[command]


def test_version(run: Run) -> None:
    """``--version`` prints the version and nothing else."""
    assert run("--version").out == f"token2metrics {__version__}\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_readme(command: str) -> None:
    """With an example of its use."""
    assert f"python main.py {command} " in (ROOT / "README.md").read_text()


def test_no_command_and_wrong_commands(run: Run) -> None:
    """Without a command there is help; an unknown one is refused."""
    outcome = run()
    assert "Usage:" in outcome.out + outcome.err
    refused(run("bogus"), "No such command")


def test_settings_are_checked(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown variable with the prefix of the program is refused, with the known ones."""
    monkeypatch.setenv("TOKEN2METRICS_OUTPUTS", "x")
    refused(run("predict", "-i", 1, "-o", 1), "TOKEN2METRICS_OUTPUTS", "TOKEN2METRICS_OUTPUT")


def test_verbose_wins_over_the_settings(monkeypatch: pytest.MonkeyPatch, clean_place: Path) -> None:
    """``--verbose`` logs everything; else the settings say how much."""
    monkeypatch.setenv("TOKEN2METRICS_LOG_LEVEL", "error")
    for verbose, level in ((True, logging.DEBUG), (False, logging.ERROR)):
        session = open_session(verbose)
        assert session.settings.log_level == "error"
        assert logging.getLogger(PACKAGE_LOGGER).level == level


def test_interruption(run: Run, monkeypatch: pytest.MonkeyPatch, trained_artifact: Path) -> None:
    """Ctrl-C ends with code 130 and without a traceback."""

    def interrupt(directory: Path) -> Predictor:
        raise KeyboardInterrupt

    monkeypatch.setattr(Predictor, "load", interrupt)
    outcome = run("predict", "-a", trained_artifact, "-i", 1, "-o", 1)
    assert outcome.code == 130
    assert "Traceback" not in outcome.err


def test_a_closed_pipe_is_quiet(trained_artifact: Path) -> None:
    """A reader that leaves early, such as ``head``, causes no traceback."""
    lengths = [part for count in range(300) for part in ("-i", str(count))]
    command = ["main.py", "predict", "-a", str(trained_artifact), *lengths, "-o", "9", "--json"]
    with subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        message = process.stderr.read().decode()
        process.wait(SECONDS_PER_ANSWER)
    assert "Traceback" not in message


def test_the_demo_trains_and_predicts(
    clean_place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The tour shows a training, a table of requests and one in full, and leaves nothing."""
    demo.main()
    shown = capsys.readouterr().out
    for words in ("trained 1.5B, 7B, 14B", "TPOT", "time per output token (TPOT)"):
        assert words in shown
    assert list(clean_place.iterdir()) == []


def test_the_demo_leaves_trained_models_alone(
    clean_place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Even where the settings point, and it reports what is wrong with them in one line."""
    (clean_place / "outputs").mkdir()
    monkeypatch.setenv("TOKEN2METRICS_THREADS", "none")
    with pytest.raises(SystemExit) as stop:
        demo.main()
    assert stop.value.code == 2
    assert capsys.readouterr().err.startswith("error: threads")
    assert list((clean_place / "outputs").iterdir()) == []


def test_progress_is_drawn_only_on_terminals(capsys: pytest.CaptureFixture[str]) -> None:
    """A log file receives no progress bar."""
    with ProgressBar(open_session(verbose=False).errors) as progress:
        progress.expect(2)
        progress.step("one")
    assert capsys.readouterr().err == ""


def test_files_are_replaced_whole(tmp_path: Path) -> None:
    """A block that fails leaves the old file and no pieces; a missing folder is made."""
    target = tmp_path / "new/file.txt"
    write_file(target, b"old")

    def fail() -> None:
        with replacing(target) as partial:
            partial.write_bytes(b"half")
            raise ConfigurationError("stopped")

    with pytest.raises(ConfigurationError, match="stopped"):
        fail()
    assert target.read_bytes() == b"old"
    assert [path.name for path in target.parent.iterdir()] == ["file.txt"]
    with pytest.raises(ConfigurationError, match="cannot write"):
        write_file(target / "below", b"x")
