"""Find out before the start whether the state can be gone on with."""

from __future__ import annotations

from contextlib import closing

from token2metrics.service.observing.ledger import Ledger
from token2metrics.service.observing.recorder import Recorder
from token2metrics.service.serving import Serving
from token2metrics.service.setup import Setup


def try_state(setup: Setup) -> None:
    """Open the state of the monitor, if there is to be one, and close it.

    Raises:
        ConfigurationError: If it cannot be written, or is of other options.
    """
    if setup.state is not None:
        with closing(Ledger(setup.state, setup.monitoring)) as ledger:
            Recorder(Serving(setup.directory), ledger, setup.monitoring)
