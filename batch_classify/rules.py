"""Lines that were there before anybody wrote: of forms, of ruled and of squared paper.

Takes a mask of ink with the ink plane below it and takes the lines out. Does not know which ink is the digit.
"""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from batch_classify import compiled
from batch_classify.ink import Grey, Mask, quantile, u8
from batch_classify.pieces import components

PALER = 0.75
"""Of the other ink: printed rules are that pale or paler."""
_RULE = 0.6  # of the side: a line of the form or the paper is at least that long
_RULE_WIDTH = 0.05  # of the side: and at most that wide
_NEAR = 0.15  # of the side: lines this close to the border are a frame's, and end that close to it
_TILT = 0.01  # of its length: a rule is straight but for that
_GRID = 3  # lines: no digit has so many
_OWN = 0.3  # of a line: strokes cross it in no more than the rest
_CROSSED = 1.5  # of a rule's shade: darker spots are strokes that cross it
_ACCOMPANIED = 0.4  # of what lies beside a line is ink, at most
_SMALLEST_RULED = 24  # px
_PARTS = 6  # of a line: it shows in all of them, which writing does not
_SAMPLE = 40  # rows tell how much ink the bare paper has
_EVEN = 1.4  # times its faintest part: a line is no darker in most parts
_FAINT = 0.5  # of the darkest ink: one line or two are that pale, or may be part of the digit
_ALIKE = 2  # times the usual line: the lines of a grid are no darker
_HINT = 2  # level of mean ink above the paper: a row may hold a line then
_FAINTEST = 4  # levels above the paper


def without_faint_rules(ink: Grey) -> Grey:
    """Return the ink plane [h, w] less the lines that run level or upright through all of it.

    In a row with a line, most px of each part are inked as strongly as the line is. That is subtracted,
    so that a stroke across it stays.
    """
    if not compiled.may_hold_faint_rules(ink):
        return ink
    height, width = ink.shape
    rows = _promising(_means(u8(cv2.transpose(ink))), width)
    if rows.any():
        ink = _without_level_rules(ink, rows)
    columns = _promising(_means(ink), height)
    if columns.any():
        turned = np.ascontiguousarray(ink.T)
        left = _without_level_rules(turned, columns)
        if left is not turned:
            ink = np.ascontiguousarray(left.T)
    return ink


def _means(ink: Grey) -> Grey:
    """Return the mean ink in each part of each column of a plane [h, w], uint8 [w, parts].

    OpenCV takes twice as long for those of rows as for those of the columns of the plane transposed.
    """
    return u8(cv2.resize(ink, (ink.shape[1], _PARTS), interpolation=cv2.INTER_AREA)).T


def _reach(length: int) -> int:
    """Return by how many px a line of some length may rise on its way."""
    return max(1, round(_TILT * length))


def _promising(means: Grey, length: int) -> NDArray[np.bool_]:
    """Tell of each row, [h], whether it may hold a line, by the mean ink in its parts, [h, parts]."""
    middle = len(means) // 2
    paper = np.partition(means, middle, axis=0)[middle]
    return np.asarray(_nearby(means - np.minimum(means, paper), _reach(length)).min(axis=1) >= _HINT)


def _nearby(values: Grey, reach: int) -> Grey:
    """Return the greatest of the values [h, …] in so many rows to either side of each."""
    greatest = values.copy()
    for step in range(1, reach + 1):
        np.maximum(greatest[step:], values[:-step], out=greatest[step:])
        np.maximum(greatest[:-step], values[step:], out=greatest[:-step])
    return greatest


def _shades(ink: Grey, promising: NDArray[np.bool_]) -> tuple[Grey, Grey]:
    """Return how much ink there is along each promising row, [h], of a plane [h, w], above the paper's.

    First in each part of it, [h, parts], and then, where the row looks like a line, the least of its
    parts, [h], elsewhere 0.
    """
    sample = _usual(ink[:: max(1, len(ink) // _SAMPLE)])
    middle = len(sample) // 2
    paper = np.partition(sample, middle, axis=0)[middle]
    usual = np.zeros((len(ink), _PARTS), np.uint8)
    found = _usual(ink[promising])
    usual[promising] = found - np.minimum(found, paper)
    nearby = _nearby(usual, _reach(ink.shape[1]))
    through = nearby.min(axis=1)
    through[(through < _FAINTEST) | (np.sort(nearby, axis=1)[:, _PARTS // 3] > _EVEN * through + 1)] = 0
    return usual, through


def _usual(ink: Grey) -> Grey:
    """Return the median ink in each part of each row, uint8 [h, parts], of a plane [h, w]."""
    parts = [ink[:, first:end] for first, end in pairwise(_edges(ink.shape[1]))]
    middles = [part.shape[1] // 2 for part in parts]
    medians = [np.partition(part, at)[:, at] for part, at in zip(parts, middles, strict=True)]
    return np.stack(medians, axis=1)


def _edges(width: int) -> list[int]:
    return [round(part * width / _PARTS) for part in range(_PARTS + 1)]


def _without_level_rules(ink: Grey, promising: NDArray[np.bool_]) -> Grey:
    """Return the ink plane [h, w] without the level lines that some of the `promising` rows, [h], hold."""
    height, width = ink.shape
    usual, through = _shades(ink, promising)
    runs = _runs(through)
    if not runs:
        return ink
    if len(runs) < _GRID:
        most = _FAINT * quantile(ink[through == 0], 0.98)
    else:
        most = _ALIKE * float(np.median([through[first:end].max() for first, end in runs]))
    through[through > most] = 0
    thickest = 2 * _reach(width) + max(2, round(_RULE_WIDTH * max(height, width)))
    for first, end in runs:
        if end - first > thickest:
            through[first:end] = 0
    lined = np.flatnonzero(through)
    if not lined.size:
        return ink
    line = np.repeat(np.minimum(usual[lined], through[lined, None]), np.diff(_edges(width)), axis=1)
    left = ink.copy()
    left[lined] = cv2.subtract(ink[lined], line)
    return left


def _alone(run: Mask, mask: Mask) -> bool:
    """Whether a level run of ink has paper above and below: it is no part of a broad stroke."""
    beside = u8(cv2.dilate(run, np.ones((5, 1), np.uint8))) - run
    return cv2.countNonZero(beside * mask) < _ACCOMPANIED * cv2.countNonZero(beside)


def _runs(through: Grey) -> list[tuple[int, int]]:
    """Return where each run of rows [h] that are not 0 begins and ends."""
    steps = np.flatnonzero(np.diff(np.concatenate([[False], through > 0, [False]]).astype(np.int8)))
    return list(zip(steps[::2].tolist(), steps[1::2].tolist(), strict=True))


def without_rules(mask: Mask, ink: Grey) -> Mask:
    """Return the mask without the long thin lines of frames and of ruled or squared paper, if it has any.

    A line across the whole picture is one of them if it is paler than the other ink, or if lines run along
    two sides or more: the bar of a 4 or 7 that was cut out tightly is neither.
    """
    height, width = mask.shape
    x, y, across, down = cv2.boundingRect(mask)
    level, upright = _is_through(x, across, width), _is_through(y, down, height)
    if min(mask.shape) < _SMALLEST_RULED or not (level or upright):
        return mask
    lines = _lines(mask) if level else []
    if upright:
        turned = _lines(np.ascontiguousarray(mask.T))
        lines += [(line.T, 2 + side if side >= 0 else side) for line, side in turned]
    if not lines:
        return mask
    every = np.maximum.reduce([line for line, _ in lines])
    usual = quantile(ink, 0.9, mask * (1 - every))
    framed = len({side for _, side in lines if side >= 0}) > 1
    kept = mask.copy()
    for line, side in lines:
        shades = ink[line > 0]
        shade = float(shades.mean())
        if framed and side >= 0:
            kept[line > 0] = 0
        elif shade < PALER * usual or len(lines) >= _GRID:
            kept[(line > 0) & (ink <= _CROSSED * min(shade, quantile(shades, _OWN)))] = 0
    return mask if np.array_equal(kept, mask) else kept


def _is_through(start: int, extent: int, length: int) -> bool:
    """Whether ink comes so near to both ends of a side that a line may run through there."""
    return start <= _NEAR * length and start + extent >= length - _NEAR * length


def _lines(mask: Mask) -> list[tuple[Mask, int]]:
    """Return the level lines through a mask [h, w], each with its side: 0 top, 1 bottom, -1 neither.

    In the middle they run off the picture: what ends before is the stem of a digit that was cut out tightly.
    """
    height, width = mask.shape
    tilt = max(1, round(_TILT * width))
    thick = cv2.dilate(mask, np.ones((2 * tilt + 1, 1), np.uint8))
    runs = u8(cv2.morphologyEx(thick, cv2.MORPH_OPEN, np.ones((1, round(_RULE * width)), np.uint8)))
    if not runs.any():
        return []
    labels, stats = components(runs)
    lines = []
    for label, (x, y, w, h, area) in enumerate(stats[1:].tolist(), 1):
        middle = y + h / 2
        side = 0 if middle < _NEAR * height else 1 if middle > (1 - _NEAR) * height else -1
        margin = 0 if side < 0 else _NEAR * width
        through = x <= margin and x + w >= width - margin
        if not through or area / w > 2 * tilt + max(2, _RULE_WIDTH * max(height, width)):
            continue
        run = (labels == label).view(np.uint8)
        line = mask * run
        if line.any() and (side >= 0 or _alone(run, mask)):
            lines.append((line, side))
    return lines
