"""The application, built once for all tests with the same settings."""

from functools import cache

from fastapi import FastAPI

from app.api.fast_path import FastPath
from app.core.config import Settings
from app.main import create_app


def application(settings: Settings, *, fast_path: bool = True) -> FastAPI:
    """The application with these settings, not started.

    FastAPI builds its routes at the first request, which takes longer than most tests.
    """
    default = Settings.model_fields["database_url"].default
    app = _built(settings.model_copy(update={"database_url": default}), fast_path)
    app.state.settings = settings
    return app


@cache
def _built(settings: Settings, fast_path: bool) -> FastAPI:
    app = create_app(settings)
    if not fast_path:
        app.user_middleware = [
            each
            for each in app.user_middleware
            if each.cls is not FastPath  # type: ignore[comparison-overlap]  # it is a class
        ]
    return app
