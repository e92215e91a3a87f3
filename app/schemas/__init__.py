"""The schemas of requests and responses, one file per resource."""

from app.schemas.assignment import AssignInteraction, ReadAssignment, ReadCandidate
from app.schemas.health import ReadHealth
from app.schemas.interaction import CreateInteraction, ReadInteraction
from app.schemas.lead import ReadLead, SearchLead
from app.schemas.operator import CreateOperator, ReadOperator, UpdateOperator
from app.schemas.preview import PreviewSource, ReadOperatorPreview, ReadPreview
from app.schemas.problem import Problem
from app.schemas.source import (
    CreateSource,
    ReadSource,
    ReadSourceOperator,
    SetSourceOperator,
    SetSourceOperators,
    UpdateSource,
)
from app.schemas.stats import PeriodQuery, ReadOperatorLoad, ReadOperatorShare, ReadSourceReport

__all__ = [
    "AssignInteraction",
    "CreateInteraction",
    "CreateOperator",
    "CreateSource",
    "PeriodQuery",
    "PreviewSource",
    "Problem",
    "ReadAssignment",
    "ReadCandidate",
    "ReadHealth",
    "ReadInteraction",
    "ReadLead",
    "ReadOperator",
    "ReadOperatorLoad",
    "ReadOperatorPreview",
    "ReadOperatorShare",
    "ReadPreview",
    "ReadSource",
    "ReadSourceOperator",
    "ReadSourceReport",
    "SearchLead",
    "SetSourceOperator",
    "SetSourceOperators",
    "UpdateOperator",
    "UpdateSource",
]
