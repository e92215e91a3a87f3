"""A disk, and what may be on it after a power loss.

What is assumed of the disk: a sync that has returned keeps all that was written to that file
before it, its size included; a sync of the folder keeps its names. Nothing else is kept for sure:
of the writes since, any may be there or not, in any order, and one may be there in part. A sector
of 512 bytes is written whole or not at all, and a write harms no byte beside its own. Names change
in the order in which they were changed, as in any journaling file system. What was never written
reads as zeros.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random

from tests.faults.power_loss.trace import Call, Create, Sync, Truncate, Unlink, Write

SECTOR = 512

Change = Write | Truncate


@dataclass(frozen=True)
class Loss:
    """How a power loss treats what was not synced."""

    keep: float
    """The probability with which each change lasts."""
    torn: bool = False
    """Whether changes last in any order, one of them in part."""

    def survivors(self, changes: Sequence[Change], random: Random) -> list[Change]:
        """What lasts of these changes, in the order in which it reached the disk."""
        kept = [change for change in changes if random.random() < self.keep]
        if not self.torn or not kept:
            return kept
        random.shuffle(kept)
        victim = kept.pop(random.randrange(len(kept)))
        if isinstance(victim, Write):
            kept += [sector for sector in sectors(victim) if random.random() < self.keep]
        return kept


ALL_LOST = Loss(keep=0)
ALL_KEPT = Loss(keep=1)
SOME_KEPT = Loss(keep=0.5)
REORDERED_AND_TORN = Loss(keep=0.5, torn=True)


def sectors(write: Write) -> list[Write]:
    """The parts of a write that the disk writes whole or not at all."""
    start, end = write.offset, write.offset + len(write.data)
    bounds = [start, *range(start - start % SECTOR + SECTOR, end, SECTOR), end]
    return [
        Write(write.file, left, write.data[left - start : right - start])
        for left, right in pairwise(bounds)
    ]


@dataclass
class Content:
    """What is in a file: what lasts, and what was done since."""

    lasting: bytearray = field(default_factory=bytearray)
    waiting: list[Change] = field(default_factory=list)

    def sync(self) -> None:
        """Make all that was done last."""
        for change in self.waiting:
            _carry_out(change, self.lasting)
        self.waiting.clear()

    def after(self, loss: Loss, random: Random) -> bytearray:
        """What is in it after a power loss."""
        data = bytearray(self.lasting)
        for change in loss.survivors(self.waiting, random):
            _carry_out(change, data)
        return data


def _carry_out(change: Change, data: bytearray) -> None:
    match change:
        case Write(offset=offset, data=new):
            data.extend(bytes(max(0, offset - len(data))))
            data[offset : offset + len(new)] = new
        case Truncate(size=size):
            data.extend(bytes(max(0, size - len(data))))
            del data[size:]


class Disk:
    """One folder of a disk, empty at first."""

    def __init__(self) -> None:
        self._files: dict[Path, Content] = {}
        self._lasting_names: dict[Path, Content] = {}
        self._waiting_names: list[dict[Path, Content]] = []
        """All names, as they were after each change of one."""

    @property
    def settled(self) -> bool:
        """Whether a power loss now has but one outcome."""
        return not self._waiting_names and not any(
            content.waiting for content in self._lasting_names.values()
        )

    def apply(self, call: Call) -> None:
        """Do what the program asked for."""
        match call:
            case Create(file) if file not in self._files:
                self._rename({**self._files, file: Content()})
            case Unlink(file):
                self._rename({name: kept for name, kept in self._files.items() if name != file})
            case Write(file) | Truncate(file):
                self._files[file].waiting.append(call)
            case Sync(file) if file in self._files:
                self._files[file].sync()
            case Sync():
                self._lasting_names = self._files
                self._waiting_names.clear()

    def after(self, loss: Loss, random: Random) -> dict[Path, bytearray]:
        """What is on it after a power loss, by file."""
        lasting = sum(random.random() < loss.keep for _ in self._waiting_names)
        names = [self._lasting_names, *self._waiting_names][lasting]
        return {file: content.after(loss, random) for file, content in names.items()}

    def _rename(self, names: dict[Path, Content]) -> None:
        self._files = names
        self._waiting_names.append(names)
