"""The history: the requests of bots and their answers, one JSON line each, in order."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple


class Intent(NamedTuple):
    """A request before it is sent; a retry is a new entry."""

    marker: str
    """Identifies the inquiry; the payload has it, too."""
    email: str
    source_id: int
    payload: dict[str, Any]
    key: str | None


class Answer(NamedTuple):
    """The answer to the last intent with this marker."""

    marker: str
    status: int
    body: dict[str, Any]
    replayed: bool
    retry_after: str | None
    seconds: float


Entry = Intent | Answer


class History:
    """A file to which entries are appended; reopening it keeps its entries."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # Line buffered: each line is written to the operating system at once.
        self._file = path.open("a", buffering=1, encoding="utf-8")

    def write(self, entry: Entry) -> None:
        """Append an entry."""
        self._file.write(json.dumps({type(entry).__name__: entry._asdict()}) + "\n")

    def entries(self) -> list[Entry]:
        """All entries of the file."""
        return list(_read(self._path))

    def answers(self) -> list[Answer]:
        """The entries that are answers."""
        return [entry for entry in self.entries() if isinstance(entry, Answer)]

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def refusals(answers: Sequence[Answer]) -> set[str]:
    """The error codes of answers that are no 201; each must be a 503 with Retry-After."""
    refused = [answer for answer in answers if answer.status != 201]
    assert all(answer.status == 503 and answer.retry_after for answer in refused)
    return {answer.body["code"] for answer in refused}


def _read(path: Path) -> Iterator[Entry]:
    for line in path.read_text(encoding="utf-8").splitlines():
        [(kind, fields)] = json.loads(line).items()
        yield Intent(**fields) if kind == Intent.__name__ else Answer(**fields)
