"""How a run tells a person how far it is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

_LINE_EVERY = 30.0  # seconds, where there is no terminal

Advance = Callable[[int], None]


@contextmanager
def progress(
    console_of: Callable[[], Console], count: Callable[[], int], *, quiet: bool = False
) -> Iterator[Advance]:
    """Show progress while the context lasts; call what it gives with the number of files just done.

    Who is `quiet` needs no console, which takes 20 ms to load. `count` says how many files there will be, and
    is only asked where there is a bar to show it.
    """
    if quiet:
        yield lambda files: None
        return
    console = console_of()
    if not console.is_terminal:
        yield now_and_then(
            lambda files, seconds: console.print(f"{files:,} files read, {files / seconds:,.0f} a second")
        )
        return
    from batch_classify.bar import bar  # which a run of cron has no use for

    with bar(console, count()) as advance:
        yield advance


def now_and_then(tell: Callable[[int, float], None]) -> Advance:
    """Return what counts files and, every half a minute, tells how many and in how many seconds."""
    done, start = 0, time.monotonic()
    due = start + _LINE_EVERY

    def advance(files: int) -> None:
        nonlocal done, due
        done += files
        now = time.monotonic()
        if now >= due:
            tell(done, now - start)
            due = now + _LINE_EVERY

    return advance
