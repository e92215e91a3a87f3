"""Credits: how many inquiries a source owes each of its operators, as integers."""

from collections.abc import Mapping
from math import lcm

INQUIRY = lcm(*range(1, 32))
"""The credit of one inquiry. Every sum of weights up to 31 divides it without remainder."""


def apportion(amount: int, weights: Mapping[int, int]) -> dict[int, int]:
    """Divide an amount in proportion to the weights, so that the parts sum to it exactly.

    By the largest remainder (Hamilton's method): each part is rounded down, and the rest is added,
    one each, to the parts with the largest remainders; ties by lower id.

    Args:
        amount: the amount to divide; it may be negative.
        weights: non-negative weights with a positive sum, by id.

    """
    total = sum(weights.values())
    unit, rest = divmod(amount, total)
    parts = {id: unit * weight for id, weight in weights.items()}
    if rest:
        left, remainders = rest, []
        for id, weight in weights.items():
            part, remainder = divmod(rest * weight, total)
            parts[id] += part
            left -= part
            remainders.append((-remainder, id))
        for _, id in sorted(remainders)[:left]:
            parts[id] += 1
    return parts


def carry_over(credits: Mapping[int, int], weights: Mapping[int, int]) -> dict[int, int]:
    """The credits under new weights; their sum does not change.

    Operators that stay keep their credits, and share by their new weights the credits of removed
    operators, positive or negative. If all that stay have weight 0, they share equally. New
    operators start with 0; if no operator stays, all operators start with 0.

    Args:
        credits: credits of the present operators, by id; they sum to 0.
        weights: new weights, by id.

    """
    staying = {id: weight for id, weight in weights.items() if id in credits}
    carried = {id: credits.get(id, 0) for id in weights}
    left_behind = sum(credit for id, credit in credits.items() if id not in weights)
    if staying and left_behind:
        if not any(staying.values()):
            staying = dict.fromkeys(staying, 1)
        for id, part in apportion(left_behind, staying).items():
            carried[id] += part
    return carried


def inquiries(credit: int) -> float:
    """A credit as the API shows it: in inquiries, to six decimals."""
    return round(credit / INQUIRY, 6) + 0.0  # never -0.0
