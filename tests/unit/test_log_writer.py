"""The log writer: lines reach the stream in order, and the service never waits for the reader."""

import io
import logging
import os

import pytest

from app.core import log_writer
from app.core.log_writer import LogWriter


def test_lines_are_written_in_order() -> None:
    """All of them are written, the last ones when the block ends."""
    stream = io.StringIO()
    writer = LogWriter()
    writer.write("before\n")
    with writer.writing_to(stream):
        for number in range(1000):
            writer.write(f"{number}\n")

    assert ["before", *map(str, range(1000))] == stream.getvalue().splitlines()


def test_reader_that_stops(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With a full pipe and a full queue lines are lost, and their number is logged afterwards."""
    monkeypatch.setattr(log_writer, "CAPACITY", 100)
    read, write = os.pipe()
    writer = LogWriter()
    with (
        open(read, encoding="utf-8") as reader,  # noqa: PTH123  # a file descriptor
        open(write, "w", encoding="utf-8") as stream,  # noqa: PTH123  # a descriptor, too
        writer.writing_to(stream),
    ):
        writer.write("x" * 1_000_000 + "\n")  # More than a pipe holds.
        for number in range(500):
            writer.write(f"{number}\n")
        first = reader.readline()
        rest = [reader.readline() for _ in range(99)]

    assert 1_000_001 == len(first)
    assert [f"{number}\n" for number in range(99)] == rest
    [lost] = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "401 log lines were dropped" in lost.getMessage()


def test_reader_that_has_exited() -> None:
    """A closed pipe ends the log, not the service."""
    read, write = os.pipe()
    os.close(read)
    writer = LogWriter()
    stream = open(write, "w", encoding="utf-8")  # noqa: PTH123, SIM115  # closing it fails, too
    with writer.writing_to(stream):
        writer.write("no process reads this\n")

    with pytest.raises(BrokenPipeError):
        stream.close()
