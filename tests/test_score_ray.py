"""Scoring on real Ray tasks: the same rows, and a killed worker loses and doubles nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.scoring import (
    DOOMED,
    KilledOnce,
    Unwatched,
    draw_trace,
    dying,
    predictor_of,
    refusing,
    rejected_of,
    rows_of,
    scored,
)
from tests.strategies import COMBINATIONS, lawful_model
from token2metrics.errors import DataError
from token2metrics.scoring import run as scoring_run
from token2metrics.scoring.directory import Existing
from token2metrics.scoring.plan import FilePlan
from token2metrics.scoring.request import ScoreRequest
from token2metrics.scoring.task import ScorePartition
from token2metrics.workers.ray_workers import RayWorkers
from token2metrics.workers.workers import WorkersError

CORES = 2
ROWS, PARTITION_ROWS = 2_000, 250


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayWorkers]:
    """Start a cluster of this machine; commands of this module join it."""
    with RayWorkers(CORES) as workers:
        yield workers


def test_ray_and_local_are_the_same(
    run: Run, cluster: RayWorkers, trained_artifact: Path, tmp_path: Path
) -> None:
    """The command writes the same rows, row for row, and comes to the same totals."""
    draw_trace(ROWS).write_csv(tmp_path / "in.csv")
    with (tmp_path / "in.csv").open("a") as file:
        file.write("1,ann,none,5\n")
    asked = ("score", "in.csv", "-a", trained_artifact, "-m", "1.5B", "--group-by", "user")
    found = {}
    for engine in ("local", "ray"):
        more = ("--output", engine, "--engine", engine, "--partition-rows", PARTITION_ROWS)
        outcome = run(*asked, *more, "--json")
        assert outcome.code == 0, outcome.err
        found[engine] = json.loads(outcome.out)
    assert rows_of(tmp_path / "ray").equals(rows_of(tmp_path / "local"), null_equal=True)
    assert rejected_of(tmp_path / "ray").equals(rejected_of(tmp_path / "local"), null_equal=True)
    for name in ("overall", "groups", "rejected_counts", "partitions"):
        assert found["ray"][name] == found["local"][name]


def test_a_killed_worker_loses_and_doubles_nothing(
    cluster: RayWorkers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows and totals are those of the local engine, whenever workers die."""
    draw_trace(ROWS).write_parquet(tmp_path / "in.parquet")
    predictor = predictor_of(lawful_model(COMBINATIONS[-1], 7))

    def asked(name: str) -> ScoreRequest:
        target = tmp_path / name
        source = str(tmp_path / "in.parquet")
        return ScoreRequest((source,), target, "model", partition_rows=PARTITION_ROWS)

    def doomed(directory: Path, plans: Sequence[FilePlan]) -> KilledOnce:
        return KilledOnce(ScorePartition(directory, plans), tmp_path)

    expected = scored(predictor, asked("local"))
    monkeypatch.setattr(scoring_run, "ScorePartition", doomed)
    watcher = Unwatched()
    request = asked("ray")
    summary = scoring_run.score(predictor, request, Existing.REFUSE, cluster, watcher)
    assert all((tmp_path / moment).exists() for moment in DOOMED.values())
    assert (summary.overall, summary.priced_rows) == (expected.overall, expected.priced_rows)
    assert watcher.rows == ROWS
    assert rows_of(tmp_path / "ray").equals(rows_of(tmp_path / "local"), null_equal=True)
    assert len(list((tmp_path / "ray").glob("part-*.parquet"))) == summary.partitions


def test_errors_of_tasks_are_those_of_this_process(cluster: RayWorkers) -> None:
    """What a task raises is raised here, and a task that always dies is given up."""
    with pytest.raises(DataError, match="no work on"):
        list(cluster.run(refusing, [1, 2, 3]))
    with RayWorkers(CORES, retries=0) as unforgiving, pytest.raises(WorkersError, match="died"):
        list(unforgiving.run(dying, [1]))
    assert sorted(cluster.run(str, range(20))) == sorted(map(str, range(20)))
