"""A model before and after a fine-tuning, on the same digits that neither was to learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

CORRECTIONS = "--corrections"
"""The name of the digits from a review among the data sets."""
_DEVIATIONS = 2


@dataclass(frozen=True, slots=True)
class Comparison:
    """How many of `count` digits were read rightly before and after, how many were lost and won."""

    name: str
    count: int
    before: int
    lost: int
    won: int

    @property
    def after(self) -> int:
        """How many are read rightly by the new model."""
        return self.before - self.lost + self.won

    def to_dict(self) -> dict[str, int]:
        """Return the figures for the card."""
        return {"count": self.count, "before": self.before, "after": self.after}

    def in_words(self) -> str:
        """Tell both in a line."""
        return (
            f"{self.name}: of {self.count:,} digits kept back, {self.before / self.count:.2%} read rightly "
            f"before, {self.after / self.count:.2%} after"
        )


def compare(
    name: str, before: NDArray[np.float32], after: NDArray[np.float32], labels: NDArray[np.int64]
) -> Comparison:
    """Compare logits, float32 [N, 10] each, of the digits with these labels, int64 [N]."""
    was, is_ = before.argmax(axis=1) == labels, after.argmax(axis=1) == labels
    return Comparison(name, len(labels), int(was.sum()), int((was & ~is_).sum()), int((~was & is_).sum()))


def worse(comparisons: Sequence[Comparison]) -> str:
    """Say in what the new model is worse, or nothing.

    On the corrections it may not read fewer than before. On all other digits together it may lose no more
    than it wins but by chance: two standard deviations of the difference (McNemar 1947), since two equally
    good models never make just the same mistakes.
    """
    if any(one.name == CORRECTIONS and one.after < one.before for one in comparisons):
        return "it reads fewer of the corrections that were kept back"
    lost = sum(one.lost for one in comparisons if one.name != CORRECTIONS)
    won = sum(one.won for one in comparisons if one.name != CORRECTIONS)
    if lost - won > _DEVIATIONS * sqrt(lost + won):
        return f"it has forgotten: of the other digits it lost {lost:,} and won {won:,}"
    return ""
