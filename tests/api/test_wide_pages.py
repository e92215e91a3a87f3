"""A page also ends after a mebibyte of payloads, and its link goes on from there."""

from collections.abc import Sequence

import httpx
import pytest

from app.core.limits import MAX_PAGE_BYTES
from tests.support.api import Api
from tests.support.pages import walk
from tests.support.rows import Rows

LEAD = "11111111-1111-1111-1111-111111111111"
HALF = MAX_PAGE_BYTES // 2
LISTS = [
    "/interactions",
    "/interactions?operator_id=1",
    "/interactions?source_id=1&is_active=true",
    "/interactions?waiting=false&is_active=true",
    f"/leads/{LEAD}/interactions",
]


def fill(rows: Rows, sizes: Sequence[int | None], sign: str = "x") -> None:
    """Give the lead interactions with payloads of so many bytes; None is null."""
    rows.execute("DELETE FROM interactions")
    for id, size in enumerate(sizes, start=1):
        text = "null" if size is None else sign * ((size - 2) // len(sign.encode()))
        payload = "NULL" if size is None else f"""'"{text}"'"""
        rows.execute(
            "INSERT INTO interactions (id, lead_uuid, source_id, operator_id, is_active,"
            f" created_at, payload) VALUES ({id}, '{LEAD.replace('-', '')}', 1, 1, TRUE,"
            f" '2026-01-02 03:04:05.000006', {payload})"
        )


@pytest.mark.parametrize(
    ("sizes", "pages"),
    [
        ([HALF] * 5, [2, 2, 1]),
        ([HALF, HALF + 1, HALF], [1, 1, 1]),
        ([HALF - 2, HALF, 2, None, None, 3], [5, 1]),
        ([3 * MAX_PAGE_BYTES, 2, 3 * MAX_PAGE_BYTES], [1, 1, 1]),
        ([2, 3 * MAX_PAGE_BYTES], [1, 1]),
        ([3 * MAX_PAGE_BYTES], [1]),
        ([None] * 7, [7]),
        ([100] * 250, [100, 100, 50]),
    ],
    ids=["halves", "a byte too much", "nulls", "each too large", "one", "alone", "none", "small"],
)
async def test_page_ends_after_a_mebibyte(
    client: httpx.AsyncClient,
    rows: Rows,
    scene: None,
    sizes: Sequence[int | None],
    pages: Sequence[int],
) -> None:
    """A page has at least one interaction, and none is omitted or repeated."""
    fill(rows, sizes)

    for path in LISTS:
        found = await walk(client, path)

        assert pages == [len(page) for page in found]
        assert list(range(1, len(sizes) + 1)) == [each["id"] for page in found for each in page]


async def test_bytes_are_counted_not_characters(
    client: httpx.AsyncClient, rows: Rows, scene: None
) -> None:
    """A character may take four."""
    fill(rows, [HALF] * 3, sign="\U0001f600")

    assert [2, 1] == [len(page) for page in await walk(client, "/interactions")]


async def test_limit_holds_on_wide_pages(
    client: httpx.AsyncClient, rows: Rows, scene: None
) -> None:
    """A page ends at whichever bound it reaches first."""
    fill(rows, [100, 100, HALF, HALF + 1, 100, 100])

    assert [2, 1, 2, 1] == [len(page) for page in await walk(client, "/interactions?limit=2")]


async def test_next_page_keeps_the_filters(
    api: Api, client: httpx.AsyncClient, rows: Rows, scene: None
) -> None:
    """The link has the filters and the limit of the request."""
    fill(rows, [HALF] * 4)
    rows.execute("UPDATE interactions SET operator_id = 2 WHERE id = 2")

    response = await client.get("/interactions?operator_id=1&limit=50")

    assert [1, 3] == [each["id"] for each in response.json()]
    assert "/interactions?operator_id=1&limit=50&after=3" == response.links["next"]["url"]
