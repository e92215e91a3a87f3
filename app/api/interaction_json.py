"""Interactions as responses: `ReadInteraction`, with the payload's stored text unchanged.

FastAPI would parse, validate and serialize each payload again, which took most of a page's time and
would change numbers.
"""

import logging
from collections.abc import Mapping
from datetime import datetime

from fastapi import Request, Response

from app.api.pagination import next_page
from app.crud.interaction import InteractionRow
from app.db.page import Page
from app.db.sound_json import DAMAGED

_JSON = "application/json"

_log = logging.getLogger(__name__)


def interaction_response(
    interaction: InteractionRow, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """One interaction."""
    return Response(_text(interaction), status, headers, media_type=_JSON)


def interactions_response(page: Page[InteractionRow], request: Request) -> Response:
    """A page of interactions, with a link to the next page if there is one."""
    headers = next_page(request, page.items[-1].id) if page.has_more else None
    text = f"[{','.join(map(_text, page.items))}]"
    return Response(text, headers=headers, media_type=_JSON)


def _text(row: InteractionRow) -> str:
    operator_id = "null" if row.operator_id is None else row.operator_id
    is_active = "true" if row.is_active else "false"
    payload = "null" if row.payload is None else row.payload
    if payload == DAMAGED:
        _log.error("interaction %s: the payload is not valid JSON and is returned as null", row.id)
        payload = "null"
    closed_at = "null" if row.closed_at is None else _time(row.closed_at)
    return (
        f'{{"id":{row.id},"lead_uuid":"{row.lead_uuid}","source_id":{row.source_id},'
        f'"operator_id":{operator_id},"is_active":{is_active},"payload":{payload},'
        f'"created_at":{_time(row.created_at)},"closed_at":{closed_at}}}'
    )


def _time(moment: datetime) -> str:
    """A UTC time in RFC 3339, in pydantic's format."""
    return f'"{moment.isoformat().removesuffix("+00:00")}Z"'
