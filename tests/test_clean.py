"""The short way: taken by clean scans only, and always with the answer of the long one."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from batch_classify.clean import clean_digits
from batch_classify.ink import Grey
from batch_classify.preprocess import preprocess, preprocess_all, stages_of
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
    return clean_digits(scan[None])[0] is not None


@pytest.fixture
def digit() -> Grey:
    """A clean digit of 60 px with paper all around."""
    return with_margin(drawn(3, 60))


def test_a_clean_digit_takes_the_short_way(digit: Grey) -> None:
    """A single digit on bare paper is told at once, in either polarity."""
    assert is_clean(digit)
    assert is_clean(np.asarray(255 - digit, np.uint8))


def spoilt_by_noise(digit: Grey) -> Grey:
    """Add grain."""
    noise = np.random.default_rng(0).normal(0, 6, digit.shape)
    return np.asarray(np.clip(digit + noise, 0, 255), np.uint8)


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
        spoilt_by_noise, spoilt_by_a_speck, spoilt_by_a_frame, spoilt_by_a_rule, spoilt_by_the_edges,
        a_filled_box, nothing, faint,
    ],
)  # fmt: skip
def test_what_leaves_a_doubt_goes_the_long_way(digit: Grey, spoil: Callable[[Grey], Grey]) -> None:
    """Noise, specks, frames, rules, cut digits, blocks and bare paper are not told at once."""
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
    short, long = preprocess(scan), stages_of(scan).prepared
    assert np.array_equal(short.image, long.image)
    assert (short.finding, short.detail) == (long.finding, long.detail)


@given(
    seeds=st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=6),
    side=st.sampled_from([20, 28, 40]),
    cut=st.integers(0, 6),
    lines=st.integers(0, 2),
    paper=st.integers(0, 255),
)
def test_together_is_as_alone(seeds: list[int], side: int, cut: int, lines: int, paper: int) -> None:
    """Several scans of one size come out as each the long way, cut off at an edge or crossed by a line."""
    scans = [with_margin(drawn(seed, side), 3)[cut:] for seed in seeds]
    for number, scan in enumerate(scans[:lines]):
        scan[number + len(scan) // 2] = paper
    for scan, short in zip(scans, preprocess_all(scans), strict=True):
        long = stages_of(scan).prepared
        assert np.array_equal(short.image, long.image)
        assert (short.finding, short.detail) == (long.finding, long.detail)


def test_sizes_may_differ(digit: Grey) -> None:
    """Scans of several sizes, clean and not, come back in their order."""
    bare = np.full((20, 30), 255, np.uint8)
    scans = [digit, bare, with_margin(drawn(7, 30)), digit, spoilt_by_noise(digit)]
    for scan, prepared in zip(scans, preprocess_all(scans), strict=True):
        assert np.array_equal(prepared.image, preprocess(scan).image)
    assert preprocess_all([]) == []


def test_mnist_like_pictures_stay_as_they_are() -> None:
    """A picture that is prepared already comes out unchanged by the short way too."""
    prepared = preprocess(with_margin(drawn(5, 60))).image
    again = preprocess(prepared)
    assert is_clean(prepared)
    assert np.array_equal(again.image, prepared)
