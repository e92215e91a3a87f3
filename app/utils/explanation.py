"""Explains in words how an interaction was assigned."""

from collections.abc import Mapping
from typing import assert_never

from app.core.distribution import CandidateSnapshot, Strategy
from app.crud.assignment import AssignmentRow

Names = Mapping[int, str]
"""Operators' names, by id."""


def explain(assignment: AssignmentRow, before: int | None, names: Names) -> str:
    """Describe a move in one to three sentences: the operator, the reason, those passed over.

    Args:
        assignment: the move.
        before: the previous operator, if there was one.
        names: of the operators in the move and of the previous one.

    """
    operator_id = assignment.operator_id or 0
    match assignment.reason:
        case "waiting":
            sentences = [_why_it_waits(assignment), *_passed_over(assignment, before, names)]
        case "manual":
            sentences = [f"Staff assigned it to {_name(operator_id, names)}."]
        case "from_queue":
            sentences = ["It had waited until an operator was available."]
            sentences += _why_this_operator(assignment, operator_id, before, names)
        case "selected" | "sticky":
            sentences = _why_not_previous(before, names)
            sentences += _why_this_operator(assignment, operator_id, before, names)
        case _:
            assert_never(assignment.reason)
    return " ".join(sentences)


def _why_it_waits(assignment: AssignmentRow) -> str:
    if not assignment.candidates:
        return "It had to wait: its source has no operators."
    if any(candidate.passed_over is None for candidate in assignment.candidates):
        return "It had to wait behind older interactions, which are assigned first."
    return "It had to wait: no operator was available."


def _why_not_previous(before: int | None, names: Names) -> list[str]:
    if before is None:
        return []
    return [f"Staff requested an operator other than {_name(before, names)}."]


def _why_this_operator(
    assignment: AssignmentRow, operator_id: int, before: int | None, names: Names
) -> list[str]:
    winner = _name(operator_id, names)
    if assignment.strategy is None:
        return [f"{winner} was the lead's latest operator, and available."]
    weights = {
        candidate.operator_id: candidate.weight
        for candidate in assignment.candidates
        if candidate.passed_over is None and candidate.operator_id != before
    }
    if len(weights) == 1:
        sentence = f"{winner} was the only available operator."
    else:
        weight = f"{weights[operator_id]} of {sum(weights.values())}"
        how = _how(assignment.strategy)
        sentence = f"{winner} {how}, with weight {weight} among those available."
    return [sentence, *_passed_over(assignment, before, names)]


def _how(strategy: Strategy) -> str:
    match strategy:
        case "smooth":
            return "was next in turn"
        case "random":
            return "was drawn at random"
        case _:
            assert_never(strategy)


def _passed_over(assignment: AssignmentRow, before: int | None, names: Names) -> list[str]:
    """A sentence on the operators that could not be picked, if any."""
    reasons = [
        f"{_name(candidate.operator_id, names)}, {_why_passed_over(candidate)}"
        for candidate in assignment.candidates
        if candidate.passed_over is not None and candidate.operator_id != before
    ]
    return [f"Passed over: {'; '.join(reasons)}."] if reasons else []


def _why_passed_over(candidate: CandidateSnapshot) -> str:
    match candidate.passed_over:
        case "at_limit":
            return f"at the limit of {candidate.load_limit}"
        case "zero_weight":
            return "with weight 0"
        case "inactive":
            return "inactive"
        case None:
            return "available"
        case _:
            assert_never(candidate.passed_over)


def _name(operator_id: int, names: Names) -> str:
    return f"{names[operator_id]} (operator {operator_id})"
