"""Names every member of uvicorn's classes that `app/server` overrides or uses.

uvicorn documents none of them. If an upgrade renames one, this test names it.
"""

import ast
import inspect
from collections.abc import Sequence
from types import ModuleType

import pytest
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.server import Server, ServerState
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from app.server import answering, serve, workers

pytest.importorskip("httptools")

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.server import deadlines, strict_protocol

Code = type | ModuleType

PROTOCOL = (strict_protocol.StrictProtocol, deadlines.DeadlineProtocol)
CONNECTION = (strict_protocol, deadlines, answering)


def _names(code: Code, variables: Sequence[str]) -> set[str]:
    """The functions that the code defines, and the attributes of these variables in it."""
    names = set()
    for node in ast.walk(ast.parse(inspect.getsource(code))):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names.add(name)
            case ast.Attribute(
                value=ast.Name(id=variable) | ast.Attribute(attr=variable), attr=name
            ) if variable in variables:
                names.add(name)
    return names


@pytest.mark.parametrize(
    ("theirs", "ours", "variables", "used"),
    [
        (
            HttpToolsProtocol,
            PROTOCOL,
            ["self"],
            (
                "_start_asgi_task connection_lost connection_made cycle data_received"
                " expect_100_continue flow headers loop on_body on_headers_complete"
                " on_message_begin on_message_complete on_response_complete parser pipeline"
                " resume_writing root_path scope server_state shutdown timeout_keep_alive"
                " transport url"
            ),
        ),
        (
            RequestResponseCycle,
            CONNECTION,
            ["cycle", "latest", "answering"],
            (
                "disconnected keep_alive message_event more_body response_complete response_started"
                " send transport waiting_for_100_continue"
            ),
        ),
        (
            FlowControl,
            CONNECTION,
            ["flow"],
            "drain pause_reading read_paused resume_reading resume_writing write_paused",
        ),
        (ServerState, PROTOCOL, ["server_state"], "default_headers total_requests"),
        (
            Server,
            (serve.Server, serve),
            ["self", "server"],
            (
                "capture_signals config lifespan serve server_state servers should_exit shutdown"
                " startup"
            ),
        ),
        (Config, (serve,), ["config"], "http_protocol_class"),
        (
            Multiprocess,
            (workers,),
            ["self"],
            (
                "config init_processes keep_subprocess_alive processes processes_num sockets"
                " terminate_all"
            ),
        ),
        (
            Process,
            (workers,),
            ["self", "process"],
            "_server config exitcode pid process server start target",
        ),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_members_of_uvicorn(
    theirs: type, ours: Sequence[Code], variables: Sequence[str], used: str
) -> None:
    """The list is complete, and uvicorn still has all of it."""
    in_uvicorn = _names(theirs, ["self"]) | inspect.get_annotations(theirs).keys()
    in_app = set().union(*(_names(code, variables) for code in ours))

    assert sorted((in_app & in_uvicorn) - {"__init__"}) == used.split()
