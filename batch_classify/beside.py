"""What is done beside the main thread: the network a batch ahead of it, and the ledger a moment behind.

Both let other threads run while they work. Does not know what the network says, nor how the ledger keeps it.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Self

from batch_classify.ledger import Ledger
from batch_classify.prepare import Known, Page, Prepared

_MOMENT = 0.25  # seconds; workers know of a content when it is kept, and should soon
_PILE, _COPIES = 4096, 2**15  # pages and copies that may wait for a ledger that is slower than that

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


class Keeper:
    """Has a ledger keep what was answered, in a thread, a moment's work at a time.

    What comes within a moment goes into one transaction, since each writes many parts of the file anew.
    Raises what the ledger raises, if need be one call later.
    """

    def __init__(self, ledger: Ledger, seconds: Seconds) -> None:
        self.ledger = ledger
        self._seconds = seconds
        self._thread = ThreadPoolExecutor(1)
        self._pages, self._copies = list[Prepared](), list[Known]()
        self._written: Future[None] | None = None
        self._begun = time.perf_counter()

    def keep(self, pages: Sequence[Prepared], copies: Sequence[Known]) -> None:
        """Keep pages and copies soon."""
        self._pages.extend(pages)
        self._copies.extend(copies)
        busy = self._written is not None and not self._written.done()
        many = len(self._pages) > _PILE or len(self._copies) > _COPIES
        if many or (not busy and time.perf_counter() - self._begun > _MOMENT):
            with timed(self._seconds, "remember"):
                self._write()

    def close(self) -> None:
        """Keep what is left, and close the ledger."""
        with closing(self.ledger), self._thread:
            self._write()
            self._wait()

    def _write(self) -> None:
        self._wait()
        self._written = self._thread.submit(self.ledger.keep, self._pages, self._copies)
        self._pages, self._copies = [], []
        self._begun = time.perf_counter()

    def _wait(self) -> None:
        if self._written:
            self._written.result()


class Aside:
    """Has things done in a thread, one after the other; none is left undone when the context ends."""

    def __enter__(self) -> Self:
        self._thread = ThreadPoolExecutor(1)
        self._given: list[Future[object]] = []
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()

    def do(self, work: Callable[[], object]) -> None:
        """Have this done."""
        self._given.append(self._thread.submit(work))

    def finish(self) -> None:
        """Wait until all is done. Raises what was raised there."""
        for done in self._given:
            done.result()
