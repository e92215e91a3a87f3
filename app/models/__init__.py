"""Models, one table per file; importing this package loads all of them."""

from app.models.assignment import Assignment
from app.models.base import Base
from app.models.daily_count import DailyCount
from app.models.idempotency_key import IdempotencyKey
from app.models.interaction import Interaction
from app.models.lead import Lead
from app.models.operator import Operator
from app.models.source import Source
from app.models.source_operator_setting import SourceOperatorSetting

__all__ = [
    "Assignment",
    "Base",
    "DailyCount",
    "IdempotencyKey",
    "Interaction",
    "Lead",
    "Operator",
    "Source",
    "SourceOperatorSetting",
]
