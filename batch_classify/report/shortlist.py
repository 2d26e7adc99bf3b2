"""The cards of the page: the rows that a human should see first, however many rows there are.

Knows which row is more urgent than another; not what a card looks like.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from batch_classify.decode import Grey
from batch_classify.row import Row, Status

_SIDE = 96
_ORDER = [Status.REVIEW, Status.REJECTED, Status.ERROR, Status.DEFERRED, Status.OK, Status.REVIEWED]
_RANK = {status: rank for rank, status in enumerate(_ORDER)}


@dataclass(frozen=True, slots=True)
class Card:
    """A row with its pictures, where it has any.

    `scan` is a `thumbnail` of the page, uint8 [height, width]; `seen` is what the model was shown,
    uint8 [28, 28].
    """

    row: Row
    scan: Grey | None
    seen: Grey | None


def thumbnail(grey: Grey) -> Grey:
    """Return a copy of the picture, shrunk until its longer side is at most 96 pixels."""
    height, width = grey.shape
    longer = max(height, width)
    if longer <= _SIDE:
        return grey.copy()
    size = max(1, round(width * _SIDE / longer)), max(1, round(height * _SIDE / longer))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)


class _Urgency(NamedTuple):
    """Place of a row in the queue, the most urgent being the least."""

    rank: int
    confidence: float
    file: str
    page: int


def _urgency(row: Row) -> _Urgency:
    return _Urgency(_RANK[row.status], row.confidence or 0.0, row.file, row.page or 0)


class _Entry:
    """A card in the heap, which has the least urgent on top."""

    __slots__ = ("card", "urgency")

    def __init__(self, card: Card) -> None:
        self.card = card
        self.urgency = _urgency(card.row)

    def __lt__(self, other: _Entry) -> bool:
        return other.urgency < self.urgency


class Shortlist:
    """The `capacity` most urgent cards of those offered, whatever order they come in.

    First rows to review, then rejected, failed and deferred ones, then those that are fine; within
    each the least sure first, and among equals by file and page.
    """

    def __init__(self, capacity: int = 2000) -> None:
        self._capacity = capacity
        self._heap: list[_Entry] = []

    def __len__(self) -> int:
        return len(self._heap)

    def offer(self, card: Card) -> None:
        """Keep the card if it is among the most urgent so far."""
        if len(self._heap) < self._capacity:
            heapq.heappush(self._heap, _Entry(card))
        else:
            heapq.heappushpop(self._heap, _Entry(card))

    def cards(self) -> list[Card]:
        """Return the cards kept, the most urgent first."""
        return [entry.card for entry in sorted(self._heap, reverse=True)]
