"""Tasks: ``nox`` runs lint, types and tests; ``nox -s properties`` and others on request."""

from pathlib import Path

import nox

nox.options.sessions = ["lint", "types", "tests"]
nox.options.default_venv_backend = "venv"
nox.options.reuse_existing_virtualenvs = True

CONSTRAINTS = ("-c", "constraints.txt")
EVERYTHING = "-e.[all,test,lint]"
LOWEST_VERSIONS = "minimums.txt"
EXTRAS = (
    "fit",
    "none",
    "plot",
    "tokens",
    "gguf",
    "measure",
    "nvidia",
    "local",
    "zeus",
    "bench",
    "export",
    "ray",
    "serve",
    "client",
)
"""Every extra, and none of them; the first trains the models that all others are asked about."""


def install(session: nox.Session) -> None:
    """Install the package with every extra, as the README does."""
    session.install(*CONSTRAINTS, EVERYTHING)


@nox.session
def lint(session: nox.Session) -> None:
    """Check format and style."""
    session.install("black>=24.10", "ruff>=0.9")
    session.run("black", "--check", ".")
    session.run("ruff", "check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check every type strictly."""
    install(session)
    session.run("mypy")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests with branch coverage."""
    install(session)
    session.run("pytest", "--cov", "--cov-report=term", *session.posargs)


@nox.session(default=False)
def properties(session: nox.Session) -> None:
    """Check every law on 2,000 examples each, over every family and calibration."""
    install(session)
    session.run("pytest", "-m", "law", "--hypothesis-profile=thorough", *session.posargs)


@nox.session(default=False)
def minimums(session: nox.Session) -> None:
    """Run the tests on the lowest supported versions of the direct dependencies."""
    session.install("-c", LOWEST_VERSIONS, "-e.[all,test]")
    session.run("pytest", *session.posargs)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure accuracy: ``nox -s bench -- --data FOLDER``."""
    install(session)
    session.run("python", "benchmarks/accuracy.py", *session.posargs)


@nox.session(default=False)
def build(session: nox.Session) -> None:
    """Build wheel and source archive, install the wheel alone and ask it for help."""
    session.install("build")
    session.run("python", "-m", "build", "--outdir", session.create_tmp())
    session.install(".")
    session.run("token2metrics", "--help")


@nox.session(default=False, venv_backend="virtualenv")
@nox.parametrize("extra", EXTRAS)
def extras(session: nox.Session, extra: str) -> None:
    """Install one extra alone, and try what it is for and every command without the others."""
    session.install(*CONSTRAINTS, "-e." if extra == "none" else f"-e.[{extra}]")
    session.run("python", "benchmarks/extras_alone.py", extra)


@nox.session(default=False)
def fuzz(session: nox.Session) -> None:
    """Fuzz every reader of files: ``nox -s fuzz -- --minutes 10``; Atheris is for Linux alone."""
    install(session)
    session.install("atheris>=3.0")
    session.run("python", "benchmarks/fuzz.py", *session.posargs)


@nox.session(default=False)
def audit(session: nox.Session) -> None:
    """Look for known vulnerabilities in all that is installed; fails where PyPI tells nothing."""
    session.install(*CONSTRAINTS, "-e.[all]", "pip-audit>=2.9")
    frozen = str(session.run("pip", "freeze", "--exclude-editable", silent=True))
    pinned = [line.partition("+")[0] for line in frozen.splitlines() if "==" in line]
    requirements = Path(session.create_tmp()) / "requirements.txt"
    requirements.write_text("\n".join(pinned))
    session.run(
        *("pip-audit", "--strict", "--no-deps", "--disable-pip"),
        *("--requirement", str(requirements), *session.posargs),
    )


@nox.session(default=False)
def licences(session: nox.Session) -> None:
    """Write ``docs/licences.md``: the licence of every package that an extra brings."""
    session.install(*CONSTRAINTS, "-e.[all]", "packaging")
    session.run("python", "benchmarks/licences.py")
