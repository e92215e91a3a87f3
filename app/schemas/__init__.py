"""What comes in and goes out, one file a resource."""

from app.schemas.interaction import CreateInteraction, ReadInteraction
from app.schemas.lead import ReadLead, SearchLead
from app.schemas.operator import CreateOperator, ReadOperator, UpdateOperator
from app.schemas.problem import Problem
from app.schemas.source import (
    CreateSource,
    ReadSource,
    ReadSourceOperator,
    SetSourceOperators,
    UpdateSource,
)

__all__ = [
    "CreateInteraction",
    "CreateOperator",
    "CreateSource",
    "Problem",
    "ReadInteraction",
    "ReadLead",
    "ReadOperator",
    "ReadSource",
    "ReadSourceOperator",
    "SearchLead",
    "SetSourceOperators",
    "UpdateOperator",
    "UpdateSource",
]
