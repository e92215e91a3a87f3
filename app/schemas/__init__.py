"""What comes in and goes out, one file a resource."""

from app.schemas.health import ReadHealth
from app.schemas.interaction import CreateInteraction, ReadInteraction
from app.schemas.lead import ReadLead, SearchLead
from app.schemas.operator import CreateOperator, ReadOperator, UpdateOperator
from app.schemas.problem import Problem
from app.schemas.source import (
    CreateSource,
    ReadSource,
    ReadSourceOperator,
    SetSourceOperator,
    SetSourceOperators,
    UpdateSource,
)

__all__ = [
    "CreateInteraction",
    "CreateOperator",
    "CreateSource",
    "Problem",
    "ReadHealth",
    "ReadInteraction",
    "ReadLead",
    "ReadOperator",
    "ReadSource",
    "ReadSourceOperator",
    "SearchLead",
    "SetSourceOperator",
    "SetSourceOperators",
    "UpdateOperator",
    "UpdateSource",
]
