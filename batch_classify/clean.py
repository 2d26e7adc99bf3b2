"""The short way for clean scans: bare paper, and on it a single piece of dark ink.

Most scans that a program has cut out are like that, and need no search for shadows, rules, frames,
neighbours or specks. What is told here is what the long way would have told, in a fraction of its time; a
scan that leaves any doubt goes the long way. Scans of one size are looked at together, since on 28×28
pixels a call costs more than what it does. Knows nothing of sizes to fit.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from batch_classify.frames import may_be_frames
from batch_classify.halves import on_one_paper
from batch_classify.ink import (
    EVEN,
    Bools,
    Box,
    Grey,
    Mask,
    Wholes,
    plain_levels,
    planes_on_flat_paper,
    quantile,
    share_near,
    u8,
    variation,
    variations,
)
from batch_classify.pieces import components
from batch_classify.rules import may_hold_faint_rules, may_hold_rules, without_faint_rules, without_rules
from batch_classify.strokes import is_writing, share_inside

_BARE = 0.5  # of the picture: with so much flat paper, nothing at its border is a frame
_DARK = 0.9  # of the ink is no darker than what counts as dark


@dataclass(frozen=True, slots=True)
class Clean:
    """A digit alone on bare paper.

    ink: the ink plane, uint8 [h, w].
    mask: where the digit's strokes are in it, uint8 [h, w].
    box: where they lie.
    glyph: what is in the box, without what is too pale and stands apart.
    dark: the level that a tenth of the digit's ink exceeds.
    variation: the glyph's total variation, in levels times px.
    """

    ink: Grey
    mask: Mask
    box: Box
    glyph: Grey
    dark: int
    variation: float


def clean_digits(scans: Grey) -> list[Clean | None]:
    """Return the only piece of ink in each scan, uint8 [N, h, w], or None unless it plainly is a digit."""
    found: list[Clean | None] = [None] * len(scans)
    places = np.flatnonzero(_on_bare_paper(scans))
    if places.size:
        bare = scans[places]
        inks, _ = planes_on_flat_paper(bare, bare[:, 0, 0])
        for place, digit in zip(places.tolist(), _digits(inks), strict=True):
            found[place] = digit
    return found


def _on_bare_paper(scans: Grey) -> Bools:
    """Tell of each scan [N, h, w] whether it is flat paper of its corner's level, but for a digit.

    The digit may touch the border.
    """
    paper = scans[:, 0, :1]
    ends = scans[:, 0], scans[:, -1], scans[:, 1:-1, 0], scans[:, 1:-1, -1]
    most = (1 - EVEN) * sum(end.shape[1] for end in ends)
    inked = [np.count_nonzero(ends[0] != paper, axis=1)]
    if (inked[0] > most).all():  # which tells most scans with the paper's own noise
        return np.zeros(len(scans), np.bool_)
    inked += [np.count_nonzero(end != paper, axis=1) for end in ends[1:]]
    bare: Bools = np.sum(inked, axis=0) <= most
    # A seam may be only where ink touches two ends that face each other.
    through = np.minimum(*inked[:2]) + np.minimum(*inked[2:]) > 0
    for place in np.flatnonzero(bare).tolist():
        scan = scans[place]
        flat = share_near(scan, int(scan[0, 0])) >= _BARE
        bare[place] = flat and (not through[place] or on_one_paper(scan) is scan)
    return bare


def _digits(inks: Grey) -> list[Clean | None]:
    """Return the digit of each ink plane [N, h, w], or None where there is any doubt."""
    count = len(inks)
    weak, strong, plain = plain_levels(inks)
    masks = (inks >= weak[:, None, None]).view(np.uint8)
    area = np.count_nonzero(masks, axis=(1, 2))
    boxes = np.array([cv2.boundingRect(mask) for mask in masks], np.int64).T
    dark = np.array([quantile(ink, _DARK, mask) for ink, mask in zip(inks, masks, strict=True)], np.int64)
    left, top = (max(0, int(first.min()) - 1) for first in boxes[:2])
    right, bottom = (int(past.max()) + 1 for past in boxes[:2] + boxes[2:])
    around = np.s_[:, top:bottom, left:right]
    apart = _apart(masks[around])
    whole = apart.reshape(-1, apart.shape[2])
    near = u8(cv2.dilate(whole, np.ones((3, 3), np.uint8))).reshape(apart.shape) * _apart(inks[around])
    depths = cv2.distanceTransform(whole, cv2.DIST_L2, 3).reshape(count, -1).max(axis=1)
    lengths = variations(near)
    plain &= (area > 0) & (boxes[2] <= boxes[3]) & (_pieces(apart) == 1) & ~may_be_frames(masks, boxes)
    plain &= dark > strong
    plain &= is_writing(inks, boxes, dark, weak, share_inside(masks), depths.astype(np.float64), lengths)
    for place in np.flatnonzero(plain & may_hold_faint_rules(inks)).tolist():
        ink = inks[place]
        plain[place] = without_faint_rules(ink) is ink
    for place in np.flatnonzero(plain & may_hold_rules(masks, boxes)).tolist():
        mask = masks[place]
        plain[place] = without_rules(mask, inks[place]) is mask
    found: list[Clean | None] = [None] * count
    for place in np.flatnonzero(plain).tolist():
        box = Box(*boxes[:, place].tolist())
        x, y = box.x - left + 1, box.y - top + 1
        glyph = near[place, y : y + box.height, x : x + box.width]
        # Paler ink around a digit lies outside its box too, and is no part of the glyph.
        length = float(lengths[place]) if weak[place] == 1 else variation(glyph)
        found[place] = Clean(inks[place], masks[place], box, glyph, int(dark[place]), length)
    return found


def _apart(planes: Grey) -> Grey:
    """Return planes [N, h, w] with a bare border around each, so that together they are one picture."""
    return np.pad(planes, ((0, 0), (1, 1), (1, 1)))


def _pieces(masks: Mask) -> Wholes:
    """Count the pieces of ink in each mask [N, h, w] with a bare border."""
    count, height, width = masks.shape
    _, stats = components(masks.reshape(-1, width))
    return np.bincount(stats[1:, cv2.CC_STAT_TOP] // height, minlength=count)
