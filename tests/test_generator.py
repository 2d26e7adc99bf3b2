"""Drawn digits: the same from the same seed, of the promised shapes, and with ink where it should be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from train.generator import (
    Pen,
    Scan,
    Style,
    batch,
    cropped,
    draw_blank,
    draw_digit,
    draw_pair,
    draw_scan,
    trace,
)
from train.paper import INKS, Picture, Rng, camera, dust, frame, ink, jpeg, paper, place, rules, shadow
from train.skeletons import SKELETONS

DIGITS = range(10)
SHAPE = (60, 90)
CLEAN = Style(height=90, width=140, pen=Pen(pressure=0.0), fill=0.8, grain=0.0)
DRAWN: dict[str, Callable[[Rng], Picture]] = {
    "digit": lambda rng: draw_digit(3, rng),
    "scan": lambda rng: draw_scan(3, rng).picture,
    "pair": lambda rng: draw_pair((3, 8), rng).picture,
    "blank": lambda rng: draw_blank(rng).picture,
    "batch": lambda rng: batch(20, rng)[0],
    "batch of scans": lambda rng: batch(20, rng, scans=True)[0],
}


@pytest.fixture
def rng() -> Rng:
    """Return a generator in a known state."""
    return np.random.default_rng(1)


def inked(scan: Scan) -> NDArray[np.bool_]:
    """Return where a clean scan [h, w] is clearly darker than its paper."""
    return np.asarray(scan.picture < 0.8 * scan.picture.max())


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_the_seed_decides_every_byte(draw: Callable[[Rng], Picture]) -> None:
    """The same seed draws the same picture again, and another seed another."""
    first, again, other = (draw(np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("digit", DIGITS)
def test_skeletons_are_smooth_paths_of_one_height(digit: int) -> None:
    """Each way to write a digit has a name of its own and is one height tall, wherever its path bends."""
    ways = SKELETONS[digit]
    assert len({way.name for way in ways}) == len(ways)
    for way in ways:
        path = np.concatenate([stroke.basis @ stroke.points for stroke in way.strokes])
        assert np.ptp(path[:, 1]) == pytest.approx(1, abs=0.05)
        assert np.ptp(path[:, 0]) < 0.8
        for stroke in way.strokes:
            assert np.allclose(stroke.basis.sum(axis=1), 1)


@pytest.mark.parametrize("digit", DIGITS)
def test_a_trace_fills_the_unit_square(digit: int, rng: Rng) -> None:
    """The strokes together begin at 0 on both sides, and the longer side is 1."""
    written = np.concatenate(trace(digit, rng))
    assert written.min(axis=0) == pytest.approx([0, 0])
    assert written.max() == pytest.approx(1)


def test_a_tame_hand_follows_the_skeleton(monkeypatch: pytest.MonkeyPatch, rng: Rng) -> None:
    """Without wildness the trace is the skeleton's own path."""
    way = SKELETONS[2][0]
    monkeypatch.setitem(SKELETONS, 2, (way,))
    (path,) = trace(2, rng, wildness=0)
    (stroke,) = way.strokes
    expected = stroke.basis @ stroke.points
    expected -= expected.min(axis=0)
    assert path == pytest.approx(expected / expected.max())


@pytest.mark.parametrize("digit", DIGITS)
@pytest.mark.parametrize("size", [16, 28, 64, 200])
def test_a_digit_is_ink_of_the_asked_size(digit: int, size: int, rng: Rng) -> None:
    """A digit is a square of uint8 with empty corners, and its longer side takes the asked share."""
    picture = draw_digit(digit, rng, size, fill=0.75)
    assert picture.shape == (size, size)
    assert picture.dtype == np.uint8
    assert picture.max() > 90
    assert not picture[[0, 0, -1, -1], [0, -1, 0, -1]].any()
    assert max(cv2.boundingRect(picture)[2:]) == pytest.approx(0.75 * size, abs=2 + 0.04 * size)


@pytest.mark.parametrize("seed", range(200))
def test_random_pens_and_styles_stay_in_range(seed: int) -> None:
    """Whatever is drawn by lot is a scan that somebody might send."""
    style = Style.random(np.random.default_rng(seed))
    assert 20 <= min(style.height, style.width) <= max(style.height, style.width) <= 1000
    assert style.ink in INKS
    assert style.pen.kind in ("ball", "pencil", "felt")
    assert 0.03 < style.pen.width < 0.17
    assert 1 <= style.quality <= 100
    shares = (style.pen.darkness, style.pen.pressure, style.fill, style.drift, style.tone)
    assert all(0 <= share <= 1 for share in (*shares, style.grain, style.frame, style.shadow, style.noise))


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("colour", [False, True])
def test_a_scan_has_the_shape_of_its_style(seed: int, colour: bool) -> None:
    """A scan of any style is uint8, as large as asked, and knows its digit."""
    rng = np.random.default_rng(seed)
    style = replace(Style.random(rng), colour=colour)
    scan = draw_scan(seed % 10, rng, style)
    assert scan.picture.shape == (style.height, style.width, *[3] * colour)
    assert scan.picture.dtype == np.uint8
    assert scan.label == seed % 10
    assert f"a {seed % 10} " in scan.description


@pytest.mark.parametrize(("side", "expected"), [(1000, (90, 140)), (70, (45, 70)), (5, (20, 20))])
def test_a_style_for_a_smaller_picture(side: int, expected: tuple[int, int]) -> None:
    """Both sides shrink together, down to what the generator can draw, and none grows."""
    style = CLEAN.at_most(side)
    assert (style.height, style.width) == expected


def test_ink_without_its_margin() -> None:
    """All that has ink is kept, to the last pixel, and nothing beside it; of nothing, nothing."""
    ink = np.zeros((9, 12), np.uint8)
    ink[2, 3], ink[7, 10] = 1, 255
    assert np.array_equal(cropped(ink), ink[2:8, 3:11])
    assert cropped(np.zeros_like(ink)).shape == (0, 0)


@pytest.mark.parametrize("inverted", [False, True])
def test_the_polarity_is_as_asked(inverted: bool, rng: Rng) -> None:
    """Ink is darker than its paper, unless the scan is inverted."""
    picture = draw_scan(8, rng, replace(CLEAN, inverted=inverted)).picture.astype(int)
    ring = np.median(picture[[0, -1]])
    extreme = picture.max() if inverted else picture.min()
    assert (extreme - ring) * (1 if inverted else -1) > 100


def test_nothing_is_written_on_a_blank_sheet(rng: Rng) -> None:
    """A blank scan has no label and, on clean paper, a single shade."""
    scan = draw_blank(rng, CLEAN)
    assert scan.label is None
    assert np.ptp(scan.picture) == 0


@pytest.mark.parametrize("left", DIGITS)
@pytest.mark.parametrize("right", DIGITS)
def test_a_pair_has_a_clear_gap(left: int, right: int) -> None:
    """Two digits have no label, and clear paper between them."""
    scan = draw_pair((left, right), np.random.default_rng(10 * left + right), CLEAN)
    columns = np.flatnonzero(inked(scan).any(axis=0))
    assert scan.label is None
    assert np.diff(columns).max() > 5
    assert np.count_nonzero(np.diff(columns) > 1) == 1


@pytest.mark.parametrize(("width", "expected"), [(28, 28), (60, 60)])
def test_a_pair_keeps_the_width_of_its_style(width: int, expected: int, rng: Rng) -> None:
    """From the size of an MNIST picture on, two digits fit without widening the scan."""
    scan = draw_pair((0, 2), rng, replace(CLEAN, height=28, width=width))
    assert scan.picture.shape == (28, expected)


def test_a_pair_is_widened_rather_than_cut(rng: Rng) -> None:
    """A style too narrow for two digits gets the width that they need."""
    style = Style(height=20, width=20, wildness=0, grain=0.0)
    widths = {draw_pair((2, 3), rng, style).picture.shape[1] for _ in range(20)}
    assert max(widths) > 20


@pytest.mark.parametrize("n", [1, 10, 37])
@pytest.mark.parametrize("scans", [False, True])
def test_a_batch_is_balanced(n: int, scans: bool, rng: Rng) -> None:
    """No digit comes more than once oftener than another."""
    pictures, labels = batch(n, rng, 28, scans=scans)
    assert pictures.shape == (n, 28, 28)
    assert pictures.dtype == np.uint8
    assert labels.dtype == np.int64
    assert np.ptp(np.bincount(labels, minlength=10)) <= 1


def test_a_batch_is_shuffled(rng: Rng) -> None:
    """The digits come in no order."""
    _, labels = batch(50, rng)
    assert not np.array_equal(labels, np.arange(50) % 10)


@pytest.mark.parametrize("seed", range(5))
def test_covers_and_light_are_shares(seed: int) -> None:
    """A frame and dust hide between none and all of the paper, and a shadow takes no more than its depth."""
    rng = np.random.default_rng(seed)
    for cover in (frame(SHAPE, rng), dust(SHAPE, rng, 5)):
        assert cover.shape == SHAPE
        assert 0 == cover.min() < cover.max() <= 1
    light = shadow(SHAPE, rng, 0.4)
    assert light.shape == SHAPE
    assert 0.6 <= light.min() < light.max() <= 1


@pytest.mark.parametrize(("ruling", "marked"), [("plain", False), ("ruled", True), ("squared", True)])
def test_only_ruled_paper_has_rules(ruling: str, marked: bool, rng: Rng) -> None:
    """Lines are there as asked, and pale."""
    lines = rules(SHAPE, rng, ruling, 30)
    assert lines.shape == (*SHAPE, 3)
    assert lines.any() == marked
    assert lines.max() <= 0.25


def test_ink_darkens_only_what_it_covers(rng: Rng) -> None:
    """Under full cover the paper takes the ink's colour, and elsewhere it stays as it was."""
    sheet = paper(SHAPE, rng, tone=0.9, grain=0.01)
    cover = place(np.full((10, 10), 255, np.uint8), SHAPE, rng, drift=1.0)
    written = ink(sheet, cover, "blue")
    colour = np.array(INKS["blue"], np.float32)
    assert np.count_nonzero(cover) == 100
    assert np.array_equal(written[cover == 0], sheet[cover == 0])
    assert written[cover == 1] == pytest.approx(sheet[cover == 1] * colour, rel=1e-5)


def test_the_camera_sees_shares_of_white(rng: Rng) -> None:
    """However noisy, nothing is darker than black or lighter than white."""
    seen = camera(paper(SHAPE, rng, 0.95, 0.02), rng, blur=1.0, noise=0.5)
    assert seen.shape == (*SHAPE, 3)
    assert (seen.min(), seen.max()) == (0, 1)


@pytest.mark.parametrize("channels", [(), (3,)])
def test_compression_keeps_the_shape(channels: tuple[int, ...], rng: Rng) -> None:
    """A JPEG has lost little but bytes."""
    picture = rng.integers(100, 130, (*SHAPE, *channels), np.uint8)
    packed = jpeg(picture, 90)
    assert packed.shape == picture.shape
    assert abs(packed.astype(int) - picture).mean() < 10
