"""Where the ink is: the polarity of a scan, its paper, and how strongly each pixel is inked.

Takes grey pixels and gives an ink plane, 0 for bare paper and bright for ink whatever the scan looked
like, with the levels that tell ink from paper. Does not know strokes, digits or sizes to fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
Mask = NDArray[np.uint8]  # 1 where something is, 0 elsewhere

WORKING_SIDE = 160  # px; larger scans are reduced to it first
FAINTEST = 10  # levels of ink below which nothing was written
_TRACE = 16  # levels; JPEG leaves traces that dark around a stroke
_RINGING = 0.2  # of the ink's area: smooth strokes have fewer pixels as pale as traces
_COARSE_SIDE = 64  # px; enough to see where the paper is
_TINY_SIDE = 40  # px; below it a scan is a tight crop: ink often touches the border, shadows do not show
_FLAT = 4  # grey levels by which evenly lit paper may stray from its median
_EVEN, _EVEN_TINY = 0.85, 0.5  # of the border: on flat paper so much of it is paper
_FRAMED = 0.9  # of the border: a frame takes so much of it
_MOSTLY = 0.6  # of the picture: on flat paper so much of it is paper
_EDGE = 0.14  # of the side: so broad is the edge that a frame leaves
_EDGE_STEP = 16  # grey levels by which it is darker than the paper inside
_ALONG = 0.8  # of a side: so much of it is dark then
_SMALLEST_FRAMED = 18  # px
_LEAST_RANGE = 45  # grey levels; less, as between off-white paper and white, would make clouds as dark as ink
_NOISY = 0.15  # of the level between ink and paper
_FEW = 2000  # values; more are counted faster than sorted: 28×28 take 8 µs instead of 32
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
    flat = np.uint8(paper)
    darker, lighter = flat - np.minimum(grey, flat), np.maximum(grey, flat) - flat
    light = bool(darker.sum(dtype=np.int64) < lighter.sum(dtype=np.int64))
    plane, white = (lighter, 255 - paper) if light else (darker, paper)
    if 0 < white < 255:
        plane = u8(cv2.convertScaleAbs(plane, alpha=255 / max(white, _LEAST_RANGE)))
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
    """Return the least level that `share` of the values do not exceed; ten times as fast as np.quantile.

    `where` is a mask of their shape that tells which count; 0 if none does.
    """
    size = values.size if where is None else cv2.countNonZero(where)
    if size == 0:
        return 0
    if size < _FEW:  # sorted sooner than counted
        place = max(0, ceil(share * size) - 1)
        few = values.ravel() if where is None else values[where > 0]
        return int(np.partition(few, place)[place])
    counts = np.asarray(cv2.calcHist([values], [0], where, [256], [0, 256]), np.float64).ravel()
    return int(np.searchsorted(counts.cumsum(), share * size))


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
    depth = max(2, round(_EDGE * len(view)))
    if len(view) < _SMALLEST_FRAMED:
        return 0
    width = view.shape[1]
    along, middle = int(_ALONG * width), width // 2
    outer = int(np.partition(view[:depth], along, axis=1)[:, along].min())
    inner, further = (int(np.partition(view[row], middle)[middle]) for row in (depth, 2 * depth))
    return depth if inner - outer > 2 * abs(further - inner) + _EDGE_STEP else 0


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
    otsu = int(cv2.threshold(ink, 0, 255, cv2.THRESH_OTSU)[0])
    sure = u8(cv2.dilate((ink > otsu).view(np.uint8), np.ones((3, 3), np.uint8)))
    floor = quantile(ink, 0.9, 1 - sure)
    strong = max(otsu, FAINTEST)
    if max(ink.shape) > _TINY_SIDE:  # in smaller ones even the strokes are that pale
        traces = cv2.countNonZero(cv2.inRange(ink, 1, _TRACE))
        least = _TRACE if traces > _RINGING * cv2.countNonZero(sure) else least
    return Levels(floor, min(max(3 * floor, least), max(1, strong // 2)), strong)


def separability(values: Grey) -> float:
    """Return which share of the variance two classes explain, Otsu's (1979) measure: 1 for two levels."""
    upper = u8(cv2.threshold(values, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[1]).reshape(values.shape)
    share = cv2.countNonZero(upper) / upper.size
    mean, deviation = (float(np.asarray(value).item()) for value in cv2.meanStdDev(values))
    if not 0 < share < 1 or deviation == 0:
        return 0.0
    return share / (1 - share) * ((cv2.mean(values, upper)[0] - mean) / deviation) ** 2


def variation(plane: Grey) -> float:
    """Return the total variation of an ink plane [h, w] on bare paper, in levels times px.

    Each px of a stroke has two edges, so the variation measures its length, blurred or not.
    """
    levels = cv2.copyMakeBorder(plane, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0).astype(np.float32)
    across, down = levels[:-1, 1:] - levels[:-1, :-1], levels[1:, :-1] - levels[:-1, :-1]
    return float(cv2.magnitude(across, down).sum(dtype=np.float64))
