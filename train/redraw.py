"""Digits that people wrote, written again: the same shape by another pen, on other paper.

The public sets hold thousands of hands but only one kind of scan. Put on the generator's paper and brought
back by `preprocess`, their digits look as they would have in a pale, small, framed or shadowed scan.
Knows pictures that `preprocess` has made; knows nothing of labels.
"""

from __future__ import annotations

import cv2
import numpy as np

from train.generator import Style, cropped, on_paper, textured
from train.paper import Picture, Rng

_FINE = 112  # px of the longer side at which the pen is changed
_SMOOTH = 0.35  # px of the 28×28: so much blur takes the steps between its pixels away
_EDGE = 60  # grey levels over which a stroke ends


def redraw(image: Picture, rng: Rng, style: Style | None = None) -> Picture:
    """Return a scan of a written digit, uint8 [28, 28], ink bright on 0, in any style unless given.

    The scan is uint8 [h, w], or [h, w, 3] blue-green-red if its style is in colour.
    """
    style = style or Style.random(rng)
    return on_paper(written_again(image, rng, style), rng, style)


def written_again(image: Picture, rng: Rng, style: Style) -> Picture:
    """Return a digit's ink without any margin, its longer side being that of the style's digits.

    The digit is uint8 [28, 28], ink bright on 0, as `preprocess` makes it.
    """
    glyph = np.pad(cropped(image), 2)
    fine = _FINE / max(glyph.shape)
    smooth = cv2.GaussianBlur(_scaled(glyph, fine).astype(np.float32), (0, 0), _SMOOTH * fine)
    level = rng.uniform(50, 190)  # the higher, the thinner
    sharp = np.clip((smooth - level) / _EDGE + 0.5, 0, 1) * 255 * style.pen.darkness
    ink = textured(np.asarray(np.rint(sharp), np.uint8), rng, style.pen)
    ink = cropped(ink if ink.any() else image)
    return _scaled(ink, style.digit_side / max(ink.shape))


def _scaled(ink: Picture, scale: float) -> Picture:
    size = (max(1, round(scale * ink.shape[1])), max(1, round(scale * ink.shape[0])))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(ink, size, interpolation=way), np.uint8)
