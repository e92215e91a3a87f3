"""The strategy `smooth` in several processes: even after every commit."""

from collections import Counter
from fractions import Fraction

import httpx
import pytest

from tests.support.api import Api
from tests.support.evenness import PICKS, WEIGHTS, post_at_once, worst_deviation
from tests.support.rows import Rows

pytestmark = pytest.mark.heavy


@pytest.mark.parametrize("count", [2, 50])
async def test_even_after_every_commit(
    clients: list[httpx.AsyncClient], rows: Rows, count: int
) -> None:
    """No operator is ever further than 1 - 1/(2n-2) picks from its share; each cycle is exact.

    The ids of a source are in commit order: they are drawn under its lock, which is held until the
    commit.
    """
    apis = [Api(client) for client in clients]
    weights = {await apis[0].create_operator(): weight for weight in WEIGHTS[count]}
    source = await apis[0].create_source(weights)
    answered = await post_at_once(apis, source, PICKS)
    stored = rows.execute(
        "SELECT id, operator_id FROM interactions ORDER BY pg_xact_commit_timestamp(xmin), id"
    )

    picks = [operator_id for _, operator_id in stored]
    cycle = sum(weights.values())
    assert sorted(stored) == stored
    assert answered == picks
    assert 1 - Fraction(1, 2 * count - 2) >= worst_deviation(picks, weights)
    for start in range(0, PICKS, cycle):
        assert weights == Counter(picks[start : start + cycle])
