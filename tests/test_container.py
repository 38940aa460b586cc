"""The container file: what it starts is what the program takes, as nobody in particular."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.conftest import Run, refused
from tests.scripted_server import answer, scripted
from token2metrics.service.layers.auth import OPEN_PATHS

ROOT = Path(__file__).parent.parent
PORT = "8000"
INSTRUCTIONS = [
    line.split(maxsplit=1)
    for line in (ROOT / "Containerfile").read_text().replace("\\\n", " ").splitlines()
    if line and not line.startswith("#")
]
LAST_STAGE = max(place for place, (name, _) in enumerate(INSTRUCTIONS) if name == "FROM")


def told(name: str) -> list[str]:
    """Return what the last stage says by an instruction."""
    return [rest for found, rest in INSTRUCTIONS[LAST_STAGE:] if found == name]


def test_nobody_in_particular_serves() -> None:
    """A number, so that whoever runs it sees that it is not root."""
    (user,) = told("USER")
    numbers = [int(number) for number in user.split(":")]
    assert min(numbers) > 0


def test_the_command_lacks_only_the_token(run: Run, trained_artifact: Path) -> None:
    """It listens for other computers, and so refuses to start without one."""
    (entry,) = told("ENTRYPOINT")
    program, *arguments = json.loads(entry)
    assert program == "token2metrics"
    places = {"/artifact": str(trained_artifact), "/state/observed.sqlite3": "observed.sqlite3"}
    refused(run(*(places.get(one, one) for one in arguments)), "expected a token", "0.0.0.0")


def test_what_is_copied_is_there() -> None:
    """And is not kept from the build."""
    sources = [
        source
        for name, rest in INSTRUCTIONS[:LAST_STAGE]
        if name == "COPY"
        for source in rest.split()[:-1]
    ]
    let_through = (ROOT / ".dockerignore").read_text().splitlines()
    for source in sources:
        assert (ROOT / source).exists()
        assert f"!{Path(source).name}" in let_through


def test_health_is_what_the_service_says() -> None:
    """Without a token: well while it answers, ill where it does not or nobody is there."""
    (health,) = told("HEALTHCHECK")
    python, *arguments = json.loads(health[health.index("[") :])
    assert python == "python"
    assert any(f":{PORT}{path}'" in arguments[-1] for path in OPEN_PATHS)

    def is_well(port: int) -> bool:
        program = arguments[-1].replace(PORT, str(port))
        command = [sys.executable, *arguments[:-1], program]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    with scripted(answer(b"{}"), answer(b"{}", "503 Busy")) as script:
        assert is_well(script.port)
        assert not is_well(script.port)
    assert not is_well(script.port)
