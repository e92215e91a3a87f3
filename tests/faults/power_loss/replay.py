"""Simulates power losses at many points of a recorded run, and checks the database after each."""

import json
import sqlite3
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.faults.power_loss.disk import (
    ALL_KEPT,
    ALL_LOST,
    REORDERED_AND_TORN,
    SOME_KEPT,
    Disk,
)
from tests.faults.power_loss.recording import INQUIRIES, Recording, email, payload
from tests.faults.power_loss.trace import Sync
from tests.support.integrity import faults
from tests.support.rows import open_rows

LOSSES = (ALL_LOST, ALL_KEPT, SOME_KEPT, REORDERED_AND_TORN)
SENT = {(email(number), payload(number)): number for number in range(INQUIRIES)}


@dataclass
class Findings:
    """The results of checking disk images."""

    points: int = 0
    images: int = 0
    lost: list[str] = field(default_factory=list)
    """The images without some of the acknowledged inquiries."""
    corrupt: list[str] = field(default_factory=list)
    """The images that are corrupt or have wrong rows."""


def replay(run: Recording, points: Collection[int], scratch: Path, seed: int = 1) -> Findings:
    """Simulate a power loss after these numbers of calls, with each kind of loss.

    If all changes are synced, every kind has the same outcome, and only one is tried.
    """
    random, disk, findings = Random(seed), Disk(), Findings()
    acknowledged: set[int] = set()
    for position, call in enumerate(run.calls):
        disk.apply(call)
        if position in run.acknowledged:
            acknowledged.add(run.acknowledged[position])
        if position + 1 not in points:
            continue
        findings.points += 1
        for loss in LOSSES[:1] if disk.settled else LOSSES:
            findings.images += 1
            where = f"call {position + 1}, {loss}"
            image = _write_image(disk.after(loss, random), scratch)
            stored, wrong = _recover(image / run.database.name)
            if missing := acknowledged - stored:
                findings.lost.append(f"{where}: {sorted(missing)}")
            if wrong:
                findings.corrupt.append(f"{where}: {wrong}")
    return findings


def choose_points(run: Recording, count: int, seed: int = 1) -> set[int]:
    """The numbers of calls after which to cut the power: around every sync, and at random."""
    syncs = [position for position, call in enumerate(run.calls) if isinstance(call, Sync)]
    around = {point for position in syncs for point in (position, position + 1)} - {0}
    others = sorted(set(range(1, len(run.calls) + 1)) - around)
    return around | set(Random(seed).sample(others, max(0, count - len(around))))


def _write_image(files: dict[Path, bytearray], folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for file, data in files.items():
        (folder / file.name).write_bytes(data)
    return folder


def _recover(database: Path) -> tuple[set[int], list[str]]:
    """The inquiries in a database after its recovery, and what is wrong with it."""
    try:
        with open_rows(f"sqlite:///{database}") as rows:
            # Writes of the test need not be durable.
            rows.execute("PRAGMA synchronous = OFF")
            if not rows.execute("SELECT 1 FROM sqlite_schema").fetchone():
                return set(), []
            stored = Counter(
                SENT.get((sender, json.loads(content)))
                for sender, content in rows.execute(
                    "SELECT email, payload FROM interactions JOIN leads ON uuid = lead_uuid"
                )
            )
            wrong = faults(rows)
    except sqlite3.DatabaseError as error:
        return set(), [str(error)]
    wrong += [f"stored {times} times: {number}" for number, times in stored.items() if times > 1]
    if None in stored:
        wrong.append("an inquiry that was never sent")
    return {number for number in stored if number is not None}, wrong
