"""Two digits side by side, from the ink of two single ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from papers import Rng

Ink = NDArray[np.float32]  # [h, w, 3]: how much darker than the paper, 0 to 1
FAINT = 0.3  # of a digit's darkest: what counts as its stroke where two meet
SPACINGS = "with a gap", "touching", "overlapping"


def strokes(ink: Ink) -> NDArray[np.bool_]:
    """Return where a digit's strokes are, bool [h, w]."""
    dark = ink.max(axis=2)
    return np.asarray(dark > FAINT * dark.max())


def contact(left: Ink, right: Ink) -> int:
    """Return how far from the left digit's left edge the right one begins, px, where they just touch."""
    ends = [int(np.flatnonzero(row)[-1]) if row.any() else None for row in strokes(left)]
    starts = [int(np.flatnonzero(row)[0]) if row.any() else None for row in strokes(right)]
    reach = [
        end - start for end, start in zip(ends, starts, strict=True) if end is not None and start is not None
    ]
    return max(reach, default=left.shape[1])


def joined(rng: Rng, left: Ink, right: Ink, spacing: str) -> Ink:
    """Return the two, of one height, beside each other."""
    height, narrower = left.shape[0], min(left.shape[1], right.shape[1])
    at = contact(left, right)
    if spacing == "with a gap":
        at = left.shape[1] + max(3, round(rng.uniform(0.12, 0.5) * height))
    elif spacing == "overlapping":
        at -= max(1, round(rng.uniform(0.08, 0.2) * narrower))
    at = max(at, left.shape[1] // 2, 0)
    both = np.zeros((height, max(left.shape[1], at + right.shape[1]), 3), np.float32)
    both[:, : left.shape[1]] = left
    part = both[:, at : at + right.shape[1]]
    np.maximum(part, right, out=part)
    return both
