"""Scans that show no single digit, in `train.clutter`."""

from __future__ import annotations

import numpy as np
import pytest

from batch_classify.preprocess import preprocess
from batch_classify.row import NO_DIGIT
from train import clutter
from train.clutter import LIKE_DIGITS, draw_clutter
from train.data import cluttered
from train.generator import Pen, Style, draw_digit

WRITTEN = [
    draw_digit(digit, np.random.default_rng(digit), 28, pen=Pen(), fill=20 / 28) for digit in range(10)
]
CLEAN = Style(height=120, width=160, grain=0, drift=0)


@pytest.mark.parametrize("colour", [False, True])
def test_the_same_numbers_draw_the_same_scan(colour: bool) -> None:
    """Every kind comes in the style's size or wider, grey or in colour, and twice alike."""
    style = Style(height=60, width=80, colour=colour)
    for seed in range(30):
        one, two = (draw_clutter(np.random.default_rng(seed), WRITTEN, style).picture for _ in range(2))
        assert np.array_equal(one, two)
        assert one.dtype == np.uint8
        assert one.shape[0] >= 60
        assert one.shape[1] >= 80


def test_the_kinds_have_their_shares() -> None:
    """Each kind has a share, and together they are all."""
    assert len(clutter._KINDS) == len(clutter._SHARES)
    assert sum(clutter._SHARES) == pytest.approx(1)


def test_several_digits_stand_side_by_side() -> None:
    """What two or three digits leave of the scan is wider than one."""
    for seed in range(20):
        scan = clutter._digits(np.random.default_rng(seed), CLEAN, WRITTEN)
        inked = np.flatnonzero((scan < 128).any(axis=0))
        tall = np.flatnonzero((scan < 128).any(axis=1))
        assert np.ptp(inked) > 0.75 * np.ptp(tall)


@pytest.mark.parametrize("character", "0123456789OIlSZB|")
def test_what_looks_like_a_digit_is_not_drawn(character: str) -> None:
    """It would teach that a digit is none."""
    assert character in LIKE_DIGITS
    assert character not in clutter._CHARACTERS


def test_a_set_of_clutter_is_prepared() -> None:
    """It is what the judge sees: 28×28, with ink, the same for a seed, another for another."""
    written = np.stack(WRITTEN)
    one, two, other = (cluttered(written, 30, [seed, 0]) for seed in (1, 1, 2))
    assert np.array_equal(one, two)
    assert one.shape[1:] == (28, 28)
    assert 5 < len(one) < 30
    assert one.any(axis=(1, 2)).all()
    assert not np.array_equal(one[:5], other[:5])


def test_what_preprocess_finds_is_left_out() -> None:
    """Blank paper never comes to the judge."""
    assert preprocess(clutter._blank(np.random.default_rng(0), CLEAN, ())).finding in NO_DIGIT
