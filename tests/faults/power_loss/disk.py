"""A model of a disk, and of its possible contents after a power loss.

Assumptions: once a sync of a file has returned, all earlier writes to the file are durable,
including its size; a sync of the folder makes its names durable. Nothing else is guaranteed: any
of the later writes may be lost, they may reach the disk in any order, and one may be written in
part. A sector of 512 bytes is written completely or not at all, and a write changes no other bytes.
Changes of names reach the disk in order, as in any journaling file system. Bytes that were never
written read as zeros.
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
    """The effect of a power loss on changes that were not synced."""

    keep: float
    """The probability that a change survives."""
    torn: bool = False
    """Whether changes are reordered, and one of them survives in part."""

    def survivors(self, changes: Sequence[Change], random: Random) -> list[Change]:
        """The changes that survive, in the order in which they reached the disk."""
        kept = [change for change in changes if random.random() < self.keep]
        if not self.torn or not kept:
            return kept
        random.shuffle(kept)
        torn = kept.pop(random.randrange(len(kept)))
        if isinstance(torn, Write):
            kept += [sector for sector in sectors(torn) if random.random() < self.keep]
        return kept


ALL_LOST = Loss(keep=0)
ALL_KEPT = Loss(keep=1)
SOME_KEPT = Loss(keep=0.5)
REORDERED_AND_TORN = Loss(keep=0.5, torn=True)


def sectors(write: Write) -> list[Write]:
    """The parts of a write that are each written completely or not at all."""
    start, end = write.offset, write.offset + len(write.data)
    bounds = [start, *range(start - start % SECTOR + SECTOR, end, SECTOR), end]
    return [
        Write(write.file, left, write.data[left - start : right - start])
        for left, right in pairwise(bounds)
    ]


@dataclass
class Content:
    """The content of a file: durable bytes, and changes since the last sync."""

    durable: bytearray = field(default_factory=bytearray)
    unsynced: list[Change] = field(default_factory=list)

    def sync(self) -> None:
        """Make all changes durable."""
        for change in self.unsynced:
            _apply(change, self.durable)
        self.unsynced.clear()

    def after(self, loss: Loss, random: Random) -> bytearray:
        """The content after a power loss."""
        data = bytearray(self.durable)
        for change in loss.survivors(self.unsynced, random):
            _apply(change, data)
        return data


def _apply(change: Change, data: bytearray) -> None:
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
        self._durable_names: dict[Path, Content] = {}
        self._unsynced_names: list[dict[Path, Content]] = []
        """The names after each change since the last sync of the folder."""

    @property
    def settled(self) -> bool:
        """Whether a power loss has only one possible outcome, as all changes are synced."""
        return not self._unsynced_names and not any(
            content.unsynced for content in self._durable_names.values()
        )

    def apply(self, call: Call) -> None:
        """Execute a system call."""
        match call:
            case Create(file) if file not in self._files:
                self._rename({**self._files, file: Content()})
            case Unlink(file):
                self._rename(
                    {name: content for name, content in self._files.items() if name != file}
                )
            case Write(file) | Truncate(file):
                self._files[file].unsynced.append(call)
            case Sync(file) if file in self._files:
                self._files[file].sync()
            case Sync():
                self._durable_names = self._files
                self._unsynced_names.clear()

    def after(self, loss: Loss, random: Random) -> dict[Path, bytearray]:
        """The contents after a power loss, by file."""
        survivors = sum(random.random() < loss.keep for _ in self._unsynced_names)
        names = [self._durable_names, *self._unsynced_names][survivors]
        return {file: content.after(loss, random) for file, content in names.items()}

    def _rename(self, names: dict[Path, Content]) -> None:
        self._files = names
        self._unsynced_names.append(names)
