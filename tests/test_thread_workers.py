"""Work in threads of this process: every item once, two at a time, and no more after a failure."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from token2metrics.workers.workers import AT_ONCE, LocalWorkers, ThreadWorkers, WorkersError

MANY_ITEMS = 50
FAILING = 3
MOST_WAITING_S = 20.0

pytestmark = pytest.mark.law


@given(items=st.lists(st.integers(), max_size=20), at_once=st.integers(1, 4))
def test_every_outcome_comes_once(items: list[int], at_once: int) -> None:
    """Threads come to what one after another comes to, in any order."""
    assert sorted(ThreadWorkers(at_once).run(str, items)) == sorted(LocalWorkers().run(str, items))


def test_items_are_done_at_once() -> None:
    """An item that waits for another one to be begun is not left waiting."""
    met = threading.Barrier(AT_ONCE, timeout=MOST_WAITING_S)
    assert len(list(ThreadWorkers().run(lambda _: met.wait(), range(AT_ONCE)))) == AT_ONCE


def test_a_failure_ends_the_run() -> None:
    """What a task raises is raised here, and items that were not begun stay undone."""
    begun: list[int] = []

    def failing(item: int) -> int:
        begun.append(item)
        if item == FAILING:
            raise WorkersError("expected to fail")
        return item

    with pytest.raises(WorkersError, match="expected to fail"):
        list(ThreadWorkers().run(failing, range(MANY_ITEMS)))
    assert FAILING in begun
    assert len(begun) <= FAILING + 2 * AT_ONCE


def test_giving_up_leaves_the_rest() -> None:
    """Who stops asking for outcomes stops the work."""
    begun: list[int] = []
    outcomes = ThreadWorkers().run(begun.append, range(MANY_ITEMS))
    next(outcomes)
    outcomes.close()
    assert len(begun) <= 2 * AT_ONCE
