"""HTTP/1.1 on a connection: requests that mean one thing only, answered one after the other."""

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

_MOST_WAITING = 100
"""Requests that may wait for the one before them on their connection."""


class StrictProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with another reading of requests.

    Every head must pass `check_head`. `Upgrade` is ignored, as a server may (RFC 9110 section 7.8).
    The next request begins when the answer before it is taken; while some wait, nothing is read.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.parser = self._new_parser()
        self.answering: RequestResponseCycle | None = None
        """The latest request that is being answered, or was."""
        self.is_cut_off = False
        """Whether the connection ended before its client had the whole answer."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self.flow = _Flow(transport, self.pipeline)

    def connection_lost(self, exc: Exception | None) -> None:
        latest = self.answering
        self.is_cut_off |= exc is not None or (latest is not None and not latest.response_complete)
        # What has not begun need not, and would keep the connection in memory.
        self.pipeline.clear()
        self.cycle = latest  # type: ignore[assignment]  # uvicorn has None, too
        super().connection_lost(exc)

    def abort(self) -> None:
        """Close the connection at once; what was not taken yet is lost."""
        self.is_cut_off = True
        self.transport.abort()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.pipeline and (self.answering is None or self.answering.response_complete):
            self._start_asgi_task(*self.pipeline.pop())

    def feed(self, data: bytes) -> None:
        """Take in bytes that have come.

        Raises:
            ServiceError: they cannot be served, nor can what comes behind them.

        """
        try:
            self._parse(data)
        except httptools.HttpParserError as error:
            # What a callback raises is the context of the parser's own error.
            # (Kept in no variable: with its traceback it would hold the connection in memory.)
            if isinstance(error.__context__, ServiceError):
                raise error.__context__ from None
            raise MalformedRequest from None

    @abstractmethod
    def on_request_complete(self) -> None:
        """The latest request is there as a whole."""

    @abstractmethod
    def on_all_answered(self) -> None:
        """Every request that is there as a whole is answered."""

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        version = self.parser.get_http_version()
        check_head(version, self.headers)
        if len(self.pipeline) >= _MOST_WAITING:
            raise Busy
        if version == "1.0":  # Its clients know no 100 (RFC 9110 section 10.1.1).
            self.expect_100_continue = False
        if self.root_path:
            self.url = _under(self.root_path.encode(), self.url)
        super().on_headers_complete()
        # What comes now are trailers: no proxy has looked at them as it does at headers.
        self.headers = []

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        super().on_message_complete()
        self.cycle.more_body = False  # uvicorn leaves it if the answer was complete before.
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
        if self.flow.write_paused:  # The answer before it has not been taken yet.
            self.flow.pause_reading()
            self.pipeline.append((cycle, app))
            return
        self.answering = cycle
        super()._start_asgi_task(cycle, Answering(app, cycle, self))  # type: ignore[arg-type]  # uvicorn names ASGI's types in its own way

    def _new_parser(self) -> httptools.HttpRequestParser:
        parser = httptools.HttpRequestParser(self)
        parser.set_dangerous_leniencies(
            # The first of several requests is answered though it asks to close the connection.
            lenient_data_after_close=True,
            # `check_head` is stricter, with one error for all codings but `chunked`.
            lenient_transfer_encoding=True,
        )
        return parser

    def _parse(self, data: bytes) -> None:
        """Feed the parser.

        It takes everything behind a head with `Upgrade` for the other protocol, so another one is
        fed that head without it, and then what came behind it.
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
    """Reading that does not go on while requests wait."""

    def __init__(self, transport: asyncio.Transport, waiting: deque[Any]) -> None:
        super().__init__(transport)
        self._waiting = waiting

    def resume_reading(self) -> None:
        if not self._waiting:
            super().resume_reading()


def _under(root: bytes, url: bytes) -> bytes:
    """The address below the root path, which a proxy in front may have left on it."""
    rest = url.removeprefix(root)
    if len(rest) == len(url) or rest[:1] not in (b"/", b"?", b""):
        return url
    return rest if rest.startswith(b"/") else b"/" + rest
