"""Grey pixels to the 28×28 picture that the model expects; training and the job share this code.

The target is what MNIST is (LeCun et al. 1998): ink bright on 0, the ink's box scaled with its aspect
kept so that the longer side is 20 px, and pasted so that its centre of mass falls on the centre.
An MNIST image that enters, in either polarity, leaves as it was.

Knows paper and ink; knows nothing of files, models, or which digit it looks at.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

import cv2
import numpy as np

from batch_classify.clean import Clean, clean_digit
from batch_classify.frames import without_frames
from batch_classify.halves import on_one_paper
from batch_classify.ink import (
    Box,
    Grey,
    Inked,
    Levels,
    Mask,
    calmed,
    inked,
    levels_of,
    quantile,
    scaled,
    shrink,
    u8,
    variation,
)
from batch_classify.pieces import components
from batch_classify.quality import flaw_of
from batch_classify.row import Reason
from batch_classify.rules import without_faint_rules
from batch_classify.strokes import Strokes, strokes_of

VERSION = 5  # rises whenever the 28×28 of some scan changes; a model is bound to one version

SIDE = 28
BOX = 20
_UNEVEN = 5  # levels of ink; less is what rounding leaves of the paper where its brightness is divided out
_DARKEST = 0.9  # of the ink is no darker than its peak
_PALE = 240  # levels; ink with a paler peak is stretched to the full range
_THIN = 1.5  # px of the 28×28; thinner strokes are thickened
_WIDTH = 2.0  # to that
_FINE = 3  # thickening is done at so many times the final size


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the model will see, and what the picture itself says about being a digit.

    image: uint8 [28, 28], ink bright on 0; all zero for a blank.
    finding: `blank` or `several_digits` where the picture shows it, `low_quality` where its digit may not be
        whole or clear, otherwise None.
    detail: what is wrong with its quality, in words.
    clean: whether it took the short way.
    """

    image: Grey
    finding: Reason | None = None
    detail: str = ""
    clean: bool = False


@dataclass(frozen=True, slots=True)
class Stages:
    """What a scan looks like after each step; planes are uint8 [h, w] of the size worked at.

    scan: the reduced scan.
    inked: its ink and its paper.
    clean: the ink without faint rules and frames, smoothed where it was too noisy.
    levels: what tells ink from paper in it.
    strokes: which of it is the digit, and why the rest is not.
    glyph: the digit's ink alone, cut out; empty for a blank.
    prepared: what the model will see.
    """

    scan: Grey
    inked: Inked
    clean: Grey
    levels: Levels
    strokes: Strokes
    glyph: Grey
    prepared: Prepared


def preprocess(grey: Grey) -> Prepared:
    """Turn a scan (uint8 [height, width], either polarity, any size) into the model's 28×28."""
    clean = clean_digit(grey)
    return _of_clean(clean, grey.shape[0]) if clean else long_way(grey).prepared


def stages_of(grey: Grey) -> Stages:
    """Return what each step of the long way makes, and in the end what `preprocess` makes."""
    return replace(long_way(grey), prepared=preprocess(grey))


def long_way(grey: Grey) -> Stages:
    """Return what each step makes of a scan, uint8 [h, w], for which nothing is taken for granted."""
    scan = shrink(grey)
    scan = on_one_paper(scan)
    told = inked(scan)
    ink = without_faint_rules(told.plane)
    least = 1 if isinstance(told.paper, int) else _UNEVEN
    levels = levels_of(ink, least)
    found = components((ink >= levels.weak).view(np.uint8))
    inner = without_frames(ink, found)
    if inner is ink:
        strokes = strokes_of(ink, levels, found)
    else:
        ink, levels = inner, levels_of(inner, least)
        strokes = strokes_of(ink, levels)
    if strokes.doubt and (calm := calmed(ink)) is not ink:
        ink, levels = calm, levels_of(calm, least)
        strokes = strokes_of(ink, levels)
    if strokes.doubt:
        glyph = np.zeros((0, 0), np.uint8)
        prepared = Prepared(np.zeros((SIDE, SIDE), np.uint8), Reason.BLANK)
    else:
        glyph = cut_out(ink, strokes.mask, levels)
        prepared = _prepared(ink, glyph, strokes.mask, grey.shape[0] / ink.shape[0], several=strokes.several)
    return Stages(scan, told, ink, levels, strokes, glyph, prepared)


def _of_clean(clean: Clean, height: int) -> Prepared:
    """Return what `preprocess` makes of an easy scan of some height."""
    if is_prepared(clean.ink):
        return Prepared(clean.ink, clean=True)
    flaw = flaw_of(clean.ink, clean.mask, clean.box, clean.dark, height / clean.ink.shape[0])
    image = centre(fit(clean.glyph, stroke_width(clean.glyph)))
    return Prepared(image, Reason.LOW_QUALITY if flaw else None, flaw, clean=True)


def _prepared(ink: Grey, glyph: Grey, mask: Mask, scale: float, *, several: bool) -> Prepared:
    """Return the 28×28 of a glyph, and what is to be said of it; the scan was `scale` times as large."""
    as_it_was = is_prepared(ink)
    image = ink if as_it_was else centre(fit(glyph, stroke_width(glyph)))
    if several:
        return Prepared(image, Reason.SEVERAL_DIGITS)
    if as_it_was:
        return Prepared(image)
    box = Box(*cv2.boundingRect(mask))
    flaw = flaw_of(ink, mask, box, quantile(ink, _DARKEST, mask), scale)
    return Prepared(image, Reason.LOW_QUALITY if flaw else None, flaw)


def is_prepared(ink: Grey) -> bool:
    """Whether an ink plane is already what `preprocess` makes; specks and all, it is then left as it is.

    Without this, 2 % of MNIST would lose a speck, and be scaled and moved for it.
    """
    if ink.shape != (SIDE, SIDE):
        return False
    x, y, width, height = cv2.boundingRect(ink)
    return max(width, height) == BOX and (x, y) == _place(ink[y : y + height, x : x + width])


def cut_out(ink: Grey, mask: Mask, levels: Levels) -> Grey:
    """Return the digit's box of an ink plane, uint8 [h, w]: other ink and the paper's noise are 0."""
    x, y, width, height = cv2.boundingRect(mask)
    inside = (slice(y, y + height), slice(x, x + width))
    near = u8(cv2.dilate(mask[inside], np.ones((3, 3), np.uint8)))
    return near * np.maximum(ink[inside], levels.floor) - near * np.uint8(levels.floor)


def fit(glyph: Grey, stroke: float) -> Grey:
    """Scale a digit's box so that its longer side is 20 px; strokes too thin for MNIST are thickened.

    They are `stroke` px wide.
    """
    scale = BOX / max(glyph.shape)
    width = stroke * scale
    if width >= _THIN:
        return contrasted(scaled(glyph, scale))
    reach = max(1, round(_FINE * (_WIDTH - width) / 2))
    fine = scaled(glyph, (_FINE * BOX - 2 * reach) / max(glyph.shape))
    wide = cv2.copyMakeBorder(fine, reach, reach, reach, reach, cv2.BORDER_CONSTANT, value=0)
    nib = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    thick = u8(cv2.dilate(wide, nib))
    return contrasted(scaled(thick, BOX / max(thick.shape)))


def contrasted(glyph: Grey) -> Grey:
    """Stretch pale ink to the full range: what a tenth of it exceeds becomes 255."""
    inked = cv2.countNonZero(glyph)
    bright = cv2.countNonZero((glyph >= _PALE).view(np.uint8))
    if inked == 0 or inked - bright < ceil(_DARKEST * inked):
        return glyph
    return u8(cv2.convertScaleAbs(glyph, alpha=255 / quantile(glyph, _DARKEST, glyph)))


def stroke_width(glyph: Grey) -> float:
    """Return the mean width of the strokes in px: twice the ink over its total variation."""
    return 2 * cv2.sumElems(glyph)[0] / max(1.0, variation(glyph))


def centre(fitted: Grey) -> Grey:
    """Paste a digit of at most 20 px so that its centre of mass lies at the middle of 28×28."""
    height, width = fitted.shape
    image = np.zeros((SIDE, SIDE), np.uint8)
    if cv2.countNonZero(fitted):
        x, y = _place(fitted)
        image[y : y + height, x : x + width] = fitted
    return image


def _place(glyph: Grey) -> tuple[int, int]:
    """Return the column and the row of 28×28 at which a glyph [h, w] begins if its mass is in the middle."""
    height, width = glyph.shape
    moments = cv2.moments(glyph)
    return _offset(moments["m10"] / moments["m00"], width), _offset(moments["m01"] / moments["m00"], height)


def _offset(middle: float, length: int) -> int:
    return min(max(round(SIDE / 2 - middle), 0), SIDE - length)
