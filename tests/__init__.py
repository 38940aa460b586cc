"""Tests of the package; each process keeps linear algebra to one core, as a fit does."""

from token2metrics.training.threads import limit_linear_algebra

limit_linear_algebra(1)
