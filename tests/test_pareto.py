"""The Pareto front: nobody on it is beaten, everybody off it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from token2metrics.comparing.pareto import Point, dominates, pareto_front

few_values = st.integers(0, 4).map(float)
"""Few, so that ties and equal points are common."""

clouds = st.integers(1, 4).flatmap(
    lambda size: st.lists(st.tuples(*[few_values] * size), min_size=1, max_size=30)
)


def beats(one: Point, other: Point) -> bool:
    """Return whether a point is at most another one everywhere, and below it somewhere."""
    apart = [b - a for a, b in zip(one, other, strict=True)]
    return min(apart) >= 0.0 and max(apart) > 0.0


@pytest.mark.law
@given(points=clouds)
def test_the_front_is_what_nobody_beats(points: list[Point]) -> None:
    """No member is dominated, and every other point is dominated by a member."""
    kept = pareto_front(points)
    front = [point for point, stays in zip(points, kept, strict=True) if stays]
    assert front
    for point, stays in zip(points, kept, strict=True):
        assert stays == (not any(beats(one, point) for one in points))
        assert stays == (not any(beats(one, point) for one in front))
        assert all(dominates(one, point) == beats(one, point) for one in points)


@pytest.mark.law
@given(points=clouds)
def test_the_order_of_points_does_not_matter(points: list[Point]) -> None:
    """A point is on the front or not, wherever it stands."""
    by_point = dict(zip(points, pareto_front(points), strict=True))
    turned = points[::-1]
    assert [by_point[point] for point in turned] == pareto_front(turned)


def test_ties_stay_together() -> None:
    """Equal points do not beat each other; one that is better in one and equal elsewhere wins."""
    assert pareto_front([(1.0, 2.0), (1.0, 2.0), (1.0, 3.0)]) == [True, True, False]


def test_no_point_has_no_front() -> None:
    """Nothing compared, nothing marked."""
    assert pareto_front([]) == []
