"""Repositories, one class per table. They flush their writes and never commit on their own."""

from app.crud.assignment import AssignmentCRUD
from app.crud.daily_count import DailyCountCRUD
from app.crud.idempotency_key import IdempotencyKeyCRUD
from app.crud.interaction import InteractionCRUD
from app.crud.lead import LeadCRUD
from app.crud.lock import LockCRUD, Locked
from app.crud.operator import OperatorCRUD
from app.crud.queue import QueueCRUD
from app.crud.source import SourceCRUD
from app.crud.source_operator_setting import Candidate, Rotation, SourceOperatorSettingCRUD

__all__ = [
    "AssignmentCRUD",
    "Candidate",
    "DailyCountCRUD",
    "IdempotencyKeyCRUD",
    "InteractionCRUD",
    "LeadCRUD",
    "LockCRUD",
    "Locked",
    "OperatorCRUD",
    "QueueCRUD",
    "Rotation",
    "SourceCRUD",
    "SourceOperatorSettingCRUD",
]
