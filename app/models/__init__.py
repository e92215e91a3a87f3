"""One table a file; importing this package knows them all."""

from app.models.base import Base
from app.models.idempotency_key import IdempotencyKey
from app.models.interaction import Interaction
from app.models.lead import Lead
from app.models.operator import Operator
from app.models.source import Source
from app.models.source_operator_setting import SourceOperatorSetting

__all__ = [
    "Base",
    "IdempotencyKey",
    "Interaction",
    "Lead",
    "Operator",
    "Source",
    "SourceOperatorSetting",
]
