"""The history: what bots sent and what they were told, a JSON line each, in order."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple


class Intent(NamedTuple):
    """A request that is about to be sent; sent again, it is written again."""

    marker: str
    """Names the inquiry; it is in the payload too."""
    email: str
    source_id: int
    payload: dict[str, Any]
    key: str | None


class Answer(NamedTuple):
    """What came back for the last intent of this marker."""

    marker: str
    status: int
    body: dict[str, Any]
    replayed: bool
    retry_after: str | None
    seconds: float


Entry = Intent | Answer


class History:
    """A file that entries are appended to; opened again, it is continued."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # A line is handed to the operating system as soon as it is whole.
        self._file = path.open("a", buffering=1, encoding="utf-8")

    def write(self, entry: Entry) -> None:
        """Append an entry."""
        self._file.write(json.dumps({type(entry).__name__: entry._asdict()}) + "\n")

    def entries(self) -> list[Entry]:
        """All that was written, by whomever."""
        return list(_read(self._path))

    def answers(self) -> list[Answer]:
        """The answers alone."""
        return [entry for entry in self.entries() if isinstance(entry, Answer)]

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def refusals(answers: Sequence[Answer]) -> set[str]:
    """What the answers that are no 201 say is wrong; each must say when to come again."""
    refused = [answer for answer in answers if answer.status != 201]
    assert all(answer.status == 503 and answer.retry_after for answer in refused)
    return {answer.body["code"] for answer in refused}


def _read(path: Path) -> Iterator[Entry]:
    for line in path.read_text(encoding="utf-8").splitlines():
        [(kind, fields)] = json.loads(line).items()
        yield Intent(**fields) if kind == Intent.__name__ else Answer(**fields)
