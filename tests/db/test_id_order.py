"""Lists skip nothing: no row is shown while one with a lower id may yet be committed."""

import asyncio
from contextlib import AsyncExitStack
from uuid import UUID

import pytest
from sqlalchemy import text

from app.crud import InteractionCRUD, OperatorCRUD, SourceCRUD
from app.db.database import Database, WriteSession
from app.db.page import Page
from tests.support.kinds import only_postgres
from tests.support.rows import Rows

pytestmark = only_postgres

LEAD = UUID("01a2080d-de81-70b3-b658-420d51bd2172")
WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


@pytest.fixture(autouse=True)
def lead_and_source(rows: Rows) -> None:
    """A lead and a source, number 1, to which all interactions belong."""
    rows.executescript(
        f"INSERT INTO leads VALUES ('{LEAD}', 'lead@example.com', now());"
        "INSERT INTO sources (id, description) VALUES (1, 'bot')"
    )


async def write(session: WriteSession) -> int:
    """The id of a new interaction, not committed."""
    return (await InteractionCRUD(session).create(LEAD, 1)).id


async def lists(database: Database, after: int = 0) -> list[list[int]]:
    """The ids that each list of interactions shows after this one."""
    async with database.reading() as session:
        interactions = InteractionCRUD(session)
        pages = [
            await interactions.list_page(limit=10, after=after),
            await interactions.list_page(limit=10, after=after, source_id=1, is_active=True),
            await interactions.list_page(limit=10, after=after, waiting=True),
            await interactions.list_by_lead(LEAD, limit=10, after=after),
        ]
    return [[row.id for row in page.items] for page in pages if page is not None]


async def a_transaction_waits(rows: Rows) -> None:
    """Wait until a transaction waits for an advisory lock."""
    async with asyncio.timeout(30):
        while rows.execute(WAITING) == [(0,)]:  # noqa: ASYNC110  # the database sends no event
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("known", [False, True])
async def test_row_is_not_shown_before_those_with_lower_ids(
    database: Database, known: bool
) -> None:
    """It is shown together with them once all are committed, also after a page that is known."""
    async with database.writing() as session:
        first = await write(session)
    if known:
        assert [[first]] * 4 == await lists(database)
    async with database.writing() as slow:
        second = await write(slow)
        async with database.writing() as quick:
            third = await write(quick)

        assert [[first]] * 4 == await lists(database)
        assert [[]] * 4 == await lists(database, after=first)
    assert [[first, second, third]] * 4 == await lists(database)
    assert [[second, third]] * 4 == await lists(database, after=first)


async def test_row_is_shown_once_those_with_lower_ids_are_rolled_back(database: Database) -> None:
    """An id that comes to nothing keeps back no other."""
    async with AsyncExitStack() as stack:
        slow = await stack.enter_async_context(database.writing())
        await write(slow)
        async with database.writing() as quick:
            second = await write(quick)

        assert [[]] * 4 == await lists(database)
        await slow.rollback()
        assert [[second]] * 4 == await lists(database)


async def test_row_is_shown_though_higher_ids_are_not_committed(database: Database) -> None:
    """What comes after it keeps back nothing."""
    async with database.writing() as session:
        first = await write(session)
    async with database.writing() as session:
        await write(session)

        assert [[first]] * 4 == await lists(database)


async def test_lead_is_found_while_its_interactions_are_kept_back(database: Database) -> None:
    """An empty page is no unknown lead."""
    async with database.writing() as slow:
        await write(slow)
        async with database.writing() as quick:
            await write(quick)
        async with database.reading() as session:
            page = await InteractionCRUD(session).list_by_lead(LEAD, limit=10)
    assert Page([], has_more=False) == page


async def test_ids_are_announced_before_they_are_drawn(database: Database, rows: Rows) -> None:
    """A transaction that cannot announce its ids has drawn none."""
    nothing_drawn = [(1, 0)]
    drawn = "SELECT last_value, is_called::int FROM interactions_id_seq"

    async def write_and_commit() -> None:
        async with database.writing() as session:
            await write(session)

    async with database.writing() as session:
        await session.execute(text(f"SELECT pg_advisory_xact_lock({7853 << 48})"))
        writing = asyncio.create_task(write_and_commit())
        await a_transaction_waits(rows)

        assert nothing_drawn == rows.execute(drawn)
    await writing
    assert nothing_drawn != rows.execute(drawn)


@pytest.mark.parametrize(
    ("crud", "values"), [(OperatorCRUD, {"name": "Maria"}), (SourceCRUD, {"description": "bot"})]
)
async def test_operators_and_sources_are_committed_in_the_order_of_ids(
    database: Database, rows: Rows, crud: type[OperatorCRUD | SourceCRUD], values: dict[str, str]
) -> None:
    """Of two that create one at the same time, the second draws its id after the first's commit."""

    async def create() -> int:
        async with database.writing() as session:
            return int((await crud(session).create(**values)).id)

    async with database.writing() as session:
        first = (await crud(session).create(**values)).id
        second = asyncio.create_task(create())
        await a_transaction_waits(rows)
    assert first < await second
    async with database.reading() as reading:
        page = await crud(reading).list_page(limit=10, after=first - 1)
    assert [first, await second] == [row.id for row in page]


async def test_foreign_locks_keep_nothing_back(database: Database, rows: Rows) -> None:
    """Only locks of this service's own kind say what is to come."""
    async with database.writing() as session:
        only = await write(session)
    for key in ("0", "1", "-1", "0, 0", "7853, 0", f"{7852 << 48}", f"{7854 << 48}"):
        rows.execute(f"SELECT pg_advisory_lock({key})")

    assert [[only]] * 4 == await lists(database)
