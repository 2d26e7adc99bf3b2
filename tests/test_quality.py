"""Whether a scan can be trusted, in `batch_classify.quality`."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from batch_classify.ink import Box
from batch_classify.preprocess import preprocess
from batch_classify.quality import blur_of, flaw_of
from batch_classify.row import Reason
from train.generator import Pen, draw_digit

RNG_SEED = 4


def page(side: int = 120, digit: int = 3, fill: float = 0.6) -> np.ndarray:
    """Return a clean scan of a digit, black on white."""
    return 255 - draw_digit(digit, np.random.default_rng(RNG_SEED), side, pen=Pen(), fill=fill)


def faint(scan: np.ndarray) -> np.ndarray:
    """Return the scan in very pale ink."""
    return (255 - (255 - scan) * 0.1).astype(np.uint8)


def blurred(scan: np.ndarray) -> np.ndarray:
    """Return the scan as an unsharp lens shows it."""
    return np.asarray(cv2.GaussianBlur(scan, (0, 0), 8), np.uint8)


def cut(scan: np.ndarray) -> np.ndarray:
    """Return what is left of the scan when a crop took the upper part of the digit away."""
    return scan[50:]


def small(scan: np.ndarray) -> np.ndarray:
    """Return the scan with a digit of 8 px."""
    return np.asarray(cv2.resize(scan, (12, 12), interpolation=cv2.INTER_AREA), np.uint8)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [(faint, "very faint"), (blurred, "blurred"), (cut, "cut off"), (small, "8 px")],
)
def test_a_poor_scan_says_so(spoil, said: str) -> None:  # type: ignore[no-untyped-def]
    """It keeps its 28×28, and what is wrong with it is told in words."""
    found = preprocess(spoil(page(digit=0)))
    assert found.finding is Reason.LOW_QUALITY
    assert said in found.detail
    assert found.image.any()


@pytest.mark.parametrize("digit", range(10))
@pytest.mark.parametrize("side", [28, 60, 120, 400])
def test_a_good_scan_says_nothing(digit: int, side: int) -> None:
    """Whatever the digit and its size, from 28 px on."""
    found = preprocess(page(side, digit))
    assert (found.finding, found.detail) == (None, "")


@pytest.mark.parametrize("digit", range(10))
def test_a_tight_crop_is_not_cut_off(digit: int) -> None:
    """A digit that touches the borders all around is whole."""
    scan = page(100, digit)
    x, y, width, height = cv2.boundingRect(255 - scan)
    found = preprocess(scan[y : y + height, x : x + width])
    assert "cut off" not in found.detail


@pytest.mark.parametrize("deviation", [1.5, 3.0, 4.0])
def test_blur_is_measured_in_px(deviation: float) -> None:
    """The edge of a broad stroke gives the deviation that it was blurred by."""
    ink = np.zeros((80, 60), np.uint8)
    ink[:, 20:40] = 200
    ink = np.asarray(cv2.GaussianBlur(ink, (0, 0), deviation), np.uint8)
    assert blur_of(ink, 200) == pytest.approx(deviation, rel=0.2)


def test_two_ends_on_one_border_are_a_cut() -> None:
    """A single end may touch the border, as a 1 or a 7 does; a digit that crosses it twice goes on beyond."""
    once, twice = (np.zeros((60, 60), np.uint8) for _ in range(2))
    once[20:60, 30:35] = 1
    twice[20:60, 20:25] = twice[20:60, 40:45] = twice[20:25, 20:45] = 1
    assert flaw_of(200 * once, once, Box(30, 20, 5, 40), 200, 1.0) == ""
    assert "cut off" in flaw_of(200 * twice, twice, Box(20, 20, 25, 40), 200, 1.0)
