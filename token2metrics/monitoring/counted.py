"""How often something happened, as a state on disk may say it."""

from typing import Annotated

import msgspec

from token2metrics.records import INT64_MAX

Counted = Annotated[int, msgspec.Meta(ge=0, le=INT64_MAX)]
