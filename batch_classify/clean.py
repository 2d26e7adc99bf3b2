"""The short way for easy scans: a single piece of dark writing, on paper that is bare or evenly noisy.

Most scans are like that, and need no search for shadows, rules, frames, neighbours or specks. `c/clean.c`
tells them in a fraction of the long way's time, and makes the picture. Those of which it is not sure are
looked at once more here, and a scan that leaves any doubt goes the long way. On bare paper the digit is what
the long way would have found, to the byte. A scan with noise is reduced by a whole factor, which is quick,
and comes out nearly as the long way has it.

Knows nothing of sizes to fit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from batch_classify import compiled
from batch_classify.halves import on_one_paper
from batch_classify.ink import Box, Grey, Mask, shrink
from batch_classify.rules import without_faint_rules, without_rules

_SEAM, _FAINT_RULES, _RULES = 1, 2, 4  # checks that clean.c leaves to be made


@dataclass(frozen=True, slots=True)
class Clean:
    """A digit alone on its paper.

    ink: the ink plane, uint8 [h, w].
    mask: where there is ink in it, uint8 [h, w].
    box: where the digit lies.
    glyph: what is in the box, less the paper's noise and what is too pale and stands apart.
    dark: the level that a tenth of the digit's ink exceeds.
    """

    ink: Grey
    mask: Mask
    box: Box
    glyph: Grey
    dark: int


def clean_digit(grey: Grey) -> Clean | None:
    """Return the only piece of ink in a scan, uint8 [h, w], or None unless it plainly is a digit."""
    found = compiled.easy_digit(grey)
    if found is None:
        return None
    digit, ink, glyph = found
    mask = (ink >= digit.weak).view(np.uint8)
    if (
        (digit.checks & _SEAM and on_one_paper(scan := shrink(grey)) is not scan)
        or (digit.checks & _FAINT_RULES and without_faint_rules(ink) is not ink)
        or (digit.checks & _RULES and without_rules(mask, ink) is not mask)
    ):
        return None
    box = Box(digit.box.x, digit.box.y, digit.box.width, digit.box.height)
    return Clean(ink, mask, box, glyph, digit.dark)
