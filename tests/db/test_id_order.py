"""Lists skip no row: a row is shown only when no row with a lower id can still be committed."""

import asyncio
from contextlib import AsyncExitStack
from uuid import UUID

import pytest
from sqlalchemy import text

from app.crud import InteractionCRUD, OperatorCRUD, SourceCRUD
from app.db.database import Database
from app.db.page import Page
from app.db.session import WriteSession
from tests.support.kinds import only_postgres
from tests.support.rows import Rows

pytestmark = only_postgres

LEAD = UUID("01a2080d-de81-70b3-b658-420d51bd2172")
WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


@pytest.fixture(autouse=True)
def lead_and_source(rows: Rows) -> None:
    """A lead and a source, with id 1, for all interactions."""
    rows.executescript(
        f"INSERT INTO leads VALUES ('{LEAD}', 'lead@example.com', now());"
        "INSERT INTO sources (id, description) VALUES (1, 'bot')"
    )


async def write(session: WriteSession) -> int:
    """The id of a new interaction that is not yet committed."""
    return (await InteractionCRUD(session).create(LEAD, 1)).id


async def lists(database: Database, after: int = 0) -> list[list[int]]:
    """The ids after this one, as each list of interactions shows them."""
    async with database.reading() as session:
        interactions = InteractionCRUD(session)
        pages = [
            await interactions.list_page(limit=10, after=after),
            await interactions.list_page(limit=10, after=after, source_id=1, is_active=True),
            await interactions.list_page(limit=10, after=after, waiting=True),
            await interactions.list_by_lead(LEAD, limit=10, after=after),
        ]
    return [[row.id for row in page.items] for page in pages if page is not None]


async def until_a_transaction_waits(rows: Rows) -> None:
    """Wait until a transaction waits for an advisory lock."""
    async with asyncio.timeout(30):
        while rows.execute(WAITING) == [(0,)]:  # noqa: ASYNC110  # the database sends no event
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("known", [False, True])
async def test_row_is_not_shown_before_rows_with_lower_ids(database: Database, known: bool) -> None:
    """It is shown once all are committed, on a first page as on a page after a known id."""
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


async def test_row_is_shown_once_rows_with_lower_ids_are_rolled_back(database: Database) -> None:
    """An id of a transaction that was rolled back hides no other row."""
    async with AsyncExitStack() as stack:
        slow = await stack.enter_async_context(database.writing())
        await write(slow)
        async with database.writing() as quick:
            second = await write(quick)

        assert [[]] * 4 == await lists(database)
        await slow.rollback()
        assert [[second]] * 4 == await lists(database)


async def test_row_is_shown_though_higher_ids_are_not_committed(database: Database) -> None:
    """An uncommitted row with a higher id hides no other row."""
    async with database.writing() as session:
        first = await write(session)
    async with database.writing() as session:
        await write(session)

        assert [[first]] * 4 == await lists(database)


async def test_lead_is_found_while_its_interactions_are_hidden(database: Database) -> None:
    """The page is empty, and the lead is not reported as unknown."""
    async with database.writing() as slow:
        await write(slow)
        async with database.writing() as quick:
            await write(quick)
        async with database.reading() as session:
            page = await InteractionCRUD(session).list_by_lead(LEAD, limit=10)
    assert Page([], has_more=False) == page


async def test_ids_are_announced_before_they_are_drawn(database: Database, rows: Rows) -> None:
    """A transaction that waits to announce its ids has drawn none."""
    nothing_drawn = [(1, 0)]
    drawn = "SELECT last_value, is_called::int FROM interactions_id_seq"

    async def write_and_commit() -> None:
        async with database.writing() as session:
            await write(session)

    async with database.writing() as session:
        await session.execute(text(f"SELECT pg_advisory_xact_lock({7853 << 48})"))
        writing = asyncio.create_task(write_and_commit())
        await until_a_transaction_waits(rows)

        assert nothing_drawn == rows.execute(drawn)
    await writing
    assert nothing_drawn != rows.execute(drawn)


@pytest.mark.parametrize(
    ("crud", "values"), [(OperatorCRUD, {"name": "Maria"}), (SourceCRUD, {"description": "bot"})]
)
async def test_operators_and_sources_are_committed_in_the_order_of_ids(
    database: Database, rows: Rows, crud: type[OperatorCRUD | SourceCRUD], values: dict[str, str]
) -> None:
    """Of two concurrent transactions, the second draws its id after the first has committed."""

    async def create() -> int:
        async with database.writing() as session:
            return int((await crud(session).create(**values)).id)

    async with database.writing() as session:
        first = (await crud(session).create(**values)).id
        second = asyncio.create_task(create())
        await until_a_transaction_waits(rows)
    assert first < await second
    async with database.reading() as reading:
        page = await crud(reading).list_page(limit=10, after=first - 1)
    assert [first, await second] == [row.id for row in page]


async def test_foreign_locks_hide_nothing(database: Database, rows: Rows) -> None:
    """Advisory locks with keys that the service does not use hide no row."""
    async with database.writing() as session:
        interaction = await write(session)
    for key in ("0", "1", "-1", "0, 0", "7853, 0", f"{7852 << 48}", f"{7854 << 48}"):
        rows.execute(f"SELECT pg_advisory_lock({key})")

    assert [[interaction]] * 4 == await lists(database)
