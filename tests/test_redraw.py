"""Digits written again by another pen, in `train.redraw`."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from batch_classify.preprocess import preprocess
from train.generator import Pen, Style, draw_digit
from train.paper import Picture
from train.redraw import redraw

CLEAN = Style(height=90, width=140, pen=Pen(pressure=0.0), fill=0.8, grain=0.0)


@pytest.fixture(params=range(10))
def written(request: pytest.FixtureRequest) -> Picture:
    """Return a digit as `preprocess` makes it, uint8 [28, 28]."""
    drawn = draw_digit(request.param, np.random.default_rng(request.param), 56, pen=Pen(width=0.1))
    return preprocess(255 - drawn).image


def test_the_shape_stays(written: Picture) -> None:
    """On clean paper the digit comes back nearly as it was, in a stroke of another width."""
    again = preprocess(redraw(written, np.random.default_rng(3), CLEAN)).image
    near = cv2.dilate(written, np.ones((5, 5), np.uint8))
    assert again[near == 0].sum(dtype=np.int64) < 0.02 * again.sum(dtype=np.int64)
    likeness = np.corrcoef(written.ravel(), again.ravel())[0, 1]
    assert likeness > 0.75


@pytest.mark.parametrize("colour", [False, True])
def test_a_scan_has_the_shape_of_its_style(written: Picture, colour: bool) -> None:
    """It is a picture of the asked size, in colour or not."""
    style = replace(CLEAN, colour=colour)
    expected = (90, 140, 3) if colour else (90, 140)
    assert redraw(written, np.random.default_rng(1), style).shape == expected


def test_the_seed_decides_every_byte(written: Picture) -> None:
    """The same seed draws the same scan again, and another seed another."""
    first, again, other = (redraw(written, np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_trace_of_ink_still_makes_a_scan() -> None:
    """What is too pale to be sharpened is put on paper as it is."""
    faint = np.zeros((28, 28), np.uint8)
    faint[10:18, 14] = 3
    assert redraw(faint, np.random.default_rng(1), CLEAN).shape == (90, 140)
