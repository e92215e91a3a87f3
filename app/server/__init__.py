"""The HTTP server: all that depends on uvicorn."""
