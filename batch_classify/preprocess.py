"""Grey pixels to the 28×28 picture that the model expects; training and the job share this code.

The target is what MNIST is (LeCun et al. 1998): ink bright on 0, the ink's box scaled with its aspect
kept so that the longer side is 20 px, and pasted so that its centre of mass falls on the centre.
An MNIST image that enters, in either polarity, leaves as it was.

Knows paper and ink; knows nothing of files, models, or which digit it looks at.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from batch_classify.row import Reason

VERSION = 1  # rises whenever the 28×28 of some scan changes; a model is bound to one version

SIDE = 28
BOX = 20
WORKING_SIDE = 160  # px; larger scans are reduced to it first
_COARSE_SIDE = 64  # px; enough to see where the paper is
_FAINTEST = 10  # grey levels of contrast below which nothing was written

Grey = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the model will see, and what the picture itself says about being a digit.

    image: uint8 [28, 28], ink bright on 0; all zero for a blank.
    finding: `blank` or `several_digits` where the picture shows it, otherwise None.
    """

    image: Grey
    finding: Reason | None = None


@dataclass(frozen=True, slots=True)
class _Blob:
    """A connected piece of ink; box in px of the working picture."""

    index: int
    x: int
    y: int
    width: int
    height: int
    area: int
    ink: float
    edges: int  # how many of the picture's four edges it touches


def preprocess(grey: Grey) -> Prepared:
    """Turn a scan (uint8 [height, width], either polarity, any size) into the model's 28×28."""
    working = _shrink(grey, WORKING_SIDE)
    ink = ink_of(working)
    strong, weak = _thresholds(ink)
    if strong < _FAINTEST:
        return _blank()
    mask = _without_rules(_hysteresis(ink, weak, strong))
    blobs = _blobs(mask, ink)
    if not blobs[1]:
        return _blank()
    labels, pieces = blobs
    digit = _digit_pieces(pieces, mask.shape)
    kept = np.isin(labels, [piece.index for piece in digit])
    finding = Reason.SEVERAL_DIGITS if _side_by_side(pieces, digit[0], mask.shape) else None
    return Prepared(_centre(_fit(ink, kept, floor=weak - 1)), finding)


def _blank() -> Prepared:
    return Prepared(np.zeros((SIDE, SIDE), np.uint8), Reason.BLANK)


def _shrink(grey: Grey, side: int) -> Grey:
    """Reduce by area so that the longer side is at most `side` px."""
    height, width = grey.shape
    scale = side / max(height, width)
    if scale >= 1:
        return grey
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
