"""What `evaluate` says, in `train.words`."""

from __future__ import annotations

import numpy as np

from train.evaluation import measure
from train.rejection import Rejection
from train.words import in_words

SHARES = np.full((4, 10), 0.01)
SHARES[[0, 1, 2, 3], [3, 3, 4, 4]] = 0.91, 0.81, 0.71, 0.61


def test_the_words_say_the_figures() -> None:
    """A person reads each figure with its meaning, and the matrix with the recall of each digit."""
    found = measure(SHARES, np.array([3, 4, 4, 4]), 0.75, operating_points={"0.003": 0.75})
    words = in_words(found, {})
    lines = [line.split() for line in words.splitlines()]
    assert lines[:2] == [
        ["digits", "4"],
        ["accuracy", "75.00%", "95%", "interval", "30.06%", "to", "95.44%"],
    ]
    assert [
        "accepted",
        "50.00%",
        *[
            "50.00%",
            "of",
            "these",
            "are",
            "wrong;",
            "0%",
            "of",
            "all",
            "mistakes",
            "are",
            "not",
            "among",
            "them",
        ],
    ] in lines
    assert any(line[:3] == ["for", "0.3%", "50.00%"] for line in lines)
    assert ["4", *"···12······", "66.67%"] in lines
    assert ["5", *"···········"] in lines
    assert max(map(len, words.splitlines())) <= 100


def test_the_words_say_what_became_of_others() -> None:
    """Scans of no digit have a table of their own."""
    found = measure(SHARES, np.array([3, 4, 4, 4]), 0.75)
    words = in_words(found, {"blank": Rejection(50, 0.98, (0.8954, 0.9965), 0.02, 0.0, None)})
    line = next(line.split() for line in words.splitlines() if "blank" in line)
    assert line == ["blank", "50", "98.00%", "89.54%", "to", "99.65%", "2.00%", "0.00%"]
