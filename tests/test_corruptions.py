"""The corruptions of MNIST-C in `train.corruptions`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from batch_classify.preprocess import preprocess
from train.corruptions import CORRUPTIONS, Images, corrupt
from train.generator import batch

MNIST_C = (
    "shot_noise impulse_noise glass_blur motion_blur shear scale rotate brightness translate stripe fog "
    "spatter dotted_line zigzag canny_edges"
)
FIXED = {"scale", "brightness", "stripe", "canny_edges"}  # nothing about them is random


@pytest.fixture(scope="module")
def images() -> Images:
    """Return forty preprocessed digits, uint8 [40, 28, 28]."""
    drawn, _ = batch(40, np.random.default_rng(1), 64)
    return np.stack([preprocess(picture).image for picture in drawn])


@pytest.fixture(scope="module")
def corrupted(images: Images) -> Callable[[str], Images]:
    """Give the digits under a corruption, with seed 0."""
    done = {name: corrupt(name, images, 0) for name in CORRUPTIONS}
    return done.__getitem__


every = pytest.mark.parametrize("name", CORRUPTIONS)


def test_they_are_the_fifteen() -> None:
    """The table holds MNIST-C's corruptions under its names, in its order."""
    assert " ".join(CORRUPTIONS) == MNIST_C


@every
@pytest.mark.parametrize("count", [1, 3])
def test_shape_and_type_stay(images: Images, name: str, count: int) -> None:
    """What comes out is as many pictures, uint8 and 28×28."""
    result = corrupt(name, images[:count], 0)
    assert result.dtype == np.uint8
    assert result.shape == (count, 28, 28)


@every
def test_the_original_stays(images: Images, name: str) -> None:
    """The pictures that went in are left alone."""
    before = images.copy()
    corrupt(name, images, 1)
    assert np.array_equal(images, before)


@every
def test_the_seed_decides(images: Images, corrupted: Callable[[str], Images], name: str) -> None:
    """The same seed corrupts alike, another seed differently wherever chance has a say."""
    assert np.array_equal(corrupt(name, images, 0), corrupted(name))
    assert np.array_equal(corrupt(name, images, 1), corrupted(name)) == (name in FIXED)


@every
def test_equal_pictures_are_corrupted_each_in_its_own_way(images: Images, name: str) -> None:
    """Chance falls for each picture anew, though a choice of two directions may come out alike."""
    results = np.unique(corrupt(name, images[:1].repeat(40, axis=0), 0), axis=0)
    few = {"shear": 2, "rotate": 2, "translate": 4} | dict.fromkeys(FIXED, 1)
    assert len(results) == few[name] if name in few else len(results) > 25


@every
def test_every_picture_changes(images: Images, corrupted: Callable[[str], Images], name: str) -> None:
    """No picture comes through as it was."""
    change = np.abs(corrupted(name).astype(int) - images)
    assert change.max(axis=(1, 2)).min() > 40


@every
def test_the_digit_is_still_there(images: Images, corrupted: Callable[[str], Images], name: str) -> None:
    """The strokes differ from what is around them, and cover about as much as they did or their outline."""
    result = corrupted(name).astype(int)
    assert np.ptp(result, axis=(1, 2)).min() > 40
    ink = result.sum(axis=(1, 2)) / images.sum(axis=(1, 2))
    assert ink.min() > 0.3


@pytest.mark.parametrize(
    "name",
    ["shot_noise", "impulse_noise", "glass_blur", "brightness", "fog", "spatter", "dotted_line", "zigzag"],
)
def test_the_strokes_stay_where_they_are(
    images: Images, corrupted: Callable[[str], Images], name: str
) -> None:
    """Where the ink was is brighter on average than where there was none, in every picture."""
    for picture, result in zip(images, corrupted(name), strict=True):
        assert result[picture > 128].mean() > result[picture == 0].mean() + 20


def ink_axes(image: Images) -> tuple[float, float, float, float, float]:
    """Return the ink's centre, x and y, and its variances, xx, xy and yy, in px."""
    y, x = np.mgrid[:28, :28]
    weight = image / image.sum()
    middle_x, middle_y = (weight * x).sum(), (weight * y).sum()
    x, y = x - middle_x, y - middle_y
    return middle_x, middle_y, (weight * x * x).sum(), (weight * x * y).sum(), (weight * y * y).sum()


def test_scale_shrinks_to_seven_tenths(images: Images, corrupted: Callable[[str], Images]) -> None:
    """The ink's spread is 0.7 of what it was, about the same middle."""
    for image, result in zip(images, corrupted("scale"), strict=True):
        before, after = ink_axes(image), ink_axes(result)
        assert np.sqrt((after[2] + after[4]) / (before[2] + before[4])) == pytest.approx(0.7, abs=0.05)
        assert after[:2] == pytest.approx(before[:2], abs=0.6)


def test_translate_moves_by_three(images: Images, corrupted: Callable[[str], Images]) -> None:
    """The picture moves by 3 px along each axis, and each of the four ways occurs."""
    ways = [(y, x) for y in (-3, 3) for x in (-3, 3)]
    inside = np.s_[3:25, 3:25]  # beyond it, `roll` brings back what has left the picture
    found = [
        [way for way in ways if np.array_equal(np.roll(image, way, (0, 1))[inside], result[inside])]
        for image, result in zip(images, corrupted("translate"), strict=True)
    ]
    assert all(len(fitting) == 1 for fitting in found)
    assert {fitting[0] for fitting in found} == set(ways)


def test_rotate_turns_a_bar_by_23_degrees() -> None:
    """An upright bar leans by 0.4 rad, to either side."""
    bar = np.zeros((20, 28, 28), np.uint8)
    bar[:, 4:24, 13:15] = 255
    turns = [
        0.5 * np.arctan2(2 * xy, yy - xx) for _, _, xx, xy, yy in map(ink_axes, corrupt("rotate", bar, 0))
    ]
    assert np.abs(turns) == pytest.approx(np.full(20, 0.4), abs=0.01)
    assert len(set(np.sign(turns))) == 2


def test_shear_leaves_a_level_bar_level() -> None:
    """Shear tilts what is upright and only shifts what lies."""
    bar = np.zeros((20, 28, 28), np.uint8)
    bar[:, 13:15, 4:24] = 255
    assert all(ink_axes(result)[3] == pytest.approx(0, abs=0.5) for result in corrupt("shear", bar, 0))
    upright = corrupt("shear", bar.transpose(0, 2, 1).copy(), 0)
    assert all(abs(ink_axes(result)[3]) > 8 for result in upright)


def test_stripe_inverts_the_outer_quarters(images: Images, corrupted: Callable[[str], Images]) -> None:
    """The first and last 7 columns are inverted, the middle stays."""
    result = corrupted("stripe")
    assert np.array_equal(result[:, :, 7:21], images[:, :, 7:21])
    assert np.array_equal(result[:, :, :7], 255 - images[:, :, :7])
    assert np.array_equal(result[:, :, 21:], 255 - images[:, :, 21:])


def test_noise_is_as_strong_as_said(images: Images) -> None:
    """Impulse noise hits 17 % of the pixels, half of them white, and shot noise leaves thirds and no bias."""
    black = np.zeros((200, 28, 28), np.uint8)
    assert (corrupt("impulse_noise", black, 0) == 255).mean() == pytest.approx(0.085, abs=0.003)
    assert (corrupt("impulse_noise", 255 - black, 0) == 0).mean() == pytest.approx(0.085, abs=0.003)
    dim = np.full((200, 28, 28), 51, np.uint8)
    noisy = corrupt("shot_noise", dim, 0)
    assert set(np.unique(noisy)) == {0, 85, 170, 255}
    assert noisy.mean() == pytest.approx(51, abs=1)


def test_an_empty_picture_makes_no_trouble() -> None:
    """A picture without ink comes out as one of the same kind, whatever is done to it."""
    blank = np.zeros((2, 28, 28), np.uint8)
    for name in CORRUPTIONS:
        assert corrupt(name, blank, 0).shape == blank.shape
