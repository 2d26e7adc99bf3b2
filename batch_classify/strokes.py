"""Which ink is the digit: pieces of ink, without frames and rules, neighbours and specks.

Takes an ink plane with its levels and gives the mask of the digit's strokes. Knows shapes and places;
not how a scan was lit, nor which digit it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from batch_classify.ink import Grey, Levels, Mask, border, quantile, separability, u8, variation

_MOST = 24  # pieces looked at; more are noise
_RULE = 0.6  # of the side: a line of the form or the paper is at least that long
_RULE_WIDTH = 0.05  # of the side: and at most that wide
_MARGIN = 0.06  # of the side: and ends at most that far from the border
_NEAR = 0.15  # of the side: lines this close to the border are a frame's
_TILT = 0.01  # of its length: a rule is straight but for that
_PALER = 0.75  # of the other ink: printed rules are that pale or paler
_GRID = 3  # lines: no digit has so many
_CROSSED = 1.5  # of a rule's shade: darker spots are strokes that cross it
_SMALLEST_RULED = 24  # px
_LARGER = 1.3  # times the main piece: the rest of a frame
_LEAST, _SPECK = 6, 0.1  # px, and of the side: a digit's longer side has that at least
_SLIM, _WIDE = 0.05, 3.5  # times its height: a 1 is wider than that, a lying digit less wide
_OUTSIDE = 0.2  # of the ink: what has less away from the border is a frame or a neighbour
_LONG = 0.5  # of the side: ink that long lies in the middle too, or it is a frame's
_PALEST = 20  # levels; the palest pencil in real scans has 26, most clouds have less
_LENGTH = 5.0  # times the longer side: strokes of a digit are shorter together; texture and grids longer
_OUTLINE, _CRISP = 7.0, 0.9  # but for black on white, where it may be the outline of a digit
_SMALL, _SHORT, _COMPACT = 0.25, 1.2, 0.35  # of the side; longer sides of stroke; of the longer side: a spot
_CLEAR = 3  # times the paper's ink beside it: writing is that dark
_REACH = 0.05  # of the side: so far goes what is beside it
_AROUND = 0.04  # of the longer side, and 2 px: the paper in which it must stand out
_DISTINCT = 0.78  # of the variance: so much of it tells writing from paper; 0.64 in noise, 0.75 in a gradient
_FORGIVEN = 0.2  # less for black, in proportion for grey: texture is pale
_AT_BORDER = 0.15  # more if all of the border is inked: shadows and frames are there
_BROAD = 0.25  # more per side of half width: clouds and shadows are broader than a pen


@dataclass(frozen=True, slots=True)
class Piece:
    """A connected piece of ink; box in px of the picture."""

    index: int
    x: int
    y: int
    width: int
    height: int
    area: int
    ink: float
    edges: int  # how many of the picture's four edges it touches
    cut: bool  # whether one of those is the left or the right

    @property
    def right(self) -> int:
        """The first column after it."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """The first row below it."""
        return self.y + self.height


@dataclass(frozen=True, slots=True)
class Strokes:
    """The digit's ink: a mask, uint8 [h, w], and whether another digit stands beside it."""

    mask: Mask
    several: bool


def strokes_of(ink: Grey, levels: Levels) -> Strokes | None:
    """Return the strokes of the digit in an ink plane [h, w], or None where there is nothing but paper."""
    mask = (ink >= levels.weak).view(np.uint8)
    bare = without_rules(mask, ink)
    labels, pieces = pieces_of(bare, ink, levels.strong)
    if not pieces:  # what looked like a rule may be all there is: a 1
        labels, pieces = pieces_of(mask, ink, levels.strong)
        if len(pieces) != 1 or pieces[0].height < 2 * pieces[0].width:
            return None
    main = max(pieces, key=lambda piece: _weight(piece, mask.shape))
    digit = digit_of(main, pieces)
    wanted = np.zeros(int(labels.max()) + 1, np.uint8)
    wanted[[piece.index for piece in digit]] = 1
    kept = wanted[labels]
    if not written(ink, kept, main, mask - bare):
        return None
    several = beside(main, pieces)
    if not several and main.width > main.height:  # pale ink may bridge two digits
        dark = pieces_of((ink * kept > levels.strong).view(np.uint8), ink, levels.strong)[1]
        several = bool(dark) and beside(dark[0], dark)
    return Strokes(kept, several)


def written(ink: Grey, kept: Mask, main: Piece, ruled: Mask) -> bool:
    """Whether what was kept of an ink plane is writing: of a digit's shape, and distinct from the paper.

    Texture, clouds, specks, the edge of a shadow, and what is left of a frame or a grid are not.
    """
    side = max(ink.shape)
    x, y, width, height = cv2.boundingRect(kept)
    longer = max(width, height)
    if longer < max(_LEAST, _SPECK * side) or not _SLIM * height <= width <= _WIDE * height:
        return False
    if (main.edges or longer > _LONG * side) and _aside(kept):
        return False
    dark = quantile(ink[kept > 0], 0.9)
    if dark < max(_PALEST, _CLEAR * _beside(ink, kept, ruled)):
        return False
    margin = max(2, round(_AROUND * longer))
    around = (slice(max(0, y - margin), y + height + margin), slice(max(0, x - margin), x + width + margin))
    bare = ruled[around] == 0
    needed = _DISTINCT - _FORGIVEN * dark / 255
    needed += _AT_BORDER * float(border(kept).mean()) + _BROAD * half_width(kept) / side
    distinct = separability(ink[around] if bare.all() else ink[around][bare])
    if distinct < needed:
        return False
    near = u8(cv2.dilate(kept[around], np.ones((3, 3), np.uint8)))
    length = variation(ink[around] * near) / (2 * dark * longer)
    spot = longer < _SMALL * side and length < _SHORT and min(width, height) > _COMPACT * longer
    return length <= (_OUTLINE if distinct > _CRISP else _LENGTH) and not spot


def _aside(kept: Mask) -> bool:
    """Whether hardly any of the ink lies away from the border."""
    height, width = kept.shape
    middle = kept[height // 6 : height - height // 6, width // 6 : width - width // 6]
    return cv2.countNonZero(middle) < _OUTSIDE * cv2.countNonZero(kept)


def half_width(kept: Mask) -> float:
    """Return how far the innermost px of a mask [h, w] is from its edge, in px."""
    padded = cv2.copyMakeBorder(kept, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    return float(cv2.distanceTransform(padded, cv2.DIST_L2, 3).max())


def _beside(ink: Grey, kept: Mask, ruled: Mask) -> int:
    """Return the level that three quarters of the paper beside the kept ink do not exceed."""
    near = max(1, round(_REACH / 2 * max(ink.shape)))
    inner = u8(cv2.dilate(kept, np.ones((2 * near + 1, 2 * near + 1), np.uint8)))
    outer = u8(cv2.dilate(inner, np.ones((4 * near + 1, 4 * near + 1), np.uint8)))
    ring = ink[outer > inner + ruled]
    return quantile(ring, 0.75) if ring.size else 0


def without_rules(mask: Mask, ink: Grey) -> Mask:
    """Return the mask without the long thin lines of frames and of ruled or squared paper.

    A line across the whole picture is one of them if it is paler than the other ink, or if lines run along
    two sides or more: the bar of a 4 or 7 that was cut out tightly is neither.
    """
    height, width = mask.shape
    _, _, across, down = cv2.boundingRect(mask)
    reach = 1 - 2 * _NEAR
    if min(mask.shape) < _SMALLEST_RULED or (across < reach * width and down < reach * height):
        return mask
    upright = np.ascontiguousarray(mask.T)
    lines = _lines(mask) + [(line.T, 2 + side if side >= 0 else side) for line, side in _lines(upright)]
    if not lines:
        return mask
    every = np.maximum.reduce([line for line, _ in lines])
    rest = ink[(mask > 0) & (every == 0)]
    usual = quantile(rest, 0.9) if rest.size else 0
    framed = len({side for _, side in lines if side >= 0}) > 1
    kept = mask.copy()
    for line, side in lines:
        shade = float(ink[line > 0].mean())
        if framed and side >= 0:
            kept[line > 0] = 0
        elif shade < _PALER * usual or len(lines) >= _GRID:
            kept[(line > 0) & (ink <= _CROSSED * shade)] = 0
    return kept


def _lines(mask: Mask) -> list[tuple[Mask, int]]:
    """Return the level lines through a mask [h, w], each with its side: 0 top, 1 bottom, -1 neither."""
    height, width = mask.shape
    tilt = max(1, round(_TILT * width))
    thick = cv2.dilate(mask, np.ones((2 * tilt + 1, 1), np.uint8))
    runs = cv2.morphologyEx(thick, cv2.MORPH_OPEN, np.ones((1, round(_RULE * width)), np.uint8))
    if not runs.any():
        return []
    count, labels, stats, _ = cv2.connectedComponentsWithStats(runs)
    lines = []
    for index in range(1, count):
        x, y, w, h, area = stats[index].tolist()
        side = 0 if y + h / 2 < _NEAR * height else 1 if y + h / 2 > (1 - _NEAR) * height else -1
        margin = width * (_MARGIN if side < 0 else _NEAR)
        through = x <= margin and x + w >= width - margin
        thin = area / w <= 2 * tilt + max(2, _RULE_WIDTH * max(height, width))
        line = mask * (labels == index).view(np.uint8)
        if thin and through and line.any():
            lines.append((line, side))
    return lines


def pieces_of(mask: Mask, ink: Grey, strong: int) -> tuple[NDArray[np.int32], list[Piece]]:
    """Return the labels [h, w] of the mask's pieces, and those that hold strong ink, most ink first.

    This is hysteresis thresholding (Canny 1986) by connected components.
    """
    height, width = mask.shape
    count, found, stats, _ = cv2.connectedComponentsWithStats(mask)
    labels = np.asarray(found, np.int32)
    inks = np.bincount(labels.ravel(), ink.ravel(), count)
    inks[np.bincount(labels[ink > strong], minlength=count) == 0] = 0
    inks[0] = 0  # the paper
    pieces = []
    for index in np.argsort(-inks, kind="stable")[:_MOST].tolist():
        if inks[index] == 0:
            break
        x, y, w, h, area = stats[index].tolist()
        cut = (x == 0) + (x + w == width)
        edges = cut + (y == 0) + (y + h == height)
        pieces.append(Piece(index, x, y, w, h, area, float(inks[index]), edges, cut > 0))
    return labels, pieces


def _weight(piece: Piece, shape: tuple[int, ...]) -> float:
    """Return how much a piece looks like the one meant: much ink, in the middle, clear of the edge."""
    height, width = shape
    across = (piece.x + piece.width / 2) / width - 0.5
    down = (piece.y + piece.height / 2) / height - 0.5
    return piece.ink * (1 - 1.4 * max(abs(across), abs(down))) * 0.6**piece.edges


def digit_of(main: Piece, pieces: list[Piece]) -> list[Piece]:
    """Return the main piece and those that belong to it: near, and more than a speck."""
    digit, left, top, right, bottom = [main], main.x, main.y, main.right, main.bottom
    reach = 0.15 * max(main.width, main.height)
    others = [piece for piece in pieces if piece is not main and _matters(piece, main)]
    grown = True
    while grown:
        grown = False
        for piece in list(others):
            across = max(piece.x - right, left - piece.right)
            down = max(piece.y - bottom, top - piece.bottom)
            if max(across, down) > reach or (piece.edges and not main.edges):
                continue
            others.remove(piece)
            digit.append(piece)
            left, top = min(left, piece.x), min(top, piece.y)
            right, bottom = max(right, piece.right), max(bottom, piece.bottom)
            grown = True
    return digit


def _matters(piece: Piece, main: Piece) -> bool:
    """Whether a piece is more than a speck, and no paler line from the border."""
    larger = max(piece.width, piece.height) > _LARGER * max(main.width, main.height)
    return (
        not larger
        and piece.ink > 0.02 * main.ink
        and (piece.edges == 0 or piece.ink / piece.area > _PALER * main.ink / main.area)
    )


def beside(main: Piece, pieces: list[Piece]) -> bool:
    """Whether another piece of a digit's size stands left or right of the main one."""
    return any(_pair(main, piece) for piece in pieces if piece is not main)


def _pair(one: Piece, other: Piece) -> bool:
    gap = max(one.x - other.right, other.x - one.right)
    level = min(one.bottom, other.bottom) - max(one.y, other.y)
    wide = max(one.right, other.right) - min(one.x, other.x)
    tall = max(one.bottom, other.bottom) - min(one.y, other.y)
    small, large = sorted((one.height, other.height))
    return (
        gap > 0
        and wide > tall
        and level > 0.5 * small
        and small >= 0.5 * large
        and min(one.area, other.area) >= 0.25 * max(one.area, other.area)
        and not other.cut
    )
