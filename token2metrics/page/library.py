"""The library that draws charts in a page, as one script."""

from __future__ import annotations

from functools import cache

import vl_convert

from token2metrics.page.templates import asset

LICENCE = "vega-licence.txt"
EXPOSED = "window.vegaEmbed = vegaEmbed; window.vega = vega;"
"""What other scripts of the page may call."""


@cache
def chart_library() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as an ES module without imports."""
    return f"/*\n{asset(LICENCE)}*/\n{vl_convert.javascript_bundle(EXPOSED)}"
