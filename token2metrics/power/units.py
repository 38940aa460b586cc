"""Units in which sensors and logs tell power."""

from __future__ import annotations

MW_PER_W = 1_000.0
