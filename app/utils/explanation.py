"""Says in words why an interaction went where it went."""

from collections.abc import Iterable, Mapping

from app.core.distribution import Considered
from app.crud.assignment import AssignmentRow


def explain(assignment: AssignmentRow, names: Mapping[int, str]) -> str:
    """A sentence on who was picked and how, and one on whoever was passed over.

    Args:
        assignment: what to explain.
        names: the names of the operators in it, by id.

    """
    sentences = [_what_happened(assignment, names)]
    reasons = [
        f"{_name(one.operator_id, names)} ({_why_passed_over(one)})"
        for one in assignment.candidates
        if one.passed_over is not None and one.operator_id != assignment.operator_id
    ]
    if reasons:
        sentences.append(f"Passed over: {', '.join(reasons)}.")
    return " ".join(sentences)


def _what_happened(assignment: AssignmentRow, names: Mapping[int, str]) -> str:
    eligible = [one for one in assignment.candidates if one.passed_over is None]
    if assignment.operator_id is None:
        return _why_it_waits(assignment, eligible)
    winner = _name(assignment.operator_id, names)
    match assignment.reason:
        case "sticky":
            return f"{winner} had this lead before and was available."
        case "manual":
            return f"{winner} was assigned by hand."
        case "from_queue":
            return (
                f"It had waited until somebody was available. {_how(assignment, winner, eligible)}"
            )
        case _:
            return _how(assignment, winner, eligible)


def _why_it_waits(assignment: AssignmentRow, eligible: Iterable[Considered]) -> str:
    if any(eligible):
        return "It waits behind older ones, which go first."
    if assignment.candidates:
        return "It waits: nobody is available."
    return "It waits: no operator is set for its source."


def _how(assignment: AssignmentRow, winner: str, eligible: Iterable[Considered]) -> str:
    weights = {one.operator_id: one.weight for one in eligible}
    part = f"{weights.get(assignment.operator_id or 0, 0)} of {sum(weights.values())}"
    match assignment.strategy:
        case "smooth":
            return f"It was the turn of {winner}, due {part} by weight."
        case "random":
            return f"{winner} was drawn by lot, with a chance of {part} by weight."
        case None:
            return f"{winner} had this lead before and was available."


def _why_passed_over(candidate: Considered) -> str:
    match candidate.passed_over:
        case "at_limit":
            return f"at its limit, {candidate.load} of {candidate.load_limit} active"
        case "zero_weight":
            return "weight 0"
        case _:
            return "inactive"


def _name(operator_id: int, names: Mapping[int, str]) -> str:
    return f"{names[operator_id]} (operator {operator_id})"
