"""The short way for clean scans: bare paper all around, and on it a single piece of dark ink.

Most scans that a program has cut out are like that, and need no search for shadows, rules, frames,
neighbours or specks. What is told here is what the long way would have told, in less than half of the
time; a scan that leaves any doubt goes the long way. Knows nothing of sizes to fit.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from batch_classify.frames import may_be_frame
from batch_classify.ink import Grey, Levels, Mask, border, levels_of, on_flat_paper, quantile, share_near
from batch_classify.rules import without_faint_rules, without_rules
from batch_classify.strokes import is_surely_writing

_PAPER_AND_DIGIT = 2
_BARE = 0.5  # of the picture: with so much paper, nothing at its border is a frame


@dataclass(frozen=True, slots=True)
class Clean:
    """A digit alone on bare paper: its ink plane, the mask of its strokes (uint8 [h, w]), the levels."""

    ink: Grey
    mask: Mask
    levels: Levels


def clean_digit(grey: Grey) -> Clean | None:
    """Return the only piece of ink in a scan uint8 [h, w], or None unless it is plain that it is a digit."""
    paper = int(grey[0, 0])
    if (border(grey) != paper).any() or share_near(grey, paper) < _BARE:
        return None
    ink = on_flat_paper(grey, paper).plane
    if without_faint_rules(ink) is not ink:
        return None
    levels = levels_of(ink)
    mask = (ink >= levels.weak).view(np.uint8)
    x, y, width, height = cv2.boundingRect(mask)
    inside = x > 0 and y > 0 and x + width < grey.shape[1] and y + height < grey.shape[0]
    if width > height or not inside:
        return None
    piece = np.ascontiguousarray(mask[y : y + height, x : x + width])
    if cv2.connectedComponents(piece)[0] != _PAPER_AND_DIGIT:
        return None
    if may_be_frame(piece, mask.shape) or without_rules(mask, ink) is not mask:
        return None
    dark = quantile(ink[mask.view(np.bool_)], 0.9)
    if dark <= levels.strong or not is_surely_writing(ink, mask, dark, levels.weak):
        return None
    return Clean(ink, mask, levels)
