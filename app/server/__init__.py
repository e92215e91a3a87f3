"""The HTTP server; the only package that depends on uvicorn's internals."""
