"""Lines of the paper, in `batch_classify.rules`."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from batch_classify.ink import Grey
from batch_classify.preprocess import preprocess
from batch_classify.rules import without_faint_rules, without_rules
from train.generator import Pen, draw_digit


def ink_of(digit: int, size: int = 60) -> Grey:
    """Return a digit's ink, bright on 0, in the middle of a picture half as large again."""
    glyph = draw_digit(digit, np.random.default_rng([3, digit]), size, pen=Pen(width=0.1))
    return np.pad(glyph, size // 4)


def grid(shape: tuple[int, ...], step: int, shade: int) -> Grey:
    """Return the ink of level and upright lines, 1 px wide."""
    lines = np.zeros(shape, np.uint8)
    lines[3::step] = shade
    lines[:, 5::step] = shade
    return lines


@pytest.mark.parametrize(("size", "step"), [(20, 8), (60, 15), (100, 30)])
@pytest.mark.parametrize("shade", [20, 60])
def test_most_of_a_grid_goes_and_the_digits_stay(size: int, step: int, shade: int) -> None:
    """Strokes hardly change, and of the lines beside them about two thirds go, in small pictures too.

    The rest lies in rows and columns that are mostly strokes.
    """
    remain = []
    for digit in range(10):
        ink = ink_of(digit, size)
        lines = grid(ink.shape, step, shade)
        left = without_faint_rules(np.maximum(ink, lines))
        assert ((left > 100) != (ink > 100)).mean() < 0.015
        remain.append((left[(ink == 0) & (lines > 0)] > shade / 2).mean())
    assert np.mean(remain) < 0.36


@pytest.mark.parametrize("digit", range(10))
def test_without_lines_nothing_changes(digit: int) -> None:
    """A digit that is clear of the border comes back as it is, and so does one that was cut out tightly."""
    ink = ink_of(digit)
    assert without_faint_rules(ink) is ink
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    tight = np.ascontiguousarray(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    assert ((without_faint_rules(tight) > 60) == (tight > 60)).mean() > 0.99


def test_a_stroke_across_a_line_stays() -> None:
    """The line is taken from below the stroke, which keeps the rest of its ink."""
    ink = np.zeros((60, 60), np.uint8)
    ink[30] = 40
    ink[10:50, 28:32] = 200
    left = without_faint_rules(ink)
    assert (left[30, 28:32] == 160).all() and not left[30, :28].any()


def test_a_pale_rule_across_a_mask_goes() -> None:
    """A slightly tilted line that is paler than the other ink is no part of the digit."""
    ink = ink_of(8, 100)
    for x in range(ink.shape[1]):
        ink[70 + x // 80, x] = max(ink[70 + x // 80, x], 70)
    mask = (ink > 40).astype(np.uint8)
    left = without_rules(mask, ink)
    assert (left[:, :20] == 0).all() and left.sum() > 0.9 * (ink_of(8, 100) > 40).sum()


@pytest.mark.parametrize("gap", [1, 2])
def test_a_pale_stem_that_ends_before_the_picture_stays(gap: int) -> None:
    """Of a 4 that was cut out tightly, the stem is paler than the bar and nearly as long as the picture."""
    ink = np.zeros((28, 28), np.uint8)
    ink[16:18, 4:24] = 220
    ink[gap : 28 - gap, 17] = 120
    mask = (ink > 0).view(np.uint8)
    assert without_rules(mask, ink) is mask
    prepared = preprocess(255 - ink)
    assert prepared.clean and cv2.countNonZero(prepared.image[:8]) and cv2.countNonZero(prepared.image[-8:])
    ink[:, 17] = 120
    assert not without_rules((ink > 0).view(np.uint8), ink)[:12].any()


def test_a_broad_stroke_is_no_rule() -> None:
    """The long foot of a thick digit stays, though a line could run through it."""
    ink = np.zeros((100, 100), np.uint8)
    ink[40:60, 2:98] = 150
    ink[5:40, 60:80] = 250
    mask = (ink > 40).astype(np.uint8)
    assert without_rules(mask, ink).sum() > 0.95 * mask.sum()
