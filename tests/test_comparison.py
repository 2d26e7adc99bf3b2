"""Before and after a fine-tuning, in `train.comparison`."""

from __future__ import annotations

import numpy as np
import pytest

from train.comparison import CORRECTIONS, Comparison, compare, worse


def test_what_is_lost_and_won() -> None:
    """Each digit is read by both models, and what one lost the other does not make up for unseen."""
    labels = np.array([0, 1, 2, 3])
    before = np.eye(10, dtype=np.float32)[[0, 1, 9, 9]]
    after = np.eye(10, dtype=np.float32)[[0, 9, 2, 3]]
    found = compare("mnist", before, after, labels)
    assert found == Comparison("mnist", 4, before=2, lost=1, won=2)
    assert found.after == 3
    assert "50.00% read rightly before, 75.00% after" in found.in_words()
    assert found.to_dict() == {"count": 4, "before": 2, "after": 3}


@pytest.mark.parametrize(
    ("comparisons", "words"),
    [
        ([Comparison(CORRECTIONS, 10, 2, 0, 3), Comparison("mnist", 5000, 4980, 8, 5)], ""),
        ([Comparison(CORRECTIONS, 10, 2, 1, 1), Comparison("mnist", 5000, 4980, 0, 0)], ""),
        ([Comparison(CORRECTIONS, 10, 2, 1, 0), Comparison("mnist", 5000, 4980, 0, 9)], "fewer of the corr"),
        ([Comparison(CORRECTIONS, 10, 2, 0, 8), Comparison("mnist", 5000, 4980, 30, 9)], "lost 30 and won 9"),
        ([Comparison("mnist", 9, 9, 3, 0), Comparison("usps", 9, 9, 3, 0)], "lost 6 and won 0"),
        ([Comparison("mnist", 9, 9, 3, 0)], ""),
        ([], ""),
    ],
)
def test_what_is_worse(comparisons: list[Comparison], words: str) -> None:
    """Any loss on the corrections, or on the others more than chance explains; all sets count together."""
    found = worse(comparisons)
    assert words in found
    assert bool(found) is bool(words)
