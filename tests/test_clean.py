"""The short way: taken by easy scans only; on bare paper always with the answer of the long one."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from batch_classify import compiled
from batch_classify.clean import clean_digit
from batch_classify.ink import Grey
from batch_classify.preprocess import SIDE, long_way, preprocess
from train.generator import draw_digit

SIZES = (12, 28, 60, 150, 200)


def drawn(seed: int, side: int) -> Grey:
    """Draw a digit, black on white; which one hangs on the seed too."""
    return np.asarray(255 - draw_digit(seed % 10, np.random.default_rng(seed), side), np.uint8)


def with_margin(picture: Grey, margin: int = 8, paper: int = 255) -> Grey:
    """Put paper around a picture."""
    sides = (margin, margin, margin, margin)
    return np.asarray(cv2.copyMakeBorder(picture, *sides, cv2.BORDER_CONSTANT, value=paper), np.uint8)


def is_clean(scan: Grey) -> bool:
    """Whether a scan takes the short way."""
    return clean_digit(scan) is not None


@pytest.fixture
def digit() -> Grey:
    """A clean digit of 60 px with paper all around."""
    return with_margin(drawn(3, 60))


def test_a_clean_digit_takes_the_short_way(digit: Grey) -> None:
    """A single digit on bare paper is told at once, in either polarity."""
    assert is_clean(digit)
    assert is_clean(np.asarray(255 - digit, np.uint8))


def noisy(scan: Grey, deviation: float = 6, shade: float = 0) -> Grey:
    """Add grain, and a shade that takes so much of the light at the right."""
    noise = np.random.default_rng(0).normal(0, deviation, scan.shape)
    light = 1 - shade * np.linspace(0, 1, scan.shape[1])
    return np.asarray(np.clip(0.9 * scan * light + noise, 0, 255), np.uint8)


def spoilt_by_much_noise(digit: Grey) -> Grey:
    """Add so much grain that it is as dark as ink."""
    return noisy(digit, 60)


def spoilt_by_a_shadow(digit: Grey) -> Grey:
    """Let the edge of a shadow fall on it."""
    shaded = digit.copy()
    shaded[:, len(digit) // 2 :] //= 2
    return noisy(shaded)


def spoilt_by_another(digit: Grey) -> Grey:
    """Put another digit beside it, on paper with grain."""
    return noisy(np.hstack([digit, digit]))


def spoilt_by_a_speck(digit: Grey) -> Grey:
    """Add a dot in a corner."""
    return np.asarray(cv2.circle(digit.copy(), (4, 4), 1, 0, -1), np.uint8)


def spoilt_by_a_frame(digit: Grey) -> Grey:
    """Draw a box around it."""
    height, width = digit.shape
    return with_margin(
        np.asarray(cv2.rectangle(digit.copy(), (2, 2), (width - 3, height - 3), 0, 2), np.uint8)
    )


def spoilt_by_a_rule(digit: Grey) -> Grey:
    """Draw a pale line through all of it."""
    ruled = digit.copy()
    ruled[70] = np.minimum(ruled[70], 160)
    return ruled


def spoilt_by_the_edges(digit: Grey) -> Grey:
    """Cut it off on all sides."""
    return np.ascontiguousarray(digit[20:-20, 28:-28])


def a_filled_box(digit: Grey) -> Grey:
    """Return a block of ink instead."""
    box = np.full_like(digit, 255)
    box[10:-10, 20:-20] = 0
    return box


def nothing(digit: Grey) -> Grey:
    """Return bare paper instead."""
    return np.full_like(digit, 255)


def faint(digit: Grey) -> Grey:
    """Write it in very pale ink."""
    return np.asarray(255 - (255 - digit) // 20, np.uint8)


@pytest.mark.parametrize(
    "spoil",
    [
        spoilt_by_much_noise, spoilt_by_a_shadow, spoilt_by_another,
        spoilt_by_a_speck, spoilt_by_a_frame, spoilt_by_a_rule, spoilt_by_the_edges,
        a_filled_box, nothing, faint,
    ],
)  # fmt: skip
def test_what_leaves_a_doubt_goes_the_long_way(digit: Grey, spoil: Callable[[Grey], Grey]) -> None:
    """Much noise, shadows, neighbours, specks, frames, rules, cuts, blocks and bare paper are not told."""
    assert not is_clean(spoil(digit))


@given(
    seed=st.integers(0, 2**32 - 1),
    side=st.sampled_from(SIZES),
    margin=st.integers(0, 9),
    paper=st.integers(60, 255),
    light=st.booleans(),
    blur=st.sampled_from([0.0, 0.5, 1.5]),
)
def test_both_ways_say_the_same(
    seed: int, side: int, margin: int, paper: int, light: bool, blur: float
) -> None:
    """Whatever the paper, the size and the blur, what the short way makes is what the long way makes."""
    scan: NDArray[np.uint8] = with_margin(drawn(seed, side), margin)
    if blur:
        scan = np.asarray(cv2.GaussianBlur(scan, (0, 0), blur), np.uint8)
    scan = np.asarray(scan * (paper / 255), np.uint8)
    scan = np.asarray(255 - scan, np.uint8) if light else scan
    short, long = preprocess(scan), long_way(scan).prepared
    assert np.array_equal(short.image, long.image)
    assert (short.finding, short.detail) == (long.finding, long.detail)


@given(
    seed=st.integers(0, 2**32 - 1),
    side=st.sampled_from([20, 28, 40]),
    cut=st.integers(0, 6),
    lined=st.booleans(),
    turned_over=st.integers(0, 12),
    paper=st.integers(0, 255),
    quarters=st.integers(0, 3),
)
def test_cut_off_or_crossed_out_both_say_the_same(
    seed: int, side: int, cut: int, lined: bool, turned_over: int, paper: int, quarters: int
) -> None:
    """Cut off at any edge, crossed by a line or on two papers, a digit comes out as the long way has it."""
    scan = np.rot90(with_margin(drawn(seed, side), 3)[cut:], quarters).copy()
    if lined:
        scan[len(scan) // 2] = paper
    scan[:, 10 : 10 + turned_over] = 255 - scan[:, 10 : 10 + turned_over]
    short, long = preprocess(scan), long_way(scan).prepared
    assert np.array_equal(short.image, long.image)
    assert (short.finding, short.detail) == (long.finding, long.detail)


@pytest.mark.parametrize("side", [60, 150, 400])
@pytest.mark.parametrize("light", [False, True])
def test_noise_and_a_slant_of_light_are_easy(side: int, light: bool) -> None:
    """A digit on noisy paper, lit from one side, takes the short way, to a 28×28 like the long way's."""
    differences = []
    for seed in range(10):
        scan = noisy(with_margin(drawn(seed, side), side // 4), shade=0.1)
        scan = np.asarray(255 - scan, np.uint8) if light else scan
        short, long = preprocess(scan), long_way(scan).prepared
        if short.clean:
            differences.append(cv2.absdiff(short.image, long.image).mean())
            assert short.finding == long.finding
    assert len(differences) > 6
    assert max(differences) < 25 and np.median(differences) < 10


@given(
    picture=st.tuples(st.integers(1, 230), st.integers(1, 230)).flatmap(
        lambda shape: st.builds(
            lambda seed, levels, digit: blotched(shape, seed, levels, digit),
            st.integers(0, 2**32 - 1),
            st.integers(2, 256),
            st.booleans(),
        )
    )
)
def test_any_picture_is_safe(picture: Grey) -> None:
    """Whatever the pixels and the size, what is found lies in its plane, and nothing else changes."""
    before = picture.copy()
    digit = clean_digit(picture)
    assert np.array_equal(picture, before)
    if digit is not None:
        x, y, width, height = digit.box
        assert digit.glyph.shape == (height, width)
        assert digit.ink[y : y + height, x : x + width].shape == (height, width)
        assert compiled.variation(digit.glyph) > 0
        assert preprocess(picture).image.shape == (SIDE, SIDE)


def blotched(shape: tuple[int, int], seed: int, levels: int, digit: bool) -> Grey:
    """Draw pixels of so many levels at random, coarse or fine, with a digit among them or without."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, levels, (1 + shape[0] // 5, 1 + shape[1] // 5)) * 255 // (levels - 1)
    picture = cv2.resize(coarse.astype(np.uint8), shape[::-1], interpolation=int(rng.integers(0, 3)))
    if digit and min(shape) > 30:
        ink = cv2.resize(drawn(seed, min(shape)), shape[::-1])
        picture = np.minimum(picture // 16 + 239, ink)
    return np.asarray(picture, np.uint8)


def test_mnist_like_pictures_stay_as_they_are() -> None:
    """A picture that is prepared already comes out unchanged by the short way too."""
    prepared = preprocess(with_margin(drawn(5, 60))).image
    again = preprocess(prepared)
    assert is_clean(prepared)
    assert np.array_equal(again.image, prepared)
