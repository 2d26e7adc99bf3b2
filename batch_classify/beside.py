"""What is done beside the main thread: the network a batch ahead of it, and the ledger a moment behind.

Both let other threads run while they work. Does not know what the network says, nor how the ledger keeps it.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager

from batch_classify.ledger import Ledger
from batch_classify.prepare import Known, Page, Prepared

_MOMENT = 0.1  # seconds; workers know of a content when it is kept, and should soon

Seconds = defaultdict[str, float]
"""How long each step kept the main thread."""


@contextmanager
def timed(seconds: Seconds, step: str) -> Iterator[None]:
    """Add what the context takes to a step."""
    start = time.perf_counter()
    yield
    seconds[step] += time.perf_counter() - start


def ahead(
    batches: Generator[list[Page], None, None],
    show: Callable[[list[Prepared]], list[Prepared]],
    seconds: Seconds,
) -> Generator[tuple[list[Page], list[Prepared]], None, None]:
    """Yield the pages of each batch, and those of them that were read, once these were shown to the network.

    It sees a batch in a thread, while the caller is at the one before. Closes the batches.
    """
    waiting = deque[tuple[list[Page], Future[list[Prepared]]]]()

    def first() -> tuple[list[Page], list[Prepared]]:
        pages, answered = waiting.popleft()
        with timed(seconds, "classify"):
            return pages, answered.result()

    with closing(batches), ThreadPoolExecutor(1) as network:
        while True:
            with timed(seconds, "prepare"):
                pages = next(batches, None)
            if pages is None:
                break
            read = [page for page in pages if isinstance(page, Prepared)]
            waiting.append((pages, network.submit(show, read)))
            if len(waiting) > 1:
                yield first()
        while waiting:
            yield first()


@contextmanager
def keeping(
    ledger: Ledger | None, seconds: Seconds
) -> Iterator[Callable[[Sequence[Prepared], Sequence[Known]], None]]:
    """Give what has the ledger keep pages and copies, in a thread, at the latest when the context ends.

    What comes within a moment goes into one transaction, since each writes many parts of the file anew.
    """
    pages, copies = list[Prepared](), list[Known]()
    written: Future[None] | None = None
    begun = time.perf_counter()

    def wait() -> None:
        with timed(seconds, "remember"):
            if written:
                written.result()

    def write() -> None:
        nonlocal pages, copies, written, begun
        wait()
        if ledger:
            written = thread.submit(ledger.keep, pages, copies)
        pages, copies = [], []
        begun = time.perf_counter()

    def keep(more: Sequence[Prepared], more_copies: Sequence[Known]) -> None:
        pages.extend(more)
        copies.extend(more_copies)
        if time.perf_counter() - begun > _MOMENT:
            write()

    with ThreadPoolExecutor(1) as thread:
        try:
            yield keep
        finally:
            write()
            wait()
