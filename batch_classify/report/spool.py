"""The cards of a run on disk until the page is written, so that memory holds only some hundred bytes of each.

Knows which row is more urgent than another, and which rows stay out of a page that would get too large; not
what a page looks like.
"""

from __future__ import annotations

import heapq
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import NamedTuple, Self

import cv2
import numpy as np

from batch_classify.corrections import is_suspect
from batch_classify.decode import Grey
from batch_classify.filename import to_cell
from batch_classify.preprocess import SIDE
from batch_classify.report.card import Card
from batch_classify.row import Row, Status

MOST_ROWS = 100_000
"""Above so many rows, the page holds those that need a human and a random sample of the rest."""
_MOST_SETTLED_SCANS = 10_000_000  # bytes; if the scans of rows that need nobody take more, they stay out
_COMPACT = json.JSONEncoder(separators=(",", ":"))
_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 82]
_URGENT = [Status.REVIEW, Status.REJECTED, Status.REVIEWED, Status.ERROR]  # reviewed: if suspect
_SETTLED = [Status.DEFERRED, Status.OK, Status.REVIEWED]


class _Urgency(NamedTuple):
    """Place of a row in the queue, the most urgent being the least; among equals they stay as they came."""

    settled: bool
    rank: int
    confidence: float
    number: int


@dataclass(frozen=True, slots=True)
class Entry:
    """Where in the spool a card lies: the lengths of its parts from `start` on, 0 where there is none.

    `priority` is a random number, but the same for the same scan; the lowest ones are a fair sample.
    """

    urgency: _Urgency
    priority: int
    label: int
    start: int
    row: int
    scan: int
    seen: int

    @property
    def settled(self) -> bool:
        """Whether the row needs no human."""
        return self.urgency.settled

    def __lt__(self, other: Entry) -> bool:
        return self.priority > other.priority  # so that a heap has on top what a sample drops first


class Spool:
    """The cards offered, up to `most_rows` of them and every one that needs a human.

    The file that holds them in `folder` has no name, and goes when the spool is closed.
    """

    def __init__(
        self, folder: Path, most_rows: int = MOST_ROWS, most_settled_scans: int = _MOST_SETTLED_SCANS
    ) -> None:
        self._file = TemporaryFile(dir=folder)  # noqa: SIM115 - closed with the spool
        self._urgent: list[Entry] = []
        self._settled: list[Entry] = []  # a heap
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
        urgency = self._urgency(card.row)
        priority = _priority(card.row)
        self._offered += 1
        if not urgency.settled:
            self._urgent.append(self._written(card, urgency, priority))
        elif len(self._settled) < self._most_rows:
            heapq.heappush(self._settled, self._written(card, urgency, priority))
        elif self._settled and priority < self._settled[0].priority:
            heapq.heappushpop(self._settled, self._written(card, urgency, priority))

    def entries(self) -> list[Entry]:
        """Return what is kept, the most urgent first; its parts can then be read, by several threads too.

        Those that need a human: answers to check, the least sure first; rejected ones; a human's answers that
        the model contradicts; what could not be read. Then the rest, the least sure first.
        """
        self._file.flush()
        room = max(0, self._most_rows - len(self._urgent))
        settled = self._settled
        if len(settled) > room:
            settled = heapq.nlargest(room, settled)  # the lowest priorities, see Entry.__lt__
        return sorted([*self._urgent, *settled], key=lambda entry: entry.urgency)

    def has_settled_scans(self) -> bool:
        """Whether the scans of the rows that need no human were few enough to be kept."""
        return self._room >= 0

    def row(self, entry: Entry) -> str:
        """Return the row as JSON, see `row_values`."""
        return self._read(entry.start, entry.row).decode("ascii")

    def scan(self, entry: Entry) -> bytes:
        """Return the scan as JPEG."""
        return self._read(entry.start + entry.row, entry.scan)

    def seen(self, entry: Entry) -> Grey:
        """Return what the model saw, uint8 [28, 28]."""
        data = self._read(entry.start + entry.row + entry.scan, entry.seen)
        return np.frombuffer(data, np.uint8).reshape(SIDE, SIDE)

    def _urgency(self, row: Row) -> _Urgency:
        settled = row.status in _SETTLED and not is_suspect(row)
        rank = (_SETTLED if settled else _URGENT).index(row.status)
        return _Urgency(settled, rank, row.confidence or 0.0, self._offered)

    def _written(self, card: Card, urgency: _Urgency, priority: int) -> Entry:
        row = _COMPACT.encode(row_values(card.row)).encode("ascii")
        scan = b""
        if card.scan is not None and (not urgency.settled or self._room >= 0):
            scan = cv2.imencode(".jpg", card.scan, _JPEG)[1].tobytes()
            self._room -= len(scan) if urgency.settled else 0
        seen = b"" if card.seen is None else card.seen.tobytes()
        self._file.writelines((row, scan, seen))
        label = -1 if card.row.label is None else card.row.label
        entry = Entry(urgency, priority, label, self._end, len(row), len(scan), len(seen))
        self._end += len(row) + len(scan) + len(seen)
        return entry

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


def _priority(row: Row) -> int:
    name = f"{row.sha256} {row.page} {row.file}".encode("utf-8", "surrogateescape")
    return int.from_bytes(blake2b(name, digest_size=8).digest())
