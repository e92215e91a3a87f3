"""Sends inquiries from parallel bots, and measures how even their distribution is."""

from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction

from tests.support.api import Api
from tests.support.load import at_once

BOTS = 20
WEIGHTS = {
    2: [3, 97],
    3: [7, 32, 61],
    50: [*(1 + number % 7 for number in range(49)), 304],
}
"""By the number of operators; each sum divides `PICKS`."""
PICKS = 500


async def post_at_once(apis: Sequence[Api], source: int, count: int) -> list[int]:
    """The assigned operators of `count` inquiries from parallel bots, by interaction id."""

    async def bot(name: int) -> list[tuple[int, int]]:
        api = apis[name % len(apis)]
        posted = [
            await api.post(source, f"bot{name}.{turn}@example.com") for turn in range(count // BOTS)
        ]
        return [(interaction["id"], interaction["operator_id"]) for interaction in posted]

    picks_of_bots = await at_once(bot(name) for name in range(BOTS))
    return [operator for _, operator in sorted(pick for picks in picks_of_bots for pick in picks)]


def worst_deviation(picks: Sequence[int], weights: Mapping[int, int]) -> Fraction:
    """The largest distance of any operator from its exact share after any pick, in picks."""
    total = sum(weights.values())
    got: Counter[int] = Counter()
    worst = 0  # In parts of a pick: Fraction would take most of a test's time.
    for turn, operator in enumerate(picks, start=1):
        got[operator] += 1
        worst = max(worst, *(abs(total * got[id] - turn * weights[id]) for id in weights))
    return Fraction(worst, total)
