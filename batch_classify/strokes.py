"""Which ink is the digit: pieces of ink, without frames and rules, neighbours and specks.

Takes an ink plane with its levels and gives the mask of the digit's strokes. Knows shapes and places;
not how a scan was lit, nor which digit it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from batch_classify import compiled
from batch_classify.ink import (
    Box,
    Grey,
    Levels,
    Mask,
    quantile,
    separability,
    u8,
    variation,
)
from batch_classify.pieces import Components, Piece, components, mask_of, pieces_of
from batch_classify.rules import PALER, without_rules

_LARGER = 1.3  # times the main piece: the rest of a frame
_LEAST = 6  # px: a digit's longer side has that at least
_SPECK = 0.1  # of the side: and it has that
_SLIM = 0.05  # times its height: a 1 is wider than that
_WIDE = 3.5  # times its height: a lying digit is less wide
_OUTSIDE = 0.2  # of the ink: what has less away from the border is a frame or a neighbour
_LONG = 0.5  # of the side: ink that long lies in the middle too, or it is a frame's
_PALEST = 20  # levels; the palest pencil in real scans has 26, most clouds have less
_LENGTH = 5.0  # times the longer side: strokes of a digit are shorter together; texture and grids longer
_OUTLINE = 7.0  # times the longer side: but for black on white, where it may be the outline of a digit
_CRISP = 0.9  # of the variance tells writing from paper: black on white has more
_SMALL = 0.25  # of the side: a spot is shorter than that,
_SHORT = 1.2  # times the longer side: its strokes are shorter together,
_COMPACT = 0.35  # of the longer side: and its shorter side is longer
_CLEAR = 3  # times the paper's ink beside it: writing is that dark
_REACH = 0.05  # of the side: so far goes what is beside it
_AROUND = 0.04  # of the longer side, and 2 px: the paper in which it must stand out
_DISTINCT = 1.53  # of the variance tells writing from paper, less what speaks for writing:
_DARK = 0.5  # times its darkness, which is 0 to 1,
_INNER = 0.65  # times how much of it is away from the border,
_SHARE = 0.45  # times its share of all ink;
_BROAD = 2.0  # and more, per side of half width: clouds and shadows are broader than a pen
_STRIP = 3  # times the shorter side: of a strip that much counts as its side
_SLANT = 0.25  # of the narrower one's width: so far boxes of two digits that stand apart may overlap
_WHOLE = 0.75  # of the larger one's height: at the border a lower piece is the rest of a neighbour,
_HALF = 0.4  # of its own height: and so is a narrower one
_TRIED = 3  # pieces that may be the digit


@dataclass(frozen=True, slots=True)
class Strokes:
    """What is the digit's ink and what is not.

    mask: the digit's strokes, uint8 [h, w]; all zero where there is nothing but paper.
    several: whether another digit stands beside it.
    ruled: what was taken out as lines of a form or of the paper, uint8 [h, w].
    digit, pieces: the pieces that it consists of, and all that were looked at.
    doubt: why the likeliest pieces are no writing; empty where they are.
    """

    mask: Mask
    several: bool
    ruled: Mask
    digit: tuple[Piece, ...]
    pieces: tuple[Piece, ...]
    doubt: str = ""


def strokes_of(ink: Grey, levels: Levels, known: Components | None = None) -> Strokes:
    """Return the strokes of the digit in an ink plane [h, w]; what hangs together in it may be `known`."""
    mask = (ink >= levels.weak).view(np.uint8)
    bare = without_rules(mask, ink)
    found = known if known and bare is mask else components(bare)
    pieces = pieces_of(found, ink, levels.strong)
    ruled = mask - bare
    doubt = "no ink"
    if not pieces:  # what looked like a rule may be all there is: a 1
        found = components(mask)
        pieces = pieces_of(found, ink, levels.strong)
        if len(pieces) != 1 or pieces[0].height < 2 * pieces[0].width:
            return Strokes(np.zeros_like(mask), False, ruled, (), tuple(pieces), doubt)
    everything = sum(piece.ink for piece in pieces)
    by_weight = sorted(pieces, key=lambda piece: -_weight(piece, mask.shape))
    for number, main in enumerate(by_weight[:_TRIED]):
        digit = digit_of(main, pieces)
        kept = mask_of(digit, found.labels)
        doubt_here = doubt_about(ink, kept, main, ruled, sum(piece.ink for piece in digit) / everything)
        if not doubt_here:
            several = _several(ink, kept, main, pieces, levels.strong)
            return Strokes(kept, several, ruled, tuple(digit), tuple(pieces))
        doubt = doubt if number else doubt_here
    return Strokes(np.zeros_like(mask), False, ruled, (), tuple(pieces), doubt)


def _several(ink: Grey, kept: Mask, main: Piece, pieces: list[Piece], strong: int) -> bool:
    """Whether another digit stands beside the main piece, or hangs on it by pale ink."""
    several = beside(main, pieces)
    if not several and main.width > main.height:
        dark = pieces_of(components((ink * kept > strong).view(np.uint8)), ink, strong)
        several = bool(dark) and beside(dark[0], dark)
    return several


def doubt_about(ink: Grey, kept: Mask, main: Piece, ruled: Mask, share: float) -> str:
    """Say why what was kept of an ink plane is no writing; nothing where it is.

    Writing has a digit's shape, and is distinct from the paper. Texture, clouds, specks, the edge of a
    shadow, and what is left of a frame or a grid are not.
    """
    side = _side(ink.shape)
    box = Box(*cv2.boundingRect(kept))
    longer = box.longer
    if longer < max(_LEAST, _SPECK * side) or not _has_shape(box.width, box.height):
        return "too small, or not of a digit's shape"
    inner = cv2.countNonZero(_middle(kept)) / cv2.countNonZero(kept)
    if (main.edges or longer > _LONG * side) and inner < _OUTSIDE:
        return "only along the border"
    dark = quantile(ink, 0.9, kept)
    if dark < max(_PALEST, _CLEAR * _beside(ink, kept, box, ruled)):
        return "no darker than the paper beside it"
    around = _near(box)
    bare = ruled[around] == 0
    needed = _needed(dark, inner, share, half_width(kept, box), side)
    distinct = separability(ink[around] if bare.all() else ink[around][bare])
    if distinct < needed:
        return "not distinct from the paper"
    length = _length(ink[around], kept[around], dark, longer)
    spot = longer < _SMALL * side and length < _SHORT and min(box.width, box.height) > _COMPACT * longer
    if length > (_OUTLINE if distinct > _CRISP else _LENGTH):
        return "more stroke than a digit has"
    return "a spot" if spot else ""


def _near(box: Box) -> tuple[slice, slice]:
    """Return what is looked at of a picture: the digit, and the paper around it."""
    return _around(box, max(2, round(_AROUND * box.longer)))


def _around(box: Box, margin: int) -> tuple[slice, slice]:
    x, y, width, height = box
    return slice(max(0, y - margin), y + height + margin), slice(max(0, x - margin), x + width + margin)


def _side(shape: tuple[int, ...]) -> int:
    """Return what counts as the side of a picture of some shape."""
    return min(max(shape), _STRIP * min(shape))


def _has_shape(width: int, height: int) -> bool:
    return _SLIM * height <= width <= _WIDE * height


def _length(ink: Grey, kept: Mask, dark: int, longer: int) -> float:
    """Return how long the strokes of the kept ink are together, in times its longer side."""
    near = u8(cv2.dilate(kept, np.ones((3, 3), np.uint8)))
    return variation(ink * near) / (2 * dark * longer)


def _needed(dark: int, inner: float, share: float, half_width: float, side: int) -> float:
    """Return how distinct from the paper writing must be, the less so the more else speaks for it."""
    return _DISTINCT - _DARK * dark / 255 - _INNER * inner - _SHARE * share + _BROAD * half_width / side


def _middle(mask: Mask) -> Mask:
    """Return what of a mask [h, w] lies away from the border."""
    height, width = mask.shape
    return mask[height // 6 : height - height // 6, width // 6 : width - width // 6]


def half_width(kept: Mask, box: Box) -> float:
    """Return how far the innermost px of a mask [h, w], all in the box, is from its edge, in px."""
    return compiled.half_width(kept[_around(box, 0)])


def _beside(ink: Grey, kept: Mask, box: Box, ruled: Mask) -> int:
    """Return the level that three quarters of the paper beside the kept ink, in the box, do not exceed."""
    near = max(1, round(_REACH / 2 * max(ink.shape)))
    around = _around(box, 3 * near)
    inner = u8(cv2.dilate(kept[around], np.ones((2 * near + 1, 2 * near + 1), np.uint8)))
    outer = u8(cv2.dilate(inner, np.ones((4 * near + 1, 4 * near + 1), np.uint8)))
    return quantile(ink[around], 0.75, (outer > inner + ruled[around]).view(np.uint8))


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
    others = [piece for piece in pieces if piece is not main and not unfit(piece, main)]
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


def unfit(piece: Piece, main: Piece) -> str:
    """Say why a piece cannot belong to the digit of the main one; nothing where it can."""
    if max(piece.width, piece.height) > _LARGER * max(main.width, main.height):
        return "larger"
    if piece.ink <= 0.02 * main.ink:
        return "speck"
    if piece.edges and piece.ink / piece.area <= PALER * main.ink / main.area:
        return "pale at border"
    return ""


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
        gap > -_SLANT * min(one.width, other.width)
        and wide > tall
        and level > 0.5 * small
        and small >= 0.5 * large
        and min(one.area, other.area) >= 0.25 * max(one.area, other.area)
        and not (other.cut and (small < _WHOLE * large or other.width < _HALF * other.height))
    )
