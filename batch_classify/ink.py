"""Where the ink is: the polarity of a scan, its paper, and how strongly each pixel is inked.

Takes grey pixels and gives an ink plane, 0 for bare paper and bright for ink whatever the scan looked
like, with the levels that tell ink from paper. Does not know strokes, digits or sizes to fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from batch_classify import compiled

Grey = NDArray[np.uint8]
Mask = NDArray[np.uint8]  # 1 where something is, 0 elsewhere

WORKING_SIDE = 160  # px; larger scans are reduced to it first
_COARSE_SIDE = 64  # px; enough to see where the paper is
_TINY_SIDE = 40  # px; below it a scan is a tight crop: ink often touches the border, shadows do not show
_FLAT = 4  # grey levels by which evenly lit paper may stray from its median
_EVEN, _EVEN_TINY = 0.85, 0.5  # of the border: on flat paper so much of it is paper
_FRAMED = 0.9  # of the border: a frame takes so much of it
_MOSTLY = 0.6  # of the picture: on flat paper so much of it is paper
_NOISY = 0.15  # of the level between ink and paper
_SURE = 1.5  # how much more energy one polarity's strokes must have


class Box(NamedTuple):
    """Where something lies in a picture, in px from its left and its top."""

    x: int
    y: int
    width: int
    height: int

    @property
    def longer(self) -> int:
        """The longer of its sides, px."""
        return max(self.width, self.height)


@dataclass(frozen=True, slots=True)
class Levels:
    """What tells ink from paper, in levels of an ink plane.

    floor: what the paper's own noise and texture reach; 0 in a clean picture.
    weak: ink if it is connected to strong ink.
    strong: surely ink.
    """

    floor: int
    weak: int
    strong: int


@dataclass(frozen=True, slots=True)
class Inked:
    """A scan told apart into ink and paper.

    plane: how strongly each pixel is inked, uint8 [h, w]; 0 is bare paper and 255 the blackest ink.
    paper: the brightness of the paper, uint8 [h, w], or its one level where it is evenly lit.
    light: whether the ink was lighter than the paper; an uneven `paper` is then that of the negative.
    """

    plane: Grey
    paper: Grey | int
    light: bool


def inked(grey: Grey) -> Inked:
    """Tell ink from paper in a scan uint8 [h, w] of either polarity.

    The paper's brightness is divided out, so that a shadow takes nothing from the ink's contrast.
    Black on a flat white gives 255 - grey exactly.
    """
    paper = flat_paper(grey)
    if paper is not None:
        return on_flat_paper(grey, paper)
    coarse = _coarse(grey)
    light = light_on_dark(coarse)
    if light:
        grey, coarse = 255 - grey, 255 - coarse
    uneven = paper_plane(coarse, grey.shape)
    return Inked(_relative_to(grey, uneven), uneven, light)


def flat_paper(grey: Grey) -> int | None:
    """Return the grey level of paper that is evenly lit, or None where it is not.

    The border shows it, unless a frame runs there; then most of the picture does.
    """
    ring = border(grey)
    level = quantile(ring, 0.5)
    even = share_near(ring, level)
    framed = even > _FRAMED and share_near(grey, level) < 0.5
    if even >= _EVEN and not framed:
        return level
    usual = quantile(grey, 0.5)
    if share_near(grey, usual) >= _MOSTLY:
        return usual
    return level if even >= _EVEN_TINY and max(grey.shape) <= _TINY_SIDE and not framed else None


def share_near(values: Grey, level: int) -> float:
    """Return which share of the values [n] or [h, w] is as near to a level as flat paper strays."""
    return cv2.countNonZero(cv2.inRange(values, max(0, level - _FLAT), level + _FLAT)) / values.size


def on_flat_paper(grey: Grey, paper: int) -> Inked:
    """Tell ink from paper of one level: the ink is what is darker, or lighter, whichever is more."""
    plane, light = compiled.ink_on_flat_paper(grey, paper)
    return Inked(plane, paper, light)


def border(grey: Grey) -> Grey:
    """Return the pixels of the outermost ring, uint8 [n]."""
    return np.concatenate([grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]])


def shrink(grey: Grey) -> Grey:
    """Reduce a scan by area so that its longer side is at most 160 px; in a strip, the shorter a third."""
    scale = max(WORKING_SIDE / max(grey.shape), WORKING_SIDE / 3 / min(grey.shape))
    return grey if scale >= 1 else scaled(grey, scale)


def scaled(grey: Grey, scale: float) -> Grey:
    """Enlarge a picture, or reduce it by area."""
    height, width = grey.shape
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return u8(cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR))


def u8(picture: object) -> Grey:
    """Return what OpenCV gives for an 8-bit picture under its exact type, without a copy."""
    return np.asarray(picture, np.uint8)


def quantile(values: Grey, share: float, where: Mask | None = None) -> int:
    """Return the least level that `share` of the values do not exceed.

    `where` is a mask of their shape that tells which count; 0 if none does.
    """
    return compiled.quantile(values, share, where)


def _coarse(grey: Grey) -> Grey:
    scale = _COARSE_SIDE / max(grey.shape)
    return grey if scale >= 1 else scaled(grey, scale)


def light_on_dark(coarse: Grey) -> bool:
    """Whether the strokes are lighter than their surroundings, the local median.

    Black-hat against top-hat with a kernel of this size took the paper inside and around the digit for
    strokes in most photographs.
    """
    coarse = np.ascontiguousarray(_inside(coarse))
    side = max(3, int(0.4 * max(coarse.shape)) | 1)
    around = cv2.medianBlur(coarse, side)
    height, width = coarse.shape
    skipped = min(side // 3, (min(height, width) - 1) // 2)  # there the median is the border's own
    inner = (slice(skipped, height - skipped), slice(skipped, width - skipped))
    dark = cv2.norm(cv2.subtract(around, coarse)[inner], cv2.NORM_L2SQR)
    light = cv2.norm(cv2.subtract(coarse, around)[inner], cv2.NORM_L2SQR)
    if max(dark, light) > _SURE * min(dark, light):
        return light > dark
    return quantile(border(coarse), 0.5) < cv2.threshold(coarse, 0, 255, cv2.THRESH_OTSU)[0]


def paper_plane(coarse: Grey, shape: tuple[int, ...]) -> Grey:
    """Return the brightness of the paper below the ink, uint8 [h, w]: a closing wider than any stroke."""
    side = max(3, (max(coarse.shape) // 3) | 1)
    reach = min(side, min(coarse.shape) - 1)
    wide = _continued(_without_edges(u8(cv2.medianBlur(coarse, 3))), reach)
    closed = cv2.morphologyEx(wide, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    blurred = cv2.blur(closed, (5, 5))
    height, width = coarse.shape
    paper = blurred[reach : reach + height, reach : reach + width]
    return u8(cv2.resize(paper, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR))


def _without_edges(coarse: Grey) -> Grey:
    """Return the picture with the dark edges that a frame leaves on it painted over with the paper inside."""
    painted = coarse.copy()
    for view in (painted, painted[::-1], painted.T, painted[:, ::-1].T):
        depth = _edge(view)
        if depth:
            view[:depth] = view[depth]
    return painted


def _edge(view: Grey) -> int:
    """Return how many rows at the top of a picture a dark line of a frame lies in, 0 where there is none.

    Lit unevenly, paper gets darker gradually; at a frame it does so at once.
    """
    return compiled.edge(view)


def _inside(coarse: Grey) -> Grey:
    """Return what lies within the frame of a picture of either polarity, all of it where there is none."""
    for grey in (coarse, 255 - coarse):
        top, bottom = _edge(grey), _edge(grey[::-1])
        if not top and not bottom:
            continue
        left, right = _edge(grey.T), _edge(grey[:, ::-1].T)
        if sum(edge > 0 for edge in (top, bottom, left, right)) >= 3:
            return coarse[top : len(coarse) - bottom, left : coarse.shape[1] - right]
    return coarse


def _continued(grey: Grey, reach: int) -> Grey:
    """Return the picture with `reach` more px on each side that go on as its brightness does.

    A closing at the bare border would take a corner in shadow for ink.
    """
    mirrored = cv2.copyMakeBorder(grey, reach, reach, reach, reach, cv2.BORDER_REFLECT_101)
    edge = cv2.copyMakeBorder(grey, reach, reach, reach, reach, cv2.BORDER_REPLICATE)
    return u8(cv2.addWeighted(edge, 2, mirrored, -1, 0)) if reach else grey


def _relative_to(grey: Grey, paper: Grey) -> Grey:
    return 255 - u8(cv2.divide(grey, paper, scale=255))


def calmed(ink: Grey) -> Grey:
    """Return an ink plane [h, w] smoothed where its noise is strong for its ink, else as it is."""
    if min(ink.shape) < 3:
        return ink
    noise = noise_of(ink)
    otsu = cv2.threshold(ink, 0, 255, cv2.THRESH_OTSU)[0]
    return u8(cv2.GaussianBlur(ink, (3, 3), 0)) if noise > _NOISY * otsu else ink


def noise_of(plane: Grey) -> float:
    """Return the standard deviation of the noise in a plane [h, w], by Immerkær (1996) with a median."""
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    residue = cv2.filter2D(plane, cv2.CV_16S, kernel)[1:-1, 1:-1]
    return quantile(u8(cv2.convertScaleAbs(residue)), 0.5) / (0.6745 * 6)


def levels_of(ink: Grey, least: int = 1) -> Levels:
    """Return the levels that tell ink from paper in an ink plane [h, w], by Otsu (1979).

    `least` is the least level that weak ink may have.
    """
    return Levels(*compiled.levels(ink, least))


def separability(values: Grey) -> float:
    """Return which share of the variance two classes explain, Otsu's (1979) measure: 1 for two levels."""
    return compiled.separability(values)


def variation(plane: Grey) -> float:
    """Return the total variation of an ink plane [h, w] on bare paper, in levels times px.

    Each px of a stroke has two edges, so the variation measures its length, blurred or not.
    """
    return compiled.variation(plane)
