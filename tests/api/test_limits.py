"""Load limits hold exactly, whatever requests run concurrently."""

import pytest

from tests.support.api import Api
from tests.support.limits import LIMIT, loads, meet_staff, play_rounds, waiting
from tests.support.load import new_client
from tests.support.server import LiveServer


@pytest.mark.parametrize(
    ("rounds", "sources"),
    [
        (2, 1),
        (2, 2),
        pytest.param(5, 2, marks=pytest.mark.heavy),
    ],
)
async def test_forty_concurrent_leads(server: LiveServer, rounds: int, sources: int) -> None:
    """Limits hold exactly over all sources, and the oldest waiting interaction goes first."""
    async with new_client(server.url) as client:
        await play_rounds([client], rounds, sources)


async def test_load_from_a_source_without_limits(api: Api) -> None:
    """Interactions of a source without limits count in the one that enforces them."""
    operator = await api.create_operator(load_limit=LIMIT)
    free = await api.create_source({operator: 1})
    strict = await api.create_source({operator: 1}, enforce_load_limit=True)

    taken = [await api.post(free) for _ in range(LIMIT + 1)]
    waits = await api.post(strict)

    assert {operator} == {interaction["operator_id"] for interaction in taken}
    assert waits["operator_id"] is None

    await api.close(taken[0]["id"])

    assert [waits["id"]] == waiting(await api.list_active())

    await api.close(taken[1]["id"])

    assert [] == waiting(await api.list_active())


async def test_limit_lowered_below_the_load(api: Api) -> None:
    """The operator keeps its interactions, and gets more once its load is below the limit."""
    operator = await api.create_operator(load_limit=LIMIT)
    source = await api.create_source({operator: 1}, enforce_load_limit=True)
    held = [await api.post(source) for _ in range(LIMIT)]
    queue = [(await api.post(source))["id"] for _ in range(3)]

    await api.update_operator(operator, load_limit=2)

    assert {operator: 5, None: 3} == loads(await api.list_active())

    for interaction in held[:3]:
        await api.close(interaction["id"])

    assert {operator: 2, None: 3} == loads(await api.list_active())

    await api.close(held[3]["id"])
    active = await api.list_active()

    assert {operator: 2, None: 2} == loads(active)
    assert queue[1:] == waiting(active)


async def test_limit_holds_while_staff_close_and_reassign(server: LiveServer) -> None:
    """With bots of two sources, staff and a reader at once, no operator exceeds its limit."""
    async with new_client(server.url) as client:
        await meet_staff([client])
