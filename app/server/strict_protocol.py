"""HTTP/1.1 connections: strict parsing, and requests answered one at a time."""

import asyncio
from abc import abstractmethod
from collections import deque
from typing import Any

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.api.errors import MalformedRequest
from app.core.errors import Busy, ServiceError
from app.server.answering import Answering
from app.server.request_head import check_head

_MAX_PIPELINED = 100
"""Maximum number of requests per connection that wait for the response to an earlier one."""


class StrictProtocol(HttpToolsProtocol):
    """uvicorn's protocol with stricter parsing.

    Every head must pass `check_head`. `Upgrade` is ignored, as RFC 9110 section 7.8 allows. The
    application starts a pipelined request when the client has read the previous response. While a
    request waits for that, the server reads nothing from the connection.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.parser = self._new_parser()
        self.answering: RequestResponseCycle | None = None
        """The latest request that the application started to answer."""
        self.is_cut_off = False
        """Whether the connection ended before the client had the complete response."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self.flow = _Flow(transport, self.pipeline)

    def connection_lost(self, exc: Exception | None) -> None:
        latest = self.answering
        self.is_cut_off |= exc is not None or (latest is not None and not latest.response_complete)
        # Requests not yet started are dropped: they would keep the connection in memory.
        self.pipeline.clear()
        self.cycle = latest  # type: ignore[assignment]  # uvicorn assigns None, too
        super().connection_lost(exc)

    def abort(self) -> None:
        """Close the connection immediately; unsent data is lost."""
        self.is_cut_off = True
        self.transport.abort()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.pipeline and (self.answering is None or self.answering.response_complete):
            self._start_asgi_task(*self.pipeline.pop())

    def feed(self, data: bytes) -> None:
        """Parse received bytes.

        Raises:
            ServiceError: neither these bytes nor any that follow can be served.

        """
        try:
            self._parse(data)
        except httptools.HttpParserError as error:
            # A callback's exception is the context of the parser's error. It is not assigned to a
            # variable: its traceback would keep the connection in memory.
            if isinstance(error.__context__, ServiceError):
                raise error.__context__ from None
            raise MalformedRequest from None

    @abstractmethod
    def on_request_complete(self) -> None:
        """Called when a request has been received completely."""

    @abstractmethod
    def on_all_answered(self) -> None:
        """Called when all completely received requests have been answered."""

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        version = self.parser.get_http_version()
        check_head(version, self.headers)
        if len(self.pipeline) >= _MAX_PIPELINED:
            raise Busy
        if version == "1.0":  # HTTP/1.0 clients do not expect 100 (RFC 9110 section 10.1.1).
            self.expect_100_continue = False
        if self.root_path:
            self.url = _without_root_path(self.root_path.encode(), self.url)
        super().on_headers_complete()
        # Drop trailers, which follow: proxies do not check them as they check headers.
        self.headers = []

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        super().on_message_complete()
        self.cycle.more_body = False  # uvicorn does not reset it after an early response.
        self.on_request_complete()

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self.on_all_answered()
        if self.flow.read_paused:
            self.flow.resume_reading()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        if self.flow.write_paused:  # The client has not read the previous response yet.
            self.flow.pause_reading()
            self.pipeline.append((cycle, app))
            return
        self.answering = cycle
        super()._start_asgi_task(cycle, Answering(app, cycle, self))  # type: ignore[arg-type]  # uvicorn has its own names for ASGI's types

    def _new_parser(self) -> httptools.HttpRequestParser:
        parser = httptools.HttpRequestParser(self)
        parser.set_dangerous_leniencies(
            # Answer a request with `Connection: close` even if more data follows it.
            lenient_data_after_close=True,
            # `check_head` is stricter, with one error for all codings except `chunked`.
            lenient_transfer_encoding=True,
        )
        return parser

    def _parse(self, data: bytes) -> None:
        """Feed the parser.

        The parser stops after a head with `Upgrade`, so a new parser is fed that head without the
        header, followed by the rest of the data.
        """
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                [end_of_head] = upgrade.args
            else:
                return
            if self.parser.get_method() == b"CONNECT":
                raise MalformedRequest
            data = self._head_without_upgrade() + data[end_of_head:]
            self.parser = self._new_parser()

    def _head_without_upgrade(self) -> bytes:
        version = self.parser.get_http_version().encode()
        lines = [
            b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version),
            *(b"%b: %b" % header for header in self.headers if header[0] != b"upgrade"),
        ]
        return b"\r\n".join([*lines, b"", b""])


class _Flow(FlowControl):
    """Flow control that resumes reading only when no request waits."""

    def __init__(self, transport: asyncio.Transport, pipeline: deque[Any]) -> None:
        super().__init__(transport)
        self._pipeline = pipeline

    def resume_reading(self) -> None:
        if not self._pipeline:
            super().resume_reading()


def _without_root_path(root: bytes, url: bytes) -> bytes:
    """The URL without the root path, which a proxy may not have removed."""
    rest = url.removeprefix(root)
    if len(rest) == len(url) or rest[:1] not in (b"/", b"?", b""):
        return url
    return rest if rest.startswith(b"/") else b"/" + rest
