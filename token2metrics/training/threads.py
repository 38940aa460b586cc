"""How many threads linear algebra may use: said before NumPy and SciPy are first imported."""

from __future__ import annotations

import os

BLAS_VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""Where OpenBLAS, MKL and Accelerate look when they are loaded."""

COMMON_VARIABLE = "OMP_NUM_THREADS"
"""Where all of them look else."""


def limit_linear_algebra(threads: int) -> None:
    """Keep BLAS to the threads of a fit, unless the environment says otherwise.

    The systems of a fit have some hundred rows: more threads wait for each other longer than they
    work. Has no effect where NumPy is already there.

    Args:
        threads: Threads of a fit.
    """
    if COMMON_VARIABLE in os.environ:
        return
    for variable in BLAS_VARIABLES:
        os.environ.setdefault(variable, str(threads))
