"""What can go wrong, in the words of the domain. The docstring of an error is its message."""

from collections.abc import Mapping
from inspect import getdoc
from typing import ClassVar, TypeVar

Found = TypeVar("Found")


class StartupError(Exception):
    """The service cannot start; the message says why in one line."""


class UpkeepError(Exception):
    """A database cannot be copied, backed up or restored; the message says why in one line."""


class CutShort(Exception):
    """What was begun on a database's files must be done again; the message says so in one line."""


class DomainError(Exception):
    """The request cannot be served."""

    status: ClassVar[int]
    code: ClassVar[str]
    retry_after: ClassVar[int | None] = None
    """Seconds after which the same request may be sent again."""
    headers: ClassVar[Mapping[str, str]] = {}
    """Header fields of the answer that say what to do instead."""

    def __init__(self) -> None:
        super().__init__(self.message())

    @classmethod
    def message(cls) -> str:
        """The sentence that a client reads."""
        return getdoc(cls) or cls.__name__


def found(row: Found | None, error: type[DomainError]) -> Found:
    """Return the row, or raise the error if there is none."""
    if row is None:
        raise error
    return row


class SourceNotFound(DomainError):
    """There is no source with this id."""

    status = 404
    code = "source_not_found"


class OperatorNotFound(DomainError):
    """There is no operator with this id."""

    status = 404
    code = "operator_not_found"


class LeadNotFound(DomainError):
    """There is no such lead."""

    status = 404
    code = "lead_not_found"


class InteractionNotFound(DomainError):
    """There is no interaction with this id."""

    status = 404
    code = "interaction_not_found"


class IdempotencyKeyReused(DomainError):
    """Another request was sent under this idempotency key before."""

    status = 422
    code = "idempotency_key_reused"


class InteractionClosed(DomainError):
    """The interaction is closed; nobody can be assigned to it any more."""

    status = 409
    code = "interaction_closed"


class OperatorInactive(DomainError):
    """The operator is not active and takes no interaction."""

    status = 409
    code = "operator_inactive"


class OperatorAtLimit(DomainError):
    """The operator has as many active interactions as its limit allows."""

    status = 409
    code = "operator_at_limit"


class NobodyElse(DomainError):
    """Nobody but the present operator is available; the interaction stays where it is."""

    status = 409
    code = "nobody_else"


class Busy(DomainError):
    """More requests wait than the service takes; nothing was written. Try again."""

    status = 503
    code = "busy"
    retry_after = 1


class DatabaseUnavailable(DomainError):
    """The database does not answer at present; nothing is known to be written. Try again."""

    status = 503
    code = "database_unavailable"
    retry_after = 2


class RolledBack(DatabaseUnavailable):
    """The database gave the transaction up; nothing was written. Try again."""


class StorageFull(DomainError):
    """There is no room left to store anything; nothing was written."""

    status = 503
    code = "storage_full"
    retry_after = 30


class SchemaOutdated(DomainError):
    """The database's schema is not the one this version of the service works with."""

    status = 503
    code = "schema_outdated"
    retry_after = 30
