"""Whether the head of a request says one thing only, to every server that it may pass."""

import re
from collections.abc import Iterable
from functools import lru_cache

from app.api.errors import MalformedRequest, TransferCodingNotSupported

_HOST = re.compile(
    rb"(?:[A-Za-z0-9._~%!$&'()*+,;=-]*|\[[0-9A-Fa-f:.]+\]|\[[Vv][0-9A-Fa-f]+\.[!-Z^-~]+\])(?::[0-9]*)?"
)
"""RFC 3986's host, which may be empty, and a port."""


@lru_cache(16)
def _is_host(value: bytes) -> bool:
    return _HOST.fullmatch(value) is not None


def check_head(version: str, headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Refuse a head whose host or length is not certain (RFC 9112 sections 3.2 and 6.1).

    Args:
        version: as `1.1`.
        headers: their names in lower case.

    Raises:
        MalformedRequest: no HTTP/1.0 or 1.1, `Host` missing, doubled or no host at all, or a
            transfer coding under HTTP/1.0.
        TransferCodingNotSupported: another one than a single `chunked`.

    """
    host = coding = None
    for name, value in headers:
        if name == b"host":
            if host is not None:
                raise MalformedRequest
            host = value
        elif name == b"transfer-encoding":
            coding = value if coding is None else b"%b, %b" % (coding, value)
    if version != "1.1" and (version != "1.0" or coding is not None):
        raise MalformedRequest
    if host is None:
        if version == "1.1":
            raise MalformedRequest
    elif not _is_host(host):
        raise MalformedRequest
    # Behind a tab llhttp does not know `chunked`, and takes all that follows for the body.
    if coding is not None and coding.rstrip(b" ").lower() != b"chunked":
        raise TransferCodingNotSupported
