"""The response to health probes."""

from typing import Literal

from pydantic import ConfigDict

from app.schemas.base import ResponseSchema


class ReadHealth(ResponseSchema):
    """The service is healthy; if not, the response is a problem with status 503."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "ok"}]})

    status: Literal["ok"] = "ok"
