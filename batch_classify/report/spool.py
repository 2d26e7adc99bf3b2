"""The cards of a run until the page is written: pictures on disk, so that memory holds little of each card.

Knows which row is more urgent than another, and which rows stay out of a page that would get too large; not
what a page looks like.
"""

from __future__ import annotations

import heapq
import json
import os
from collections.abc import Iterable, Sequence
from operator import attrgetter
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import NamedTuple, Self
from zlib import crc32

import numpy as np

from batch_classify.corrections import is_suspect
from batch_classify.decode import Grey
from batch_classify.filename import to_cell
from batch_classify.preprocess import SIDE
from batch_classify.report.card import Card, jpeg_of, thumbnail_of, width_of
from batch_classify.row import Row, Status

MOST_ROWS = 100_000
"""Above so many rows, the page holds those that need a human and a random sample of the rest."""
_MOST_SETTLED_SCANS = 64_000_000  # bytes; more scans of rows that need nobody stay out
_BUFFER = 2**20  # bytes; a call to the system for each picture would cost more than the picture
_COMPACT = json.JSONEncoder(separators=(",", ":"))
_MOST_SHARED = 2**15  # pages whose copies are told; begun anew when full, for memory's sake
_URGENT = [Status.REVIEW, Status.REJECTED, Status.REVIEWED, Status.ERROR]  # reviewed: if suspect
_SETTLED = [Status.DEFERRED, Status.OK, Status.REVIEWED]


class Place(NamedTuple):
    """Where pictures lie: the lengths of the scan and of what the model saw, 0 where there is none.

    The scan is a JPEG, or pixels if it has a `width`.
    """

    start: int
    scan: int
    seen: int
    width: int | None = None


class Entry(NamedTuple):
    """A card in the spool: its row as JSON, see `row_values`, and where its pictures lie.

    `lot` is a random number, but the same for the same scan; the highest ones are a fair sample. It comes
    first, so that a heap has on top what a sample drops first. `settled` is whether the row needs no human.
    """

    lot: int
    settled: bool
    rank: int
    confidence: float
    number: int
    label: int
    row: bytes
    pictures: Place


def by_urgency(entries: Iterable[Entry]) -> list[Entry]:
    """Return entries that all are settled, or all not, the most urgent first; equals as they came.

    Sorted by one number after the other, which takes a third of the time of a sort by all together.
    """
    return sorted(
        sorted(sorted(entries, key=attrgetter("number")), key=attrgetter("confidence")),
        key=attrgetter("rank"),
    )


class Spool:
    """The cards offered, up to `most_rows` of them and every one that needs a human.

    Cards of one content have their pictures together. The file that holds them in `folder` has no name, and
    goes when the spool is closed.
    """

    def __init__(
        self, folder: Path, most_rows: int = MOST_ROWS, most_settled_scans: int = _MOST_SETTLED_SCANS
    ) -> None:
        self._file = TemporaryFile(buffering=_BUFFER, dir=folder)  # noqa: SIM115 - closed with the spool
        self._urgent: list[Entry] = []
        self._settled: list[Entry] = []  # a heap, once there are more than `most_rows`
        self._shared: dict[tuple[str, int | None, Status], tuple[str, Place]] = {}
        self._most_rows = most_rows
        self._room = most_settled_scans
        self._offered = 0
        self._end = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return max(len(self._urgent), min(self._most_rows, len(self._urgent) + len(self._settled)))

    def offer(self, card: Card) -> None:
        """Keep the card, unless it needs no human and the sample goes without it."""
        row = card.row
        settled = row.status in _SETTLED and not is_suspect(row)
        lot = _lot(row)
        self._offered += 1
        if not settled:
            self._urgent.append(self._written(card, lot, _URGENT.index(row.status), settled=False))
        elif len(self._settled) < self._most_rows:
            self._settled.append(self._written(card, lot, _SETTLED.index(row.status), settled=True))
            if len(self._settled) == self._most_rows:
                heapq.heapify(self._settled)
        elif self._settled and lot > self._settled[0].lot:
            entry = self._written(card, lot, _SETTLED.index(row.status), settled=True)
            heapq.heappushpop(self._settled, entry)

    def entries(self) -> list[Entry]:
        """Return what is kept, the most urgent first; its parts can then be read, by several threads too.

        Those that need a human: answers to check, the least sure first; rejected ones; a human's answers that
        the model contradicts; what could not be read. Then the rest, the least sure first.
        """
        self._file.flush()
        room = max(0, self._most_rows - len(self._urgent))
        settled = self._settled
        if len(settled) > room:
            settled = heapq.nlargest(room, settled)
        return by_urgency(self._urgent) + by_urgency(settled)

    def has_settled_scans(self) -> bool:
        """Whether the scans of the rows that need no human were few enough to be kept."""
        return self._room >= 0

    def scan(self, entry: Entry) -> bytes:
        """Return the scan as JPEG."""
        start, length, _, width = entry.pictures
        return jpeg_of(thumbnail_of(self._read(start, length), width))

    def seen(self, entry: Entry) -> Grey:
        """Return what the model saw, uint8 [28, 28]."""
        start, scan, seen, _ = entry.pictures
        data = self._read(start + scan, seen)
        return np.frombuffer(data, np.uint8).reshape(SIDE, SIDE)

    def _written(self, card: Card, lot: int, rank: int, *, settled: bool) -> Entry:
        row = card.row
        # What shows a picture says the same of its copies, under other names.
        page = row.sha256, row.page, row.status
        parts = self._shared.get(page)
        if parts is None:
            parts = self._parts(card, settled=settled)
            if row.sha256 and parts[1].seen:
                if len(self._shared) == _MOST_SHARED:
                    self._shared.clear()
                self._shared[page] = parts
        rest, place = parts
        text = f"[{_COMPACT.encode(to_cell(row.file))},{rest}".encode("ascii")
        label = -1 if row.label is None else row.label
        return Entry(lot, settled, rank, row.confidence or 0.0, self._offered, label, text, place)

    def _parts(self, card: Card, *, settled: bool) -> tuple[str, Place]:
        """Return a row as JSON but for its file, and write its pictures."""
        scan, seen = card.pictures()
        data, width = b"", None
        if scan is not None and not settled:
            data = jpeg_of(scan)
        elif scan is not None and self._room >= 0:  # for most pages in vain, so pixels are not compressed yet
            data, width = scan.tobytes(), width_of(scan)
            self._room -= len(data)
        shown = b"" if seen is None else seen.tobytes()
        place = Place(self._end, len(data), len(shown), width)
        self._file.writelines((data, shown))
        self._end += len(data) + len(shown)
        return _COMPACT.encode(row_values(card.row)[1:])[1:], place

    def _read(self, start: int, length: int) -> bytes:
        return os.pread(self._file.fileno(), length, start)


def row_values(row: Row) -> Sequence[str | int | float | None]:
    """Return a row as the page's script reads it, in the order that `app/rows.js` names.

    The file is as in the table. The last three: what the model said under a human's answer, how sure it was,
    and whether that makes the answer suspect.
    """
    values = [
        to_cell(row.file),
        row.page,
        row.status,
        row.reason,
        row.label,
        _rounded(row.confidence),
        row.second_label,
        _rounded(row.second_confidence),
        row.width,
        row.height,
        row.sha256,
        row.detail,
    ]
    if row.status is Status.REVIEWED and row.probabilities:
        best = max(row.probabilities)
        values += [row.probabilities.index(best), _rounded(best), int(is_suspect(row))]
    return values


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 6)


def _lot(row: Row) -> int:
    return -crc32(f"{row.sha256} {row.page} {row.file}".encode("utf-8", "surrogateescape"))
