"""The model of a disk, and the reader of traces, on small examples."""

from pathlib import Path
from random import Random

import pytest

from tests.faults.power_loss.disk import (
    ALL_KEPT,
    ALL_LOST,
    REORDERED_AND_TORN,
    SOME_KEPT,
    Disk,
    Loss,
)
from tests.faults.power_loss.trace import (
    Call,
    Create,
    Send,
    Sync,
    Truncate,
    Unlink,
    Write,
    read_calls,
)

FOLDER = Path("/data")
FILE = FOLDER / "file"
OLD, NEW = b"o" * 1536, b"n" * 1536
OLD_FILE = (Create(FILE), Sync(FOLDER), Write(FILE, 0, OLD), Sync(FILE))


def outcomes(loss: Loss, *calls: Call) -> set[bytes | None]:
    """The contents of the file after two hundred power losses; None means no file."""
    disk = Disk()
    for call in calls:
        disk.apply(call)
    images = [disk.after(loss, Random(seed)).get(FILE) for seed in range(200)]
    return {None if image is None else bytes(image) for image in images}


@pytest.mark.parametrize("loss", [ALL_LOST, ALL_KEPT, SOME_KEPT, REORDERED_AND_TORN])
def test_synced_write_is_durable(loss: Loss) -> None:
    """A synced write survives every kind of power loss."""
    assert {OLD} == outcomes(loss, *OLD_FILE)


def test_unsynced_write_may_be_lost() -> None:
    """A write since the last sync is lost, kept, or either, by the kind of loss."""
    write = Write(FILE, 0, NEW)

    assert {OLD} == outcomes(ALL_LOST, *OLD_FILE, write)
    assert {NEW} == outcomes(ALL_KEPT, *OLD_FILE, write)
    assert {OLD, NEW} == outcomes(SOME_KEPT, *OLD_FILE, write)


def test_later_write_may_survive_without_the_earlier() -> None:
    """Any subset of two writes may survive; bytes that were never written read as zeros."""
    writes = Write(FILE, 0, b"a"), Write(FILE, 1, b"b")

    assert {b"", b"a", b"\0b", b"ab"} == outcomes(SOME_KEPT, *OLD_FILE[:2], *writes)


def test_writes_may_be_reordered() -> None:
    """Three writes to one offset may reach the disk in any order."""
    writes = [Write(FILE, 0, data) for data in (b"aaa", b"bb", b"c")]

    assert {b"cba"} == outcomes(ALL_KEPT, *OLD_FILE[:2], *writes)
    assert {b"aaa", b"bba", b"caa", b"cba"} == outcomes(
        Loss(keep=1, torn=True), *OLD_FILE[:2], *writes
    )


def test_write_may_survive_in_part() -> None:
    """A torn write leaves each sector either old or new."""
    images = outcomes(REORDERED_AND_TORN, *OLD_FILE, Write(FILE, 256, NEW[:1024]))
    sectors = [(0, 512), (512, 1024), (1024, 1536)]
    new = OLD[:256] + NEW[:1024] + OLD[:256]
    expected = [{OLD[start:end], new[start:end]} for start, end in sectors]

    assert 8 == len(images)
    for image in images:
        assert image is not None
        assert all(
            image[start:end] in either
            for (start, end), either in zip(sectors, expected, strict=True)
        )


def test_unsynced_size_may_be_lost() -> None:
    """A truncation that was not synced may be lost."""
    assert {OLD, OLD[:512]} == outcomes(SOME_KEPT, *OLD_FILE, Truncate(FILE, 512))
    assert {OLD[:512]} == outcomes(ALL_LOST, *OLD_FILE, Truncate(FILE, 512), Sync(FILE))


def test_names_are_durable_after_a_sync_of_the_folder() -> None:
    """Without it, a new file may be lost and a removed file may return, though both are synced."""
    new_file = Create(FILE), Write(FILE, 0, NEW), Sync(FILE)

    assert {None} == outcomes(ALL_LOST, *new_file)
    assert {NEW} == outcomes(ALL_LOST, *new_file, Sync(FOLDER))
    assert {OLD} == outcomes(ALL_LOST, *OLD_FILE, Unlink(FILE))
    assert {None} == outcomes(SOME_KEPT, *OLD_FILE, Unlink(FILE), Sync(FOLDER))
    assert {OLD, None, NEW} == outcomes(SOME_KEPT, *OLD_FILE, Unlink(FILE), *new_file)


def in_hex(text: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in text.encode())


def test_trace_is_read_in_the_order_with_the_weakest_guarantees() -> None:
    """A sync takes effect when it has returned, a write and a send when they begin."""
    file, socket, cwd = in_hex("/data/file"), in_hex("socket:[7]"), in_hex("/")
    other = in_hex("/elsewhere")
    trace = [
        f'10 openat(AT_FDCWD<{cwd}>, "{file}", O_RDWR|O_CREAT, 0644) = 5<{file}>',
        f'10 openat(AT_FDCWD<{cwd}>, "{other}", O_RDWR|O_CREAT, 0644) = 6<{other}>',
        f'10 pwrite64(5<{file}>, "{in_hex("ab")}", 2, 4096 <unfinished ...>',
        f'11 write(9<{socket}>, "{in_hex("early")}", 5) = 5',
        "10 <... pwrite64 resumed>)           = 2",
        f"10 fdatasync(5<{file}> <unfinished ...>",
        f'11 sendto(9<{socket}>, "{in_hex("late")}", 4, 0, NULL, 0 <unfinished ...>',
        "10 <... fdatasync resumed>)          = 0",
        "11 <... sendto resumed>)             = 4",
        f"10 ftruncate(5<{file}>, 8192)        = 0",
        f'10 unlink("{file}")                  = -1 ENOENT (No such file or directory)',
        f'10 unlink("{file}")                  = 0',
    ]

    assert [
        Create(FILE),
        Write(FILE, 4096, b"ab"),
        Send("socket:[7]", b"early"),
        Send("socket:[7]", b"late"),
        Sync(FILE),
        Truncate(FILE, 8192),
        Unlink(FILE),
    ] == list(read_calls(trace, {FILE, FOLDER}))


def test_unsupported_call_is_an_error() -> None:
    """A trace with an unsupported change of a file is refused."""
    trace = [f'10 write(5<{in_hex("/data/file")}>, "{in_hex("ab")}", 2) = 2']

    with pytest.raises(ValueError, match="unsupported call"):
        list(read_calls(trace, {FILE}))
