"""Power cut at many points of a real run: what was promised is there, and nothing is broken."""

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


async def test_every_acknowledged_inquiry_outlasts_a_power_loss(tmp_path: Path) -> None:
    """At 800 points, through the first start, checkpoints and shutdown: none lost, none corrupt."""
    run = await record(tmp_path)
    findings = replay(run, choose_points(run, 800), tmp_path / "image")

    assert INQUIRIES == len(run.acknowledged)
    assert 3 <= run.checkpoints
    assert 800 <= findings.points < findings.images
    assert [] == findings.lost
    assert [] == findings.corrupt


async def test_losses_would_be_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With commits that are not synced, promises are broken, and the replay shows it."""
    monkeypatch.setenv("SYNCHRONOUS", "NORMAL")
    run = await record(tmp_path, CARELESS)
    findings = replay(run, choose_points(run, 100), tmp_path / "image")

    assert INQUIRIES == len(run.acknowledged)
    assert findings.lost
    assert [] == findings.corrupt


async def test_corruption_would_be_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With no sync at all, the database breaks, and the replay shows it."""
    monkeypatch.setenv("SYNCHRONOUS", "OFF")
    run = await record(tmp_path, CARELESS)
    findings = replay(run, choose_points(run, 100), tmp_path / "image")

    assert findings.corrupt
