"""The errors a user of Token2Metrics can meet, each saying what to do."""


class Token2MetricsError(Exception):
    """Base of every error that the command line reports without a traceback."""


class ConfigurationError(Token2MetricsError):
    """A setting, a configuration file or an option is wrong."""


class DataError(Token2MetricsError):
    """A measurement file cannot be read, or holds too little to work with."""


class ArtifactError(Token2MetricsError):
    """A saved model is missing, foreign, newer, truncated or altered."""


class RequestError(Token2MetricsError):
    """A request names unknown models or impossible token counts."""


class MissingExtraError(Token2MetricsError):
    """An optional package is needed and not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package!r}, which is not installed; "
            f"install it with: pip install 'token2metrics[{extra}]'"
        )
