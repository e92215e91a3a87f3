"""Says in words why an interaction went where it went."""

from collections.abc import Mapping

from app.core.distribution import Considered
from app.crud.assignment import AssignmentRow


def explain(assignment: AssignmentRow, before: int | None, names: Mapping[int, str]) -> str:
    """A move in a sentence or three: the operator that got it, how, and which could not.

    Args:
        assignment: the move.
        before: the operator that had the interaction until then, if one had.
        names: the names of the operators in the move and of the one before, by id.

    """
    if assignment.operator_id is None:
        return " ".join([_why_it_waits(assignment), *_passed_over(assignment, before, names)])
    winner = _name(assignment.operator_id, names)
    if assignment.reason == "manual":
        return f"It was given to {winner} by hand."
    sentences = []
    if assignment.reason == "from_queue":
        sentences.append("It had waited until an operator was available.")
    elif before is not None:
        sentences.append(f"It was to go to an operator other than {_name(before, names)}.")
    if assignment.strategy is None:
        sentences.append(f"{winner} was the lead's latest operator, and available.")
    else:
        sentences.append(_how(assignment, winner, before))
        sentences += _passed_over(assignment, before, names)
    return " ".join(sentences)


def _why_it_waits(assignment: AssignmentRow) -> str:
    if not assignment.candidates:
        return "It had to wait: its source has no operators."
    if any(one.passed_over is None for one in assignment.candidates):
        return "It had to wait behind older ones, which go first."
    return "It had to wait: no operator was available."


def _how(assignment: AssignmentRow, winner: str, before: int | None) -> str:
    weights = {
        one.operator_id: one.weight
        for one in assignment.candidates
        if one.passed_over is None and one.operator_id != before
    }
    if len(weights) == 1:
        return f"{winner} was the only one available."
    how = "was next in turn" if assignment.strategy == "smooth" else "was drawn by lot"
    part = f"{weights[assignment.operator_id or 0]} of {sum(weights.values())}"
    return f"{winner} {how}, with weight {part} among those available."


def _passed_over(
    assignment: AssignmentRow, before: int | None, names: Mapping[int, str]
) -> list[str]:
    """A sentence on whoever could not be picked, if there is anyone."""
    reasons = [
        f"{_name(one.operator_id, names)}, {_why_passed_over(one)}"
        for one in assignment.candidates
        if one.passed_over is not None and one.operator_id != before
    ]
    return [f"Passed over: {'; '.join(reasons)}."] if reasons else []


def _why_passed_over(candidate: Considered) -> str:
    match candidate.passed_over:
        case "at_limit":
            return f"at the limit of {candidate.load_limit}"
        case "zero_weight":
            return "with weight 0"
        case _:
            return "inactive"


def _name(operator_id: int, names: Mapping[int, str]) -> str:
    return f"{names[operator_id]} (operator {operator_id})"
