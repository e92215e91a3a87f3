"""Credits: what operators are owed of a source's inquiries, in whole parts of one inquiry."""

from collections.abc import Mapping
from math import lcm

INQUIRY = lcm(*range(1, 32))
"""A credit of one inquiry: a number that the sums of ordinary weights divide without remainder."""


def apportion(amount: int, weights: Mapping[int, int]) -> dict[int, int]:
    """Divide an amount in proportion to the weights, so that the parts sum to it exactly.

    By the largest remainder (Hamilton's method): each part is rounded down, and what is left goes,
    one each, to those that lost most by it; of equals to those with the lower ids.

    Args:
        amount: what is divided; it may be negative.
        weights: none of them negative, their sum positive, by id.

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
    """The credits under new weights; they sum to what they summed to before.

    Those who stay keep theirs, and share by their new weights what the others leave behind, be it
    owed to them or by them. If none of those who stay has a weight, they share it equally. New
    operators begin with 0; if none of the old ones stays, all do.

    Args:
        credits: of the operators so far, by id; they sum to 0.
        weights: the new ones, by id.

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
    """A credit as people read it: in inquiries, to six decimals."""
    return round(credit / INQUIRY, 6) + 0.0  # never -0.0
