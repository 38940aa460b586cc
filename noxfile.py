"""Tasks: ``nox`` runs lint, types and tests; ``nox -s properties`` and others on request."""

import nox

nox.options.sessions = ["lint", "types", "tests"]
nox.options.default_venv_backend = "venv"
nox.options.reuse_existing_virtualenvs = True

CONSTRAINTS = ("-c", "constraints.txt")
EVERYTHING = "-e.[all,test,lint]"
LOWEST_VERSIONS = "minimums.txt"


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
