"""A worker ends when the process that started it does, however that ends."""

from __future__ import annotations

import multiprocessing
import os
import signal
from threading import Thread


def follow_parent() -> None:
    """End this process gracefully once its parent is gone; nothing is done without one."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    Thread(target=wait, name="following", daemon=True).start()


def is_orphan() -> bool:
    """Return whether this process had a parent that is gone."""
    parent = multiprocessing.parent_process()
    return parent is not None and not parent.is_alive()
