"""Grey pixels to the 28×28 picture that the model expects; training and the job share this code.

The target is what MNIST is (LeCun et al. 1998): ink bright on 0, the ink's box scaled with its aspect
kept so that the longer side is 20 px, and pasted so that its centre of mass falls on the centre.
An MNIST image that enters, in either polarity, leaves as it was.

Knows paper and ink; knows nothing of files, models, or which digit it looks at.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from batch_classify import compiled
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
    shrink,
    u8,
)
from batch_classify.pieces import components
from batch_classify.quality import flaw_of
from batch_classify.row import Reason
from batch_classify.rules import without_faint_rules
from batch_classify.strokes import Strokes, strokes_of

VERSION = 6  # rises whenever the 28×28 of some scan changes; a model is bound to one version

SIDE = compiled.SIDE
_UNEVEN = 5  # levels of ink; less is what rounding leaves of the paper where its brightness is divided out
_DARKEST = 0.9  # of the ink is no darker than its peak


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
    """Turn a scan (uint8 [height, width], either polarity, any size) into the model's 28×28.

    Easy scans are one call to C, since what costs the most with small ones is the calls.
    """
    picture = np.empty((SIDE, SIDE), np.uint8)
    told = compiled.easy_picture(grey, picture)
    if told == compiled.DONE:
        return Prepared(picture, clean=True)
    clean = clean_digit(grey) if told == compiled.DOUBTFUL else None
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
    if compiled.is_prepared(clean.ink):
        return Prepared(clean.ink, clean=True)
    flaw = flaw_of(clean.ink, clean.mask, clean.box, clean.dark, height / clean.ink.shape[0])
    image = compiled.picture_of(clean.glyph)
    return Prepared(image, Reason.LOW_QUALITY if flaw else None, flaw, clean=True)


def _prepared(ink: Grey, glyph: Grey, mask: Mask, scale: float, *, several: bool) -> Prepared:
    """Return the 28×28 of a glyph, and what is to be said of it; the scan was `scale` times as large."""
    as_it_was = compiled.is_prepared(ink)
    image = ink if as_it_was else compiled.picture_of(glyph)
    if several:
        return Prepared(image, Reason.SEVERAL_DIGITS)
    if as_it_was:
        return Prepared(image)
    box = Box(*cv2.boundingRect(mask))
    flaw = flaw_of(ink, mask, box, quantile(ink, _DARKEST, mask), scale)
    return Prepared(image, Reason.LOW_QUALITY if flaw else None, flaw)


def cut_out(ink: Grey, mask: Mask, levels: Levels) -> Grey:
    """Return the digit's box of an ink plane, uint8 [h, w]: other ink and the paper's noise are 0."""
    x, y, width, height = cv2.boundingRect(mask)
    inside = (slice(y, y + height), slice(x, x + width))
    near = u8(cv2.dilate(mask[inside], np.ones((3, 3), np.uint8)))
    return near * np.maximum(ink[inside], levels.floor) - near * np.uint8(levels.floor)
