"""Reads the system calls of a run from the output of strace, in the order of their effects.

A write and a send take effect when they begin, a sync when it has returned: with concurrent
threads, that is the order with the weakest guarantees. Only one thread at a time writes a SQLite
file, so no write of a file runs during a sync of it.
"""

import os
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple


class Write(NamedTuple):
    """Bytes written to a file."""

    file: Path
    offset: int
    data: bytes


class Truncate(NamedTuple):
    """A file truncated, or extended with zeros, to a size in bytes."""

    file: Path
    size: int


class Sync(NamedTuple):
    """An fsync or fdatasync of a file or folder."""

    file: Path


class Create(NamedTuple):
    """A file opened, and created if it does not exist."""

    file: Path


class Unlink(NamedTuple):
    """A file's name removed."""

    file: Path


class Send(NamedTuple):
    """Bytes sent to a client."""

    socket: str
    data: bytes


Call = Write | Truncate | Sync | Create | Unlink | Send

TRACED = (
    *("?open", "openat", "?creat", "?rename", "?renameat", "renameat2", "?unlink", "unlinkat"),
    *("write", "writev", "pwrite64", "pwritev", "pwritev2", "ftruncate", "fsync", "fdatasync"),
    *("sendto", "sendmsg"),
)
STRACE = (
    *("strace", "-f", "--seccomp-bpf", "-qq", "-y", "-xx", "-s", "1000000"),
    *("-e", "signal=none", "-e", f"trace={','.join(TRACED)}"),
)
"""The command for traces that `read_calls` can read, without `-o` and the traced command."""

UNFINISHED = " <unfinished ...>"
STRING = r'"((?:\\x[0-9a-f]{2})*)"'
FILE = r"\d+<([^>]*)>"
FOLDER = r"(?:AT_FDCWD|\d+)<[^>]*>"
FAILED = re.compile(r"= -1 E[A-Z]+ \(.*\)$")
QUOTED = re.compile(STRING)
NAMED = re.compile(rf"<([^>]*)>|{STRING}")
SEND = re.compile(rf"(?:write|writev|sendto|sendmsg)\({FILE}")
WRITE = re.compile(rf"pwrite64\({FILE}, {STRING}, \d+, (\d+)")
TRUNCATE = re.compile(rf"ftruncate\({FILE}, (\d+)")
SYNC = re.compile(rf"(?:fsync|fdatasync)\({FILE}")
OPEN = re.compile(rf"openat\({FOLDER}, {STRING}, (\S+)")
UNLINK = re.compile(rf"(?:unlink\(|unlinkat\({FOLDER}, ){STRING}")
SOCKET = "socket:"


def read_calls(lines: Iterable[str], files: Collection[Path]) -> Iterator[Call]:
    """The calls on these files and folders, and the bytes sent through sockets.

    Raises:
        ValueError: a call on one of the files is not supported.

    """
    for text in _whole_calls(lines):
        if FAILED.search(text, len(text) - 100):
            continue
        call = _read_send(text) or _read_file_call(text)
        if call is None and not OPEN.match(text) and not _paths(text).isdisjoint(files):
            raise ValueError(f"unsupported call: {text[:200]}")
        if call is not None and (isinstance(call, Send) or call.file in files):
            yield call


def _whole_calls(lines: Iterable[str]) -> Iterator[str]:
    """Calls with their results; calls that strace split in two are joined."""
    unfinished: dict[str, str] = {}
    for line in lines:
        thread, _, text = line.rstrip().partition(" ")
        text = text.lstrip()
        if text.endswith(UNFINISHED):
            unfinished[thread] = text.removesuffix(UNFINISHED)
            if _takes_effect_at_once(text):
                yield unfinished[thread]
        elif text.startswith("<... "):
            beginning = unfinished.pop(thread)
            if not _takes_effect_at_once(beginning):
                yield beginning + text.partition(" resumed>")[2]
        else:
            yield text


def _takes_effect_at_once(text: str) -> bool:
    return bool(SEND.match(text) or WRITE.match(text))


def _read_send(text: str) -> Send | None:
    found = SEND.match(text)
    if not found or not (name := _decode(found[1]).decode()).startswith(SOCKET):
        return None
    return Send(name, b"".join(_decode(data) for data in QUOTED.findall(text)))


def _read_file_call(text: str) -> Call | None:
    if found := WRITE.match(text):
        return Write(_path(found[1]), int(found[3]), _decode(found[2]))
    if found := TRUNCATE.match(text):
        return Truncate(_path(found[1]), int(found[2]))
    if found := SYNC.match(text):
        return Sync(_path(found[1]))
    if found := UNLINK.match(text):
        return Unlink(_path(found[1]))
    if found := OPEN.match(text):
        return Create(_path(found[1])) if "O_CREAT" in found[2] else None
    return None


def _paths(text: str) -> set[Path]:
    return {_path(name or string) for name, string in NAMED.findall(text)}


def _path(text: str) -> Path:
    return Path(os.fsdecode(_decode(text)))


def _decode(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", "")) if text.startswith("\\x") else text.encode()
