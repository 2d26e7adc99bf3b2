"""Printed boxes leave an ink plane, in `batch_classify.frames`."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from batch_classify.frames import without_frames
from batch_classify.ink import Grey
from batch_classify.pieces import components
from batch_classify.preprocess import preprocess
from train.generator import Pen, draw_digit

SIDE = 120


def ink_of(digit: int, size: int = 60) -> Grey:
    """Return a digit's ink, bright on 0, in the middle of a picture."""
    glyph = draw_digit(digit, np.random.default_rng([3, digit]), size, pen=Pen(width=0.1))
    return np.pad(glyph, (SIDE - size) // 2)


def box(inset: int = 6, thickness: int = 3, tilt: float = 0.0, corners: int = 0) -> Grey:
    """Return the ink of a box: so far from the border, askew by so many degrees, with cut corners."""
    canvas = np.zeros((SIDE, SIDE), np.uint8)
    low, high, c = inset, SIDE - 1 - inset, corners
    outline = [(low + c, low), (high - c, low), (high, low + c), (high, high - c)]
    outline += [(high - c, high), (low + c, high), (low, high - c), (low, low + c)]
    cv2.polylines(canvas, [np.array(outline, np.int32)], True, 255, thickness)
    turn = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), tilt, 1)
    return np.asarray(cv2.warpAffine(canvas, turn, (SIDE, SIDE)), np.uint8)


BOXES = {
    "thin": box(thickness=1),
    "thick": box(inset=8, thickness=12),
    "askew": box(inset=10, tilt=2.5),
    "rounded": box(corners=10),
    "far from the border": box(inset=20),
    "double": np.maximum(box(inset=4, thickness=2), box(inset=12, thickness=2)),
    "cut off at the right": np.pad(box(), ((0, 0), (4, 0)))[:, 12:][:, :SIDE],
}


def unframed(ink: Grey) -> Grey:
    """Take the boxes out of an ink plane, its levels from 60 on being ink."""
    return without_frames(ink, components((ink >= 60).view(np.uint8)))


@pytest.mark.parametrize("kind", BOXES)
@pytest.mark.parametrize("digit", range(10))
def test_a_box_goes_and_the_digit_stays(kind: str, digit: int) -> None:
    """The digit inside comes out as it went in, and nothing else does."""
    frame = BOXES[kind]
    ink = np.zeros_like(frame)
    ink[:, : frame.shape[1]] = ink_of(digit)[:, : frame.shape[1]]
    assert np.array_equal(unframed(np.maximum(ink, frame)) > 60, ink > 60)


@pytest.mark.parametrize("digit", range(10))
def test_a_digit_is_no_box(digit: int) -> None:
    """A digit alone stays as it is, cut out tightly as well: even a 0 with a speck in it."""
    ink = ink_of(digit)
    ink[SIDE // 2 : SIDE // 2 + 2, SIDE // 2 : SIDE // 2 + 2] = 255
    assert unframed(ink) is ink
    x, y, width, height = cv2.boundingRect(ink)
    tight = np.ascontiguousarray(ink[y : y + height, x : x + width])
    assert unframed(tight) is tight


def test_an_empty_box_stays() -> None:
    """Where nothing stands inside, it may be all that was drawn."""
    ink = box()
    assert unframed(ink) is ink


@pytest.mark.parametrize("digit", [0, 3, 6, 8, 9])
def test_what_touches_a_box_is_cut_from_it(digit: int) -> None:
    """A digit that runs into the line loses what lies under the line and hardly more."""
    ink = np.roll(ink_of(digit), 25, axis=0)
    frame = box(inset=6)
    left = unframed(np.maximum(ink, frame)) > 60
    clear = (ink > 60) & (cv2.dilate(frame, np.ones((5, 5), np.uint8)) == 0)
    assert (left & clear).sum() > 0.95 * clear.sum()
    assert (left & ~(ink > 60)).sum() <= 0.02 * (frame > 60).sum()


@pytest.mark.parametrize("kind", BOXES)
@pytest.mark.parametrize("negative", [False, True])
def test_a_framed_scan_is_read_like_a_bare_one(kind: str, negative: bool) -> None:
    """In either polarity, the 28×28 of a digit in any box is that of the digit."""
    frame = BOXES[kind]
    for digit in range(10):
        ink = ink_of(digit)[:, : frame.shape[1]]
        scan = 255 - np.maximum(ink, frame)
        image = preprocess(255 - scan if negative else scan).image
        bare = preprocess(255 - ink).image
        assert np.corrcoef(image.ravel(), bare.ravel())[0, 1] > 0.95
