"""Swagger UI, as a user sees it in a browser."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
import pytest

from tests.support.api import Api
from tests.support.server import LiveServer

if TYPE_CHECKING:
    from playwright.async_api import ConsoleMessage, Error, Page, Route

playwright = pytest.importorskip(
    "playwright.async_api", reason="playwright is in tests/requirements.txt"
)

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

pytestmark = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium or Chrome here")


@dataclass
class Visit:
    """A page of the server, and what it did wrong."""

    page: "Page"
    server: LiveServer
    blocked: list[str] = field(default_factory=list)
    """Addresses on other hosts that the page requested."""
    errors: list[str] = field(default_factory=list)
    """Warnings and errors in the console, and uncaught exceptions."""

    async def filter_request(self, route: "Route") -> None:
        """Allow requests to the server, and block all others."""
        address = urlsplit(route.request.url)
        if address.netloc == f"{self.server.host}:{self.server.port}":
            await route.continue_()
        else:
            self.blocked.append(route.request.url)
            await route.abort()

    def record_message(self, message: "ConsoleMessage") -> None:
        """Record a warning or an error of the console."""
        if message.type in ("warning", "error"):
            self.errors.append(message.text)

    def record_error(self, error: "Error") -> None:
        """Record an uncaught exception."""
        self.errors.append(error.message)


@pytest.fixture
async def visit(server: LiveServer) -> AsyncIterator[Visit]:
    """An empty page in a browser that reaches only the server."""
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=BROWSER, args=ARGUMENTS)
        visit = Visit(await browser.new_page(), server)
        await visit.page.route("**/*", visit.filter_request)
        visit.page.on("console", visit.record_message)
        visit.page.on("pageerror", visit.record_error)
        yield visit
        await browser.close()


@pytest.mark.heavy
async def test_example_inquiry_is_sent_from_the_page(visit: Visit, server: LiveServer) -> None:
    """The page's own example, sent unchanged, is answered with 201 and the operator."""
    async with httpx.AsyncClient(base_url=server.url) as client:
        api = Api(client)
        operator = await api.create_operator()
        assert 1 == await api.create_source({operator: 1})
    page = visit.page
    await page.goto(f"{server.url}/docs")
    call = page.locator("#operations-interactions-create_interaction")

    await call.locator(".opblock-summary-control").click()
    await call.get_by_role("button", name="Try it out").click()
    await call.get_by_role("button", name="Execute").click()
    answer = call.locator(".live-responses-table")
    await answer.wait_for()

    assert "201" == await answer.locator("tbody .response-col_status").inner_text()
    assert f'"operator_id": {operator},' in await answer.locator("tbody pre").first.inner_text()
    assert [] == visit.blocked
    assert [] == visit.errors
