"""The pages of a run's files in the order of the scan: left for later, remembered, or read by a worker.

Decides which of the three becomes of a file; does not know how files are read, nor what their pages say.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path

from batch_classify.decode import quiet
from batch_classify.ledger import Ledger
from batch_classify.parcel import Parcel, pack, unpack
from batch_classify.pool import in_order
from batch_classify.prepare import Prepared, crashed, deferred, prepare_all
from batch_classify.stamp import Stamp


def intake(
    root: Path,
    files: Iterable[str],
    *,
    size: int,
    workers: int,
    ledger: Ledger | None = None,
    settle: float = 0.0,
) -> Generator[list[Prepared], None, None]:
    """Yield the pages of the files below `root`, `size` files at a time; with no workers this process reads.

    Files that were touched in the last `settle` seconds are deferred, whatever is known of them. Nothing is
    read of a file that the ledger finds unchanged, and nothing decoded of a content that it knows.
    """
    at_hand: deque[tuple[Sequence[str], dict[str, list[Prepared]]]] = deque()
    # A run sees each file once, so that what it keeps itself makes no file unchanged.
    all_new = not settle and not (ledger and ledger.holds_files())

    def to_read() -> Iterator[Sequence[str]]:
        for chunk in _chunks(files, size):
            looked_at = () if all_new else chunk
            known = {file: pages for file in looked_at if (pages := _unread(root, file, ledger, settle))}
            at_hand.append((chunk, known))
            yield [file for file in chunk if file not in known]

    with closing(_read(root, to_read(), workers, ledger)) as reading:
        for read in reading:
            chunk, known = at_hand.popleft()
            pages = defaultdict(list, known)
            for page in read:
                pages[page.file].append(page)
            yield [page for file in chunk for page in pages[file]]


def _unread(root: Path, file: str, ledger: Ledger | None, settle: float) -> list[Prepared]:
    """Return what needs no look into the file: that it is deferred, or its pages as they were."""
    try:
        stamp = Stamp.of(os.stat(os.path.join(root, file)))  # noqa: PTH116, PTH118 - a third of a Path's time
    except OSError:
        return []  # reading it will tell why
    if stamp.touched_within(settle, time.time_ns()):
        return [deferred(file)]
    return ledger.unchanged(file, stamp) if ledger else []


def _read(
    root: Path, chunks: Iterable[Sequence[str]], workers: int, ledger: Ledger | None
) -> Generator[list[Prepared], None, None]:
    if workers > 0:
        work = partial(_packed, partial(prepare_all, root, recall=ledger.reader() if ledger else None))
        for parcels in in_order(work, chunks, workers, partial(_crashed, root)):
            yield [page for parcel in parcels for page in unpack(parcel)]
    else:
        prepare = partial(prepare_all, root, recall=ledger.recall if ledger else None)
        with quiet():
            yield from map(prepare, chunks)


def _packed(prepare: Callable[[Iterable[str]], list[Prepared]], files: Iterable[str]) -> list[Parcel]:
    return [pack(prepare(files))]


def _crashed(root: Path, file: str) -> Parcel:
    return pack([crashed(root, file)])


def _chunks(files: Iterable[str], size: int) -> Iterator[Sequence[str]]:
    files = iter(files)
    while chunk := tuple(islice(files, size)):
        yield chunk
