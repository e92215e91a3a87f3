"""Errors of the service. The docstring of an error is its message."""

from collections.abc import Mapping
from inspect import getdoc
from typing import ClassVar, TypeVar

Found = TypeVar("Found")


class StartupError(Exception):
    """The service cannot start; the message says why in one line."""


class MaintenanceError(Exception):
    """A database cannot be copied, backed up or restored; the message says why in one line."""


class Interrupted(Exception):
    """An operation on database files was interrupted; the message says in one line to repeat it."""


class ServiceError(Exception):
    """The request cannot be served."""

    status: ClassVar[int]
    code: ClassVar[str]
    retry_after: ClassVar[int | None] = None
    """Seconds after which the client may retry the request."""
    headers: ClassVar[Mapping[str, str]] = {}
    """Response headers that tell the client what to do instead."""

    def __init__(self) -> None:
        super().__init__(self.message())

    @classmethod
    def message(cls) -> str:
        """The message that the client receives."""
        return getdoc(cls) or cls.__name__


def found(row: Found | None, error: type[ServiceError]) -> Found:
    """Return the row, or raise the error if there is none."""
    if row is None:
        raise error
    return row


class SourceNotFound(ServiceError):
    """There is no source with this id."""

    status = 404
    code = "source_not_found"


class OperatorNotFound(ServiceError):
    """There is no operator with this id."""

    status = 404
    code = "operator_not_found"


class LeadNotFound(ServiceError):
    """There is no such lead."""

    status = 404
    code = "lead_not_found"


class InteractionNotFound(ServiceError):
    """There is no interaction with this id."""

    status = 404
    code = "interaction_not_found"


class IdempotencyKeyReused(ServiceError):
    """This idempotency key was already used with a different request."""

    status = 422
    code = "idempotency_key_reused"


class InteractionClosed(ServiceError):
    """The interaction is closed; it cannot be assigned to an operator."""

    status = 409
    code = "interaction_closed"


class OperatorInactive(ServiceError):
    """The operator is inactive; no interaction can be assigned to it."""

    status = 409
    code = "operator_inactive"


class OperatorAtLimit(ServiceError):
    """The operator has reached or exceeded its load limit."""

    status = 409
    code = "operator_at_limit"


class NobodyElse(ServiceError):
    """No other operator is available; the assignment is unchanged."""

    status = 409
    code = "nobody_else"


class Busy(ServiceError):
    """The service is at a limit or shutting down; nothing was written. Retry the request."""

    status = 503
    code = "busy"
    retry_after = 1


class DatabaseUnavailable(ServiceError):
    """The database is unavailable. Whether anything was written is unknown. Retry the request."""

    status = 503
    code = "database_unavailable"
    retry_after = 2


class RolledBack(DatabaseUnavailable):
    """The database rolled back a transaction, which wrote nothing. Retry the request."""


class StorageFull(ServiceError):
    """The storage is full; the transaction that failed wrote nothing."""

    status = 503
    code = "storage_full"
    retry_after = 30


class SchemaOutdated(ServiceError):
    """The database's schema does not match this version of the service."""

    status = 503
    code = "schema_outdated"
    retry_after = 30
