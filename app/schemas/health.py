"""Health as probes read it."""

from typing import Literal

from app.schemas.base import ResponseSchema


class ReadHealth(ResponseSchema):
    """All is well; anything else is a problem with status 503."""

    status: Literal["ok"] = "ok"
