"""What can go wrong between a client and the service."""

from __future__ import annotations

from collections.abc import Sequence

from token2metrics.errors import Token2MetricsError
from token2metrics.service.http.problems import Wrong


class ServiceError(Token2MetricsError):
    """Base of what a client raises once it was given a sound address."""


class ServiceLostError(ServiceError):
    """Nothing answers at the address, or the connection broke before an answer was whole."""


class ServiceLateError(ServiceLostError):
    """The service did not answer in time; what was asked may have been done or not."""


class AnsweredWithErrorError(ServiceError):
    """The service answered, with an error.

    Attributes:
        status: Status of the answer.
        detail: What the service says about it.
        errors: Each request of several that is at fault, by its ``index``, with what is wrong.
    """

    def __init__(
        self, message: str, status: int, detail: str, errors: Sequence[Wrong] = ()
    ) -> None:
        super().__init__(message)
        self.status = status
        self.detail = detail
        self.errors = tuple(errors)


class ServiceRefusedError(AnsweredWithErrorError):
    """The service is well and refuses what it was asked: the same request fails again."""


class TokenRefusedError(ServiceRefusedError):
    """The service wants a token, or another one."""


class ServiceFailedError(AnsweredWithErrorError):
    """The service cannot answer now, or what answers is no service of Token2Metrics."""
