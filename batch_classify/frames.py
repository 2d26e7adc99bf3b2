"""Printed boxes around the writing: thick or thin, askew, rounded, double, or cut off by the picture's edge.

Takes a mask of ink and takes the boxes out, those that the writing touches as well. Knows that a box runs
along all of its sides and that something stands inside; not what.
"""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from batch_classify.ink import Grey, Mask, u8
from batch_classify.pieces import Components, components

T = TypeVar("T", bound=np.generic)

_SMALLEST = 18  # px; a box is that wide and high
_SHARE = 0.3  # of the picture: and takes that much of its width and height
_BAND = 0.16  # of its shorter side: along each side it stays within that
_COVERED = 0.85  # of a side has ink in that band; 0.73 of a circle's
_THICKEST = 0.17  # of its shorter side
_UNEVEN = 1.5  # times its usual thickness: where the ink is thicker, writing touches it
_FREE = 0.25  # of a side, at least: writing touches it in no more than the rest
_INSIDE = 0.15  # of its shorter side: what stands inside is that long
_TRACE = 0.02  # of its ink: less of it inside is no writing
_NESTED = 3  # boxes in each other, at most


def without_frames(ink: Grey, found: Components) -> Grey:
    """Return the ink plane [h, w] without the boxes that are drawn by what was found in it."""
    mask = (found.labels > 0).view(np.uint8)
    for number in range(_NESTED):
        line = _frame(mask, components(mask) if number else found)
        if line is None:
            break
        mask[line] = 0
        ink = ink * (1 - u8(cv2.dilate(line.view(np.uint8), np.ones((3, 3), np.uint8))) * (1 - mask))
    return ink


def _frame(mask: Mask, found: Components) -> NDArray[np.bool_] | None:
    """Return where the line of a box runs in a mask [h, w]; None where none has something in it."""
    labels, stats = found
    height, width = mask.shape
    for index in np.argsort(-stats[1:, 2] * stats[1:, 3], kind="stable")[:2].tolist():
        x, y, w, h, _ = stats[index + 1].tolist()
        if not _is_large(w, h, mask.shape):
            break
        box = (slice(y, y + h), slice(x, x + w))
        piece = np.asarray(labels[box] == index + 1)
        ends = (y == 0, y + h == height, x == 0, x + w == width)
        line = _line_of(piece, ends)
        if line is None:
            continue
        if _something(mask[box] * (1 - line.view(np.uint8))):
            everywhere = np.zeros(mask.shape, np.bool_)
            everywhere[box] = line
            return everywhere
    return None


def _is_large(width: int, height: int, picture: tuple[int, ...]) -> bool:
    """Whether something of some width and height has the size of a box in a picture [h, w]."""
    share = height >= _SHARE * picture[0] and width >= _SHARE * picture[1]
    return share and min(width, height) >= _SMALLEST


def _views(piece: NDArray[T]) -> tuple[NDArray[T], ...]:
    """Return a piece [h, w] as seen from its top, bottom, left and right, each on top."""
    return piece, piece[::-1], piece.T, piece[:, ::-1].T


def _line_of(piece: NDArray[np.bool_], ends: tuple[bool, ...]) -> NDArray[np.bool_] | None:
    """Return the ink of a piece [h, w] that is the line of a box, or None where it is none.

    `ends` says at which sides (top, bottom, left, right) the picture ends, so that one may be missing.
    """
    shorter = min(piece.shape)
    band = max(2, round(_BAND * shorter))
    covered = [bool(view[:band].any(axis=0).mean() >= _COVERED) for view in _views(piece)]
    if sum(covered) < 2 or not all(one or end for one, end in zip(covered, ends, strict=True)):
        return None
    sides = [_outer(view[: 3 * band], band) for view in _views(piece)]
    usual = [_thickness(depth) for _, depth in sides]
    if max(one for one, there in zip(usual, covered, strict=True) if there) > max(2, _THICKEST * shorter):
        return None
    line = np.zeros_like(piece)
    for out, (first, depth), thickness, there in zip(_views(line), sides, usual, covered, strict=True):
        if there:
            rows = np.arange(min(3 * band, len(out)))[:, None]
            most = np.where(depth > round(_UNEVEN * thickness) + 1, thickness, depth)
            out[: 3 * band] |= (rows >= first) & (rows < first + most)
    return line


def _outer(near: NDArray[np.bool_], band: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return where in each column [w] of a strip one first meets ink from above, and how many px of it.

    Where that is below `band`, it is none.
    """
    first = near.argmax(axis=0)
    after = ~near & (np.arange(len(near))[:, None] > first)
    end = np.where(after.any(axis=0), after.argmax(axis=0), len(near))
    return first, np.where(near.any(axis=0) & (first < band), end - first, 0)


def _thickness(depth: NDArray[np.intp]) -> int:
    """Return how thick a side is where nothing touches it."""
    met = depth[depth > 0]
    return int(np.quantile(met, _FREE)) if met.size else 0


def _something(left: Mask) -> bool:
    """Whether ink of a digit's size is left in the box [h, w] once its line is gone."""
    _, stats = components(left)
    longest = stats[1:, 2:4].max(initial=0)
    return bool(longest >= max(4, _INSIDE * min(left.shape)))
