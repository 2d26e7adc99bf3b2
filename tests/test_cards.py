"""Prepared pages become cards, in `batch_classify.cards`."""

from __future__ import annotations

import numpy as np
import pytest

from batch_classify.cards import answer, cards_of, shown, ways_of, with_copies
from batch_classify.classifier import Classifier
from batch_classify.memory import Memory
from batch_classify.prepare import Known, Prepared, deferred
from batch_classify.row import Reason, Status

IMAGE = np.eye(28, dtype=np.uint8) * 255
SCAN = np.full((40, 30), 200, np.uint8)
DIGIT = Prepared("a.png", "ab" * 32, None, 30, 40, None, "", IMAGE, SCAN, clean=True)
BROKEN = Prepared("b.png", "cd" * 32, None, None, None, Reason.UNREADABLE, "cut short")


def test_a_page_with_a_picture_is_answered(classifier: Classifier) -> None:
    """Its card has what the model says, and both pictures; its width and height are the file's."""
    (card,) = answer([DIGIT], classifier)
    (prediction,) = classifier.predict_prepared(IMAGE[None], [None])
    assert card.row.label == prediction.label and card.row.probabilities == prediction.probabilities
    assert (card.row.file, card.row.width, card.row.height) == ("a.png", 30, 40)
    assert card.pictures() == (SCAN, IMAGE)


@pytest.mark.parametrize(("page", "status"), [(BROKEN, Status.ERROR), (deferred("c.png"), Status.DEFERRED)])
def test_a_page_without_one_says_why(classifier: Classifier, page: Prepared, status: Status) -> None:
    """Nothing is lost among those that have one."""
    first, card, last = answer([DIGIT, page, DIGIT], classifier)
    assert (card.row.status, card.row.reason, card.row.detail) == (status, page.reason, page.detail)
    assert card.row.label is None and card.pictures() == (None, None)
    assert first == last


def test_what_the_network_said_before_is_not_asked_again(classifier: Classifier) -> None:
    """A page with logits keeps them."""
    (once,) = shown([DIGIT], classifier)
    known = once._replace(logits=once.logits[::-1].copy())
    (again, new) = shown([known, DIGIT], classifier)
    assert again.logits is known.logits
    assert np.array_equal(new.logits, once.logits)


def test_copies_stand_where_their_files_do(classifier: Classifier) -> None:
    """Each has the rows of its content under its own name."""
    new = cards_of(shown([DIGIT, BROKEN], classifier), classifier)
    memory = Memory()
    memory.keep([card.row for card in new])
    copy = Known("aa.png", DIGIT.sha256, None)
    cards = with_copies([DIGIT, copy, BROKEN], new, memory, None)
    assert [card.row.file for card in cards] == ["a.png", "aa.png", "b.png"]
    assert cards[1].row == new[0].row._replace(file="aa.png")
    assert cards[1].pictures() == (None, None)


def test_ways_are_those_of_this_run() -> None:
    """What was prepared in an earlier one went no way in this, nor did what could not be read."""
    earlier = DIGIT._replace(clean=None)
    assert ways_of([DIGIT, DIGIT._replace(clean=False), DIGIT, earlier, BROKEN]) == {"short": 2, "long": 1}
