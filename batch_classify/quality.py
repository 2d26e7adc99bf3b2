"""Whether a scan is good enough to be trusted: a digit too small, faint or blurred, or cut off at the edge.

Such a scan gets its answer all the same; a person should scan it again. Knows strokes and ink, not which
digit it is or how sure anybody is of it.
"""

from __future__ import annotations

from math import pi, sqrt

import numpy as np

from batch_classify import compiled
from batch_classify.ink import Box, Grey, Mask

_SMALL = 10  # px of the longer side; a digit of 12 can still be read as well as any
_FAINT = 35  # levels of ink; 20 are taken for bare paper
_BLURRED = 0.045  # of the longer side: blur beyond which digits are misread; of thin strokes it seems less
_LARGE = 33  # px of the longer side; in smaller digits blur cannot be told from few pixels
_CUT = 0.3  # of the longer side that lies along one border, as no stroke's end does


def flaw_of(ink: Grey, mask: Mask, box: Box, dark: int, scale: float) -> str:
    """Say what is wrong with a digit in an ink plane [h, w]; nothing where all is well.

    `mask` is where its strokes are, uint8 [h, w], in the `box`; a tenth of its ink is darker than `dark`.
    A pixel of the plane was `scale` pixels wide in the scan.
    """
    if box.longer * scale < _SMALL:
        return f"the digit is only {round(box.longer * scale)} px large"
    if dark < _FAINT:
        return "the writing is very faint"
    if box.longer >= _LARGE:
        x, y, width, height = box
        around = ink[max(0, y - 2) : y + height + 2, max(0, x - 2) : x + width + 2]
        if blur_of(around, dark) > _BLURRED * box.longer:
            return "the scan is blurred"
    right, bottom = box.x + box.width, box.y + box.height
    inside = box.x > 0 and box.y > 0 and right < ink.shape[1] and bottom < ink.shape[0]
    cut = not inside and _is_cut(ink, mask, dark / 2, box.longer)
    return "the digit is cut off at the edge" if cut else ""


def blur_of(ink: Grey, dark: int) -> float:
    """Return the standard deviation, in px, of the blur of ink [h, w] whose strokes have the level `dark`.

    The steepest slope of an edge of that height is dark / (√(2π) × deviation), blurred normally.
    """
    return dark / (sqrt(2 * pi) * max(1.0, compiled.steepest(ink)))


def _is_cut(ink: Grey, mask: Mask, clear: float, longer: int) -> bool:
    """Whether strokes lie on one border alone, in two places or along it: a tight crop touches several."""
    every = (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1])
    borders = [line for side in every if (line := ink[side] * mask[side] > clear).any()]
    if len(borders) != 1:
        return False
    (line,) = borders
    runs = int((np.diff(line.astype(np.int8), prepend=0) == 1).sum())
    return runs > 1 or int(np.count_nonzero(line)) > _CUT * longer
