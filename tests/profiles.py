"""How many examples the property tests draw: ``default``, or ``thorough`` for the nox session.

A pytest plugin, loaded by ``tests/conftest.py`` or by whichever strategy module comes first. The
environment variable ``HYPOTHESIS_PROFILE`` chooses; so does pytest's ``--hypothesis-profile``.
"""

import os

from hypothesis import HealthCheck, settings

PROFILE_VARIABLE = "HYPOTHESIS_PROFILE"
DEFAULT_PROFILE = "default"
THOROUGH_PROFILE = "thorough"
DEFAULT_EXAMPLES = 25
THOROUGH_EXAMPLES = 2_000
SLOW_SHARE = 40
FEWEST_EXAMPLES = 3

settings.register_profile(
    DEFAULT_PROFILE, max_examples=DEFAULT_EXAMPLES, deadline=None, derandomize=True
)
settings.register_profile(
    THOROUGH_PROFILE,
    max_examples=THOROUGH_EXAMPLES,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
if os.environ.get(PROFILE_VARIABLE):
    settings.load_profile(os.environ[PROFILE_VARIABLE])
elif settings.get_current_profile_name() != THOROUGH_PROFILE:
    settings.load_profile(DEFAULT_PROFILE)


def fewer_examples() -> settings:
    """Return settings for laws whose single example is slow, such as those that write files."""
    current = settings()
    return settings(
        current,
        max_examples=max(FEWEST_EXAMPLES, current.max_examples // SLOW_SHARE),
    )
