"""Writing over an edge between light and dark paper, in `batch_classify.halves`."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from batch_classify.halves import on_one_paper
from batch_classify.preprocess import preprocess
from train.generator import batch

Picture = NDArray[np.uint8]

DIGITS = batch(20, np.random.default_rng(3), 28)[0]


def drawn(number: int, side: int = 28) -> Picture:
    """Return a preprocessed digit, ink bright on 0, at another size."""
    image = preprocess(DIGITS[number]).image
    return np.asarray(cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)


def turned_over(picture: Picture, *parts: slice) -> Picture:
    """Invert these columns."""
    result = picture.copy()
    for part in parts:
        result[:, part] = 255 - result[:, part]
    return result


@pytest.mark.parametrize("side", [28, 60, 150])
@pytest.mark.parametrize("upright", [True, False])
@pytest.mark.parametrize("negative", [True, False])
@pytest.mark.parametrize("number", range(3))
def test_a_striped_digit_comes_back(number: int, side: int, upright: bool, negative: bool) -> None:
    """With both sides turned over, upright or level, it is the digit on one paper again."""
    digit = drawn(number, side)
    digit = 255 - digit if negative else digit
    striped = turned_over(digit, slice(0, side // 4), slice(side - side // 4, side))
    evened = on_one_paper(striped if upright else np.ascontiguousarray(striped.T))
    evened = evened if upright else evened.T
    assert np.array_equal(evened, digit) or np.array_equal(evened, 255 - digit)


def test_half_and_half() -> None:
    """A digit across the edge of a dark half is read from both."""
    digit = drawn(0, 56)
    evened = on_one_paper(turned_over(digit, slice(0, 28)))
    assert np.array_equal(evened, 255 - digit)


def test_papers_need_not_be_black_and_white() -> None:
    """Grey papers are brought to the level of the first, and the ink keeps its distance from it."""
    digit = (drawn(1) / 255 * 120).astype(np.uint8)
    scan = 220 - digit
    scan[:, :14] = 40 + digit[:, :14]
    evened = on_one_paper(scan)
    assert np.array_equal(evened, 40 + digit)


def bar(left: int, right: int) -> Picture:
    """Draw a stroke from the top of a tight crop to its bottom."""
    picture = np.full((40, 28), 255, np.uint8)
    picture[:, left:right] = 0
    return picture


def flagged() -> Picture:
    """Draw a 1 with its flag, cut out tightly."""
    picture = bar(14, 20)
    cv2.line(picture, (14, 2), (4, 12), 0, 4)
    return picture


@pytest.mark.parametrize(
    "picture",
    [bar(10, 18), bar(0, 8), flagged(), 255 - flagged(), np.hstack([bar(10, 18), bar(10, 18)])],
    ids=["1", "half", "flagged 1", "negative", "11"],
)
def test_a_one_is_no_paper(picture: Picture) -> None:
    """A straight stroke through the whole picture stays: nothing is written on it."""
    assert np.array_equal(on_one_paper(picture), picture)


@pytest.mark.parametrize("number", range(20))
@pytest.mark.parametrize("tight", [True, False])
def test_ordinary_digits_stay(number: int, tight: bool) -> None:
    """Digits on one paper are left alone, cut out tightly or not."""
    digit = drawn(number, 84)
    if tight:
        x, y, w, h = cv2.boundingRect((digit > 100).view(np.uint8))
        digit = digit[y : y + h, x : x + w]
    assert np.array_equal(on_one_paper(digit), digit)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_any_picture_keeps_its_shape(height: int, width: int, seed: int) -> None:
    """Whatever comes in, a picture of the same shape and type comes out, and the input is left alone."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 256, (height, width), np.uint8)
    picture = np.where(rng.random((1, width)) < 0.5, np.uint8(255), noise)
    before = picture.copy()
    result = on_one_paper(picture)
    assert (result.shape, result.dtype) == (picture.shape, np.uint8)
    assert np.array_equal(picture, before)
