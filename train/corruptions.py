"""The fifteen corruptions of MNIST-C (Mu & Gilmer 2019), written anew, to measure robustness with.

One severity each: the one with which the authors made their data set, read off the defaults of their
published code (google-research/mnist-c). What is ours, since their tools differ, is said at the function.
All was fixed before any model was measured; nothing here is meant to train on.

Every corruption takes raw pictures, uint8 [N, 28, 28], ink bright on 0, and a numpy Generator, and returns
new pictures of the same shape; from the same state of the generator, the same pictures. Knows no models.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from batch_classify.ink import u8
from batch_classify.preprocess import SIDE

Images = NDArray[np.uint8]
Floats = NDArray[np.float64]
Shares = NDArray[np.float32]  # grey levels from 0 to 1
Corruption = Callable[[Images, np.random.Generator], Images]

_MIDDLE = (SIDE - 1) / 2  # as a pixel index
_COLUMNS = np.arange(SIDE)
_FOG_SIDE = 256  # of the map of which a picture's fog is one corner
_FOG_MAPS = 50  # drawn at a time, 13 MB


def corrupt(name: str, images: Images, seed: int) -> Images:
    """Apply one of `CORRUPTIONS`; the same for the same name, images and seed."""
    return CORRUPTIONS[name](images, np.random.default_rng([seed, *name.encode()]))


def shot_noise(images: Images, rng: np.random.Generator) -> Images:
    """Count photons, of which white sends 3 on average."""
    return _levels(rng.poisson(_shares(images) * 3) / 3)


def impulse_noise(images: Images, rng: np.random.Generator) -> Images:
    """Make 17 % of the pixels black or white, half of them each."""
    draw = rng.random(images.shape)
    return u8(np.where(draw < 0.17, np.where(draw < 0.085, 0, 255), images))


def glass_blur(images: Images, rng: np.random.Generator) -> Images:
    """Blur by 0.7 px, twice swap half of the pixels with one at most 1 px up and left, and blur again.

    The pixels come in turn from the bottom right; none begins a swap in the first two rows and columns.
    """
    pixels = _blurred(_shares(images), 0.7).transpose(1, 2, 0).copy()
    every = np.arange(len(images))
    for row, column in 2 * [(row, column) for row in range(27, 1, -1) for column in range(27, 1, -1)]:
        chosen, up, left = rng.integers(0, 2, (3, len(images)))
        other = row - chosen * up, column - chosen * left, every
        here = pixels[row, column].copy()
        pixels[row, column] = pixels[other]
        pixels[other] = here
    return _levels(_blurred(pixels.transpose(2, 0, 1).copy(), 0.7))


def motion_blur(images: Images, rng: np.random.Generator) -> Images:
    """Smear to one side, along half a Gaussian of 3 px that ends at 20 px, at -45° to 45°.

    Ours: the kernel, after ImageMagick's, which takes the nearest pixel at each whole distance.
    """
    reach = np.arange(21)
    weights = np.exp(-(reach**2) / (2 * 3**2))
    blurred = np.empty_like(images)
    for number, angle in enumerate(np.deg2rad(rng.uniform(-45, 45, len(images)))):
        kernel = np.zeros((41, 41))
        kernel[_nearest(20 + reach * np.sin(angle)), _nearest(20 + reach * np.cos(angle))] = weights
        blurred[number] = cv2.filter2D(
            images[number], -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE
        )
    return blurred


def shear(images: Images, rng: np.random.Generator) -> Images:
    """Tilt the upright axis by 0.4 rad to either side, as skimage did in 2019: its length stays."""
    return np.stack(
        [
            _mapped(image, [[1, -np.sin(angle)], [0, np.cos(angle)]])
            for image, angle in zip(images, _either_way(0.4, len(images), rng), strict=True)
        ]
    )


def scale(images: Images, rng: np.random.Generator) -> Images:
    """Shrink to 0.7 of the size."""
    return np.stack([_mapped(image, [[1 / 0.7, 0], [0, 1 / 0.7]]) for image in images])


def rotate(images: Images, rng: np.random.Generator) -> Images:
    """Turn by 0.4 rad either way."""
    return np.stack(
        [
            _mapped(image, [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            for image, angle in zip(images, _either_way(0.4, len(images), rng), strict=True)
        ]
    )


def brightness(images: Images, rng: np.random.Generator) -> Images:
    """Add half of the range, clipped at white."""
    return _levels(_shares(images) + 0.5)


def translate(images: Images, rng: np.random.Generator) -> Images:
    """Move by 3 px up or down and by 3 px left or right."""
    padded = np.pad(images, ((0, 0), (3, 3), (3, 3)))
    starts = rng.choice([0, 6], (len(images), 2))
    return np.stack(
        [one[y : y + SIDE, x : x + SIDE] for one, (y, x) in zip(padded, starts.tolist(), strict=True)]
    )


def stripe(images: Images, rng: np.random.Generator) -> Images:
    """Invert the first and the last 7 columns."""
    striped = images.copy()
    for columns in (striped[..., :7], striped[..., 21:]):
        np.subtract(255, columns, out=columns)
    return striped


def fog(images: Images, rng: np.random.Generator) -> Images:
    """Lay plasma of 3 times the ink's peak over it and bring both back into range; roughness 1.4."""
    shares = _shares(images)
    peak = shares.max(axis=(1, 2), keepdims=True)
    return _levels((shares + 3 * _plasma(len(images), 1.4, rng)) * peak / (peak + 3))


def spatter(images: Images, rng: np.random.Generator) -> Images:
    """Cover parts with mud of grey 63: where noise of 0.65 ± 0.3, blurred by 1 px, is above 0.65.

    That mask is blurred by 1.5 px and kept where it is at least 0.8.
    """
    liquid = _blurred(rng.normal(0.65, 0.3, images.shape).astype(np.float32), 1)
    mask = _blurred((liquid > 0.65).astype(np.float32), 1.5)
    mask[mask < 0.8] = 0
    return _levels(_shares(images) * (1 - mask) + 63 / 255 * mask)


def dotted_line(images: Images, rng: np.random.Generator) -> Images:
    """Draw a line from side to side at random heights, 2 columns on and 2 off."""
    left, right = rng.integers(0, 27, (2, len(images), 1))
    line = _line(left + (right - left) * _COLUMNS / 27)
    return _levels(_shares(images) + line * (_COLUMNS % 4 >= 2))


def zigzag(images: Images, rng: np.random.Generator) -> Images:
    """Draw a zigzag from column 2 to 25 at a random height, to 2 px at either side every 4 px.

    It rises or falls by at most 5 px. Ours: one line, where theirs adds up its pieces.
    """
    columns = _COLUMNS[2:26]
    starts, rises = rng.integers(0, 27, len(images)), rng.integers(-5, 5, len(images))
    rows = np.empty((len(images), len(columns)))
    for number, rise in enumerate(rises.tolist()):
        length = np.hypot(23, rise)
        along = np.array([0, *np.arange(2, length, 4), length])
        across = np.array([0, *(2 * (-1) ** np.arange(len(along) - 2)), 0])
        cos, sin = 23 / length, rise / length
        rows[number] = np.interp(columns, 2 + along * cos - across * sin, along * sin + across * cos)
    shares = _shares(images)
    shares[..., columns] += _line(starts[:, None] + rows)
    return _levels(shares)


def canny_edges(images: Images, rng: np.random.Generator) -> Images:
    """Keep the edges alone (Canny 1986): blur 1 px, Sobel thresholds 0.1 and 0.2 of the range.

    Ours: OpenCV's edges, where theirs are skimage's.
    """
    blurred = _levels(_blurred(_shares(images), 1))
    return np.stack([u8(cv2.Canny(one, 0.1 * 255, 0.2 * 255, L2gradient=True)) for one in blurred])


CORRUPTIONS: dict[str, Corruption] = {
    corruption.__name__: corruption
    for corruption in (
        shot_noise,
        impulse_noise,
        glass_blur,
        motion_blur,
        shear,
        scale,
        rotate,
        brightness,
        translate,
        stripe,
        fog,
        spatter,
        dotted_line,
        zigzag,
        canny_edges,
    )
}
"""The fifteen by their name in MNIST-C, in its order."""


def _shares(images: Images) -> Shares:
    return (images / 255).astype(np.float32)


def _levels(shares: Floats | Shares) -> Images:
    return u8(np.rint(np.clip(shares, 0, 1) * 255))


def _nearest(places: Floats) -> NDArray[np.intp]:
    return np.rint(places).astype(np.intp)


def _either_way(amount: float, count: int, rng: np.random.Generator) -> list[float]:
    return [amount * sign for sign in rng.choice([-1, 1], count).tolist()]


def _blurred(pictures: Shares, sigma: float) -> Shares:
    """Blur each by a Gaussian that is cut at 4 sigma."""
    side = 2 * int(4 * sigma + 0.5) + 1
    blurred = np.empty_like(pictures)
    for picture, result in zip(pictures, blurred, strict=True):
        cv2.GaussianBlur(picture, (side, side), sigma, dst=result, borderType=cv2.BORDER_REPLICATE)
    return blurred


def _mapped(image: Images, matrix: list[list[float]]) -> Images:
    """Take each pixel from where `matrix` maps its place, about the middle; outside is 0."""
    linear = np.array(matrix)
    affine = np.column_stack([linear, _MIDDLE - linear @ np.full(2, _MIDDLE)])
    return u8(cv2.warpAffine(image, affine, (SIDE, SIDE), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP))


def _line(rows: Floats) -> Floats:
    """Shade a line that is at `rows`, [N, columns], in each column: 1 there, fading to 0 at 1.45 px."""
    distance = np.abs(_COLUMNS[:, None] - rows[:, None, :])
    shares: Floats = 1 + np.log(1 - np.minimum(distance, 2) / 2.3)
    return np.maximum(shares, 0.0)


def _plasma(count: int, decay: float, rng: np.random.Generator) -> Shares:
    """Draw so many corners [28, 28] of plasma maps whose values go from 0 to 1 (diamond-square).

    At each halving of the step its random part falls by the square of `decay`, as in the authors' code.
    """
    corners = [np.empty((0, SIDE, SIDE), np.float32)]
    for start in range(0, count, _FOG_MAPS):
        maps = np.zeros((min(_FOG_MAPS, count - start), _FOG_SIDE, _FOG_SIDE), np.float32)
        step, reach = _FOG_SIDE, 1.0
        while step > 1:
            half = step // 2
            known = maps[:, ::step, ::step]
            below, right = np.roll(known, -1, axis=1), np.roll(known, -1, axis=2)
            middle = _shaken(known + below + right + np.roll(below, -1, axis=2), reach, rng)
            maps[:, half::step, half::step] = middle
            maps[:, half::step, ::step] = _shaken(known + below + middle + np.roll(middle, 1, 2), reach, rng)
            maps[:, ::step, half::step] = _shaken(known + right + middle + np.roll(middle, 1, 1), reach, rng)
            step, reach = half, reach / decay**2
        low, high = maps.min(axis=(1, 2), keepdims=True), maps.max(axis=(1, 2), keepdims=True)
        corners.append(((maps - low) / (high - low))[:, :SIDE, :SIDE])
    return np.concatenate(corners)


def _shaken(sum_of_four: Shares, reach: float, rng: np.random.Generator) -> Shares:
    return sum_of_four / 4 + np.float32(reach) * (2 * rng.random(sum_of_four.shape, np.float32) - 1)
