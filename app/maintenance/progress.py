"""Progress, shown on the terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn


@contextmanager
def progress(description: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar for as long as the block lasts; call what it gives with how much more is done."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, TimeElapsedColumn()) as bar:
        task = bar.add_task(description, total=total)
        yield lambda more: bar.advance(task, more)
