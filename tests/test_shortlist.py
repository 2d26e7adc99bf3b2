"""Which rows make it onto the page, and in which order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_classify.report.shortlist import Card, Shortlist, thumbnail
from batch_classify.row import Row, Status

URGENT_FIRST = [
    Row("z.png", None, Status.REVIEW, confidence=0.2),
    Row("a.png", None, Status.REVIEW, confidence=0.5),
    Row("b.tif", 2, Status.REVIEW, confidence=0.5),
    Row("b.tif", 10, Status.REVIEW, confidence=0.5),
    Row("c.png", None, Status.REJECTED),
    Row("d.png", None, Status.REJECTED),
    Row("a.png", None, Status.ERROR),
    Row("a.png", None, Status.DEFERRED),
    Row("b.png", None, Status.OK, confidence=0.9),
    Row("a.png", None, Status.OK, confidence=0.99),
    Row("a.png", None, Status.REVIEWED),
]


def rows_of(shortlist: Shortlist) -> list[Row]:
    """Return the rows of the cards kept."""
    return [card.row for card in shortlist.cards()]


@given(st.permutations(URGENT_FIRST), st.integers(0, len(URGENT_FIRST) + 1))
def test_the_most_urgent_are_kept(arrived: list[Row], capacity: int) -> None:
    """The rows that need a human most are kept and come first, in whatever order they arrived."""
    shortlist = Shortlist(capacity)
    for row in arrived:
        shortlist.offer(Card(row, None, None))
    assert rows_of(shortlist) == URGENT_FIRST[:capacity]
    assert len(shortlist) == min(capacity, len(URGENT_FIRST))


def test_every_status_has_a_place() -> None:
    """No status is unknown to the order."""
    shortlist = Shortlist()
    for status in Status:
        shortlist.offer(Card(Row("a.png", None, status), None, None))
    assert len(shortlist) == len(Status)


@pytest.mark.parametrize(
    ("shape", "small"),
    [((96, 96), (96, 96)), ((20, 30), (20, 30)), ((400, 200), (96, 48)), ((1, 5000), (1, 96))],
)
def test_a_thumbnail_keeps_the_shape(shape: tuple[int, int], small: tuple[int, int]) -> None:
    """The longer side is at most 96 pixels, the other in proportion but never nothing."""
    assert thumbnail(np.zeros(shape, np.uint8)).shape == small


def test_a_thumbnail_does_not_hold_the_scan() -> None:
    """A small scan is copied, so that the memory it was decoded in is free to go."""
    scan = np.zeros((20, 20), np.uint8)
    assert not np.shares_memory(thumbnail(scan), scan)
