"""Lines that were there before anybody wrote: of forms, of ruled and of squared paper.

Takes a mask of ink with the ink plane below it and takes the lines out. Does not know which ink is the digit.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from batch_classify.ink import Bools, Grey, Mask, Wholes, quantile, u8
from batch_classify.pieces import Labels, components

T = TypeVar("T", bound=np.generic)

PALER = 0.75
"""Of the other ink: printed rules are that pale or paler."""
_RULE = 0.6  # of the side: a line of the form or the paper is at least that long
_RULE_WIDTH = 0.05  # of the side: and at most that wide
_MARGIN = 0.06  # of the side: and ends at most that far from the border
_NEAR = 0.15  # of the side: lines this close to the border are a frame's
_TILT = 0.01  # of its length: a rule is straight but for that
_GRID = 3  # lines: no digit has so many
_OWN = 0.3  # of a line: strokes cross it in no more than the rest
_CROSSED = 1.5  # of a rule's shade: darker spots are strokes that cross it
_ACCOMPANIED = 0.4  # of what lies beside a line is ink, at most
_SMALLEST_RULED = 24  # px
_PARTS = 6  # of a line: it shows in all of them, which writing does not
_SAMPLE = 40  # rows tell how much ink the bare paper has
_FEWEST = 3  # px a part
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
    if not _reaches_ends(ink[None])[0]:
        return ink
    height, width = ink.shape
    rows = _promising(_means(u8(cv2.transpose(ink)))[None], width)
    if rows.any():
        ink = _without_level_rules(ink, rows)
    columns = _promising(_means(ink)[None], height)
    if columns.any():
        turned = np.ascontiguousarray(ink.T)
        left = _without_level_rules(turned, columns)
        if left is not turned:
            ink = np.ascontiguousarray(left.T)
    return ink


def may_hold_faint_rules(inks: Grey) -> Bools:
    """Tell of each ink plane [N, h, w] whether `without_faint_rules` may take something out of it."""
    _, height, width = inks.shape
    may = _reaches_ends(inks)
    if may.any():
        rows = _means(np.hstack(list(inks[may].transpose(0, 2, 1)))).reshape(-1, height, _PARTS)
        columns = _means(np.hstack(list(inks[may]))).reshape(-1, width, _PARTS)
        _, level = _shades(inks[may], _promising(rows, width))
        _, upright = _shades(inks[may].transpose(0, 2, 1), _promising(columns, height))
        may[may] = level.any(axis=1) | upright.any(axis=1)
    return may


def _reaches_ends(inks: Grey) -> Bools:
    """Tell of each ink plane [N, h, w] whether it is large enough for lines, and has ink at its ends."""
    if min(inks.shape[1:]) < _PARTS * _FEWEST:
        return np.zeros(len(inks), np.bool_)
    ends = inks[:, [0, 1, -2, -1]].max(axis=(1, 2)), inks[:, :, [0, 1, -2, -1]].max(axis=(1, 2))
    return np.asarray(np.maximum(*ends) >= _FAINTEST)


def _means(ink: Grey) -> Grey:
    """Return the mean ink in each part of each column of a plane [h, w], uint8 [w, parts].

    OpenCV takes twice as long for those of rows as for those of the columns of the plane transposed.
    """
    return u8(cv2.resize(ink, (ink.shape[1], _PARTS), interpolation=cv2.INTER_AREA)).T


def _reach(length: int) -> int:
    """Return by how many px a line of some length may rise on its way."""
    return max(1, round(_TILT * length))


def _promising(means: Grey, length: int) -> Bools:
    """Tell of each row [N, h] whether it may hold a line, by the mean ink in its parts [N, h, parts]."""
    middle = means.shape[1] // 2
    paper = np.partition(means, middle, axis=1)[:, middle : middle + 1]
    return np.asarray(_nearby(means - np.minimum(means, paper), _reach(length)).min(axis=2) >= _HINT)


def _nearby(values: NDArray[T], reach: int) -> NDArray[T]:
    """Return the greatest of the values [N, h, …] in so many rows to either side of each."""
    greatest = values.copy()
    for step in range(1, reach + 1):
        np.maximum(greatest[:, step:], values[:, :-step], out=greatest[:, step:])
        np.maximum(greatest[:, :-step], values[:, step:], out=greatest[:, :-step])
    return greatest


def _shades(inks: Grey, promising: Bools) -> tuple[Grey, Grey]:
    """Return how much ink there is along each promising row, [N, h], of planes [N, h, w], above the paper's.

    First in each part of it, [N, h, parts], and then, where the row looks like a line, the least of its
    parts, [N, h], elsewhere 0.
    """
    sample = _usual(inks[:, :: max(1, inks.shape[1] // _SAMPLE)])
    middle = sample.shape[1] // 2
    paper = np.partition(sample, middle, axis=1)[:, middle]
    usual = np.zeros((*promising.shape, _PARTS), np.uint8)
    places = np.nonzero(promising)
    found = _usual(inks[places])
    usual[places] = found - np.minimum(found, paper[places[0]])
    nearby = _nearby(usual, _reach(inks.shape[2]))
    through = nearby.min(axis=2)
    through[(through < _FAINTEST) | (np.sort(nearby, axis=2)[..., _PARTS // 3] > _EVEN * through + 1)] = 0
    return usual, through


def _usual(ink: Grey) -> Grey:
    """Return the median ink in each part of each row, uint8 [..., parts], of planes [..., w]."""
    parts = [ink[..., first:end] for first, end in pairwise(_edges(ink.shape[-1]))]
    middles = [part.shape[-1] // 2 for part in parts]
    medians = [np.partition(part, at)[..., at] for part, at in zip(parts, middles, strict=True)]
    return np.stack(medians, axis=-1)


def _edges(width: int) -> list[int]:
    return [round(part * width / _PARTS) for part in range(_PARTS + 1)]


def _without_level_rules(ink: Grey, promising: Bools) -> Grey:
    """Return the ink plane [h, w] without the level lines that some of the `promising` rows, [1, h], hold."""
    height, width = ink.shape
    (usual,), (through,) = _shades(ink[None], promising)
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
    """Return the mask without the long thin lines of frames and of ruled or squared paper.

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
    return kept


def may_hold_rules(masks: Mask, boxes: Wholes) -> Bools:
    """Tell of each mask [N, h, w] whether `without_rules` may take something out of it.

    `boxes`, [4, N], are the left, top, width and height of each one's ink.
    """
    count, height, width = masks.shape
    x, y, across, down = boxes
    may = np.zeros(count, np.bool_)
    if min(height, width) < _SMALLEST_RULED:
        return may
    for through, turned in (
        (_is_through(x, across, width), masks),
        (_is_through(y, down, height), masks.transpose(0, 2, 1)),
    ):
        places = np.flatnonzero(through)
        if places.size:
            _, lines = _long_runs(turned[places])
            may[places[lines[1]]] = True
    return may


def _is_through(start: Wholes | int, extent: Wholes | int, length: int) -> Bools | bool:
    """Whether ink comes so near to both ends of a side that a line may run through there."""
    return (start <= _NEAR * length) & (start + extent >= length - _NEAR * length)


def _lines(mask: Mask) -> list[tuple[Mask, int]]:
    """Return the level lines through a mask [h, w], each with its side: 0 top, 1 bottom, -1 neither."""
    labels, found = _long_runs(mask[None])
    lines = []
    for label, _, side in found.T.tolist():
        run = (labels[0] == label).view(np.uint8)
        line = mask * run
        if line.any() and (side >= 0 or _alone(run, mask)):
            lines.append((line, side))
    return lines


def _long_runs(masks: Mask) -> tuple[Labels, Wholes]:
    """Return what runs level through masks [N, h, w], labelled, and which of it is as thin as a line.

    The latter is [3, M]: the label, which of the masks, and the side as `_lines` gives it.
    """
    count, height, width = masks.shape
    tilt = max(1, round(_TILT * width))
    # One picture of all of them, with paper between, which is a call to OpenCV instead of N.
    wide = np.zeros((count, height + 2 * tilt, width), np.uint8)
    wide[:, tilt:-tilt] = masks
    thick = u8(cv2.dilate(wide.reshape(-1, width), np.ones((2 * tilt + 1, 1), np.uint8))).reshape(wide.shape)
    thick[:, :tilt] = thick[:, -tilt:] = 0
    along = np.ones((1, round(_RULE * width)), np.uint8)
    runs = u8(cv2.morphologyEx(thick.reshape(-1, width), cv2.MORPH_OPEN, along))
    if not runs.any():
        return np.zeros(masks.shape, np.int32), np.zeros((3, 0), np.int64)
    labels, stats = components(runs)
    x, y, w, h, area = stats[1:].T.astype(np.int64)
    number, top = np.divmod(y, height + 2 * tilt)
    middle = top - tilt + h / 2
    side = np.where(middle < _NEAR * height, 0, np.where(middle > (1 - _NEAR) * height, 1, -1))
    margin = width * np.where(side < 0, _MARGIN, _NEAR)
    through = (x <= margin) & (x + w >= width - margin)
    thin = area / w <= 2 * tilt + max(2, _RULE_WIDTH * max(height, width))
    lines = np.flatnonzero(through & thin)
    labelled = labels.reshape(wide.shape)[:, tilt:-tilt]
    return labelled, np.stack([lines + 1, number[lines], side[lines]])
