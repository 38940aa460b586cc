"""Ask a running service from Python: ``with Client("http://127.0.0.1:8000") as client: ...``."""

from token2metrics.client.errors import (
    AnsweredWithErrorError,
    ServiceError,
    ServiceFailedError,
    ServiceLateError,
    ServiceLostError,
    ServiceRefusedError,
    TokenRefusedError,
)
from token2metrics.errors import MissingExtraError

try:
    from token2metrics.client.client import Client
except ModuleNotFoundError as error:
    if error.name != "httpx2":
        raise
    raise MissingExtraError("httpx2", "client", "asking a service") from error

__all__ = [
    "AnsweredWithErrorError",
    "Client",
    "ServiceError",
    "ServiceFailedError",
    "ServiceLateError",
    "ServiceLostError",
    "ServiceRefusedError",
    "TokenRefusedError",
]
