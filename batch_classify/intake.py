"""The pages of a run's files in the order of the scan: left for later, remembered, or read by a worker.

Decides which of the three becomes of a file; does not know how files are read, nor what their pages say.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Container, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path

from batch_classify.decode import quiet
from batch_classify.ledger import Ledger
from batch_classify.parcel import Parcel, pack, unpack
from batch_classify.pool import Beat, in_order
from batch_classify.prepare import Known, Prepared, crashed, deferred, prepare_new
from batch_classify.stamp import Stamp

_PARTS = 32  # of what was given out, one is what a worker may have at the end while the others have nothing


def intake(
    root: Path,
    files: Iterable[str],
    *,
    size: int,
    most: int | None = None,
    workers: int,
    ledger: Ledger | None = None,
    settle: float = 0.0,
    answered: Container[str] = frozenset(),
) -> Generator[list[Prepared | Known], None, None]:
    """Yield the pages of the files below `root`, `size` files at a time; with no workers this process reads.

    Of a large folder it is ever more files, up to `most`, since each time costs as much as some small files.
    Files that were touched in the last `settle` seconds are deferred, whatever is known of them. Nothing is
    read of a file that the ledger finds unchanged, and nothing decoded of a content that it knows; one that
    is `answered` comes without its pages.
    """
    at_hand: deque[tuple[Sequence[str], dict[str, Sequence[Prepared]]]] = deque()
    # A run sees each file once, so that what it keeps itself makes no file unchanged.
    all_new = not settle and not (ledger and ledger.holds_files())

    def to_read() -> Iterator[Sequence[str]]:
        for chunk in chunks(files, size, most or size):
            looked_at = () if all_new else chunk
            unread = {file: pages for file in looked_at if (pages := _unread(root, file, ledger, settle))}
            at_hand.append((chunk, unread))
            yield [file for file in chunk if file not in unread]

    with closing(_read(root, to_read(), workers, ledger)) as reading:
        for new, known in reading:
            chunk, unread = at_hand.popleft()
            if len(known) == len(chunk) and all(copy.sha256 in answered for copy in known):
                yield [*known]  # in the order of the chunk
                continue
            pages: dict[str, list[Prepared | Known]] = {file: [*found] for file, found in unread.items()}
            for page in new:
                pages.setdefault(page.file, []).append(page)
            for copy in known:
                again = copy.sha256 not in answered
                pages[copy.file] = [*_recalled(root, copy, workers, ledger)] if again else [copy]
            yield [page for file in chunk for page in pages[file]]


def _unread(root: Path, file: str, ledger: Ledger | None, settle: float) -> Sequence[Prepared]:
    """Return what needs no look into the file: that it is deferred, or its pages as they were."""
    try:
        stamp = Stamp.of(os.stat(os.path.join(root, file)))  # noqa: PTH116, PTH118 - a third of a Path's time
    except OSError:
        return []  # reading it will tell why
    if stamp.touched_within(settle, time.time_ns()):
        return [deferred(file)]
    return ledger.unchanged(file, stamp) if ledger else []


def _recalled(root: Path, known: Known, workers: int, ledger: Ledger | None) -> list[Prepared]:
    """Return the pages of a known content; from the file where the ledger has lost them meanwhile."""
    pages = ledger.recall(known.file, known.sha256) if ledger else []
    if pages:
        return [page._replace(stamp=known.stamp) for page in pages]
    return [page for pages, _ in _read(root, [[known.file]], workers, None) for page in pages]


def _read(
    root: Path, chunks: Iterable[Sequence[str]], workers: int, ledger: Ledger | None
) -> Generator[tuple[list[Prepared], list[Known]], None, None]:
    if workers > 0:
        work = partial(_packed, partial(prepare_new, root, knows=ledger.reader() if ledger else _nothing))
        for parcels in in_order(work, chunks, workers, partial(_crashed, root)):
            unpacked = [unpack(parcel) for parcel in parcels]
            yield (
                [page for pages, _ in unpacked for page in pages],
                [copy for _, known in unpacked for copy in known],
            )
    else:
        prepare = partial(prepare_new, root, knows=ledger.knows if ledger else _nothing)
        with quiet():
            yield from map(prepare, chunks)


def _nothing(contents: Sequence[str]) -> Container[str]:
    return ()


def _packed(
    prepare: Callable[..., tuple[list[Prepared], list[Known]]], files: Iterable[str], beat: Beat
) -> list[Parcel]:
    return [pack(*prepare(files, begin=beat))]


def _crashed(root: Path, file: str) -> Parcel:
    return pack([crashed(root, file)])


def chunks(files: Iterable[str], size: int, most: int) -> Iterator[Sequence[str]]:
    """Yield some files at a time: `size`, or a small part of those so far, so that no worker ends late."""
    files, given = iter(files), 0
    while chunk := tuple(islice(files, max(size, min(most, given // _PARTS)))):
        yield chunk
        given += len(chunk)
