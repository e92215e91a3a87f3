"""Rejects request heads that two servers could interpret differently."""

import re
from collections.abc import Iterable
from functools import lru_cache

from app.api.errors import MalformedRequest, TransferCodingNotSupported

_HOST = re.compile(
    rb"(?:[A-Za-z0-9._~%!$&'()*+,;=-]*|\[[0-9A-Fa-f:.]+\]|\[[Vv][0-9A-Fa-f]+\.[!-Z^-~]+\])(?::[0-9]*)?"
)
"""A host as in RFC 3986, which may be empty, and an optional port."""


@lru_cache(16)
def _is_host(value: bytes) -> bool:
    return _HOST.fullmatch(value) is not None


def check_head(version: str, headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Reject a head with an ambiguous host or length (RFC 9112 sections 3.2 and 6.1).

    Args:
        version: such as `1.1`.
        headers: with names in lower case.

    Raises:
        MalformedRequest: the version is not 1.0 or 1.1, `Host` is missing, repeated or invalid, or
            an HTTP/1.0 request has a transfer coding.
        TransferCodingNotSupported: the transfer coding is not a single `chunked`.

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
    # After a tab llhttp does not recognize `chunked` and reads all that follows as the body.
    if coding is not None and coding.rstrip(b" ").lower() != b"chunked":
        raise TransferCodingNotSupported
