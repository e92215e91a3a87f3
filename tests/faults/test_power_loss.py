"""Power loss at many points of a real run: no acknowledged inquiry is lost, no file corrupt."""

import shutil
from pathlib import Path

import pytest

from tests.faults.power_loss.recording import INQUIRIES, record
from tests.faults.power_loss.replay import choose_points, replay

CARELESS = "tests.faults.power_loss.careless:app"

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(
        shutil.which("strace") is None, reason="strace, which records the run, is not installed"
    ),
]


async def test_every_acknowledged_inquiry_survives_a_power_loss(tmp_path: Path) -> None:
    """At 250 points, through the first start, checkpoints and shutdown: none lost, none corrupt."""
    run = await record(tmp_path)
    findings = replay(run, choose_points(run, 250), tmp_path / "image")

    assert INQUIRIES == len(run.acknowledged)
    assert 3 <= run.checkpoints
    assert 250 <= findings.points < findings.images
    assert [] == findings.lost
    assert [] == findings.corrupt


async def test_losses_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If commits are not synced, acknowledged inquiries are lost, and the replay finds it."""
    monkeypatch.setenv("SYNCHRONOUS", "NORMAL")
    run = await record(tmp_path, CARELESS)
    findings = replay(run, choose_points(run, 50), tmp_path / "image")

    assert INQUIRIES == len(run.acknowledged)
    assert findings.lost
    assert [] == findings.corrupt


async def test_corruption_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any sync the database becomes corrupt, and the replay finds it."""
    monkeypatch.setenv("SYNCHRONOUS", "OFF")
    run = await record(tmp_path, CARELESS)
    findings = replay(run, choose_points(run, 50), tmp_path / "image")

    assert findings.corrupt
