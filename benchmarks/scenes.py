"""Pictures that nobody wrote: landscapes, textures, noise, barcodes, stamps; all computed."""

from __future__ import annotations

import cv2
import numpy as np
from glyphs import SIZE, some_font, typeset
from papers import Picture, Rng, clouds, inked, placed, some_size
from PIL import Image, ImageDraw


def colours(rng: Rng, values: np.ndarray, count: int = 2) -> Picture:
    """Colour values from 0 to 1, [h, w], along a random scale of colours."""
    scale = np.linspace(0.25, 0.8, count)[:, None] + rng.uniform(-0.2, 0.2, (count, 3))
    at = values.clip(0, 1)
    channels = [np.interp(at, np.linspace(0, 1, count), scale[:, channel]) for channel in range(3)]
    return np.stack(channels, -1).astype(np.float32)


def fractal(rng: Rng, height: int, width: int, rough: float = 0.55) -> np.ndarray:
    """Return fractal noise float32 [h, w], about 0 to 1."""
    total = sum(rough**octave * clouds(rng, height, width, 2 ** (octave + 1)) for octave in range(6))
    low, high = np.percentile(total, [2, 98])
    return np.asarray((total - low) / (high - low)).clip(0, 1).astype(np.float32)


def landscape(rng: Rng) -> Picture:
    """Return a photograph of a sort: a sky, hills in front of each other, perhaps a sun and houses."""
    height, width = some_size(rng)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    picture = colours(rng, 0.7 * y / height + 0.3 * fractal(rng, height, width), 3)
    if rng.random() < 0.5:
        centre = rng.uniform([0, 0], [width, height / 2])
        near = np.hypot(x - centre[0], y - centre[1]) < rng.uniform(0.05, 0.15) * height
        picture[near] = rng.uniform(0.8, 1, 3)
    for layer in range(int(rng.integers(2, 5))):
        ridge = height * (0.35 + 0.18 * layer + 0.12 * clouds(rng, 1, width, 3 + 3 * layer)[0])
        hill = colours(rng, fractal(rng, height, width, 0.8), 2) * rng.uniform(0.4, 0.9)
        picture = np.where((y > ridge)[..., None], hill, picture)
    for _ in range(int(rng.integers(0, 4))):
        left, top = (rng.uniform(0.1, 0.8, 2) * [width, height]).astype(int)
        right, bottom = left + int(rng.uniform(0.08, 0.3) * width), top + int(rng.uniform(0.1, 0.4) * height)
        picture[top:bottom, left:right] = rng.uniform(0, 1, 3)
    return (picture + rng.normal(0, 0.015, picture.shape)).clip(0, 1).astype(np.float32)


def things(rng: Rng) -> Picture:
    """Return a still life of a sort: shaded balls and boxes on a table, out of focus behind."""
    height, width = some_size(rng)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    picture = cv2.GaussianBlur(colours(rng, fractal(rng, height, width, 0.4), 4), (0, 0), 2)
    for _ in range(int(rng.integers(3, 8))):
        middle, size = rng.uniform(0, 1, 2) * [width, height], rng.uniform(0.1, 0.35) * min(height, width)
        across, down = (x - middle[0]) / size, (y - middle[1]) / size
        inside = (
            np.hypot(across, down) < 1
            if rng.random() < 0.6
            else np.maximum(np.abs(across), np.abs(down)) < 0.8
        )
        light = (0.55 - 0.3 * across - 0.3 * down).clip(0.1, 1.2)[..., None] * rng.uniform(0.2, 1, 3)
        picture = np.where(inside[..., None], light, picture)
    return (picture + rng.normal(0, 0.015, picture.shape)).clip(0, 1).astype(np.float32)


def wood(rng: Rng) -> Picture:
    """Return a board: rings cut along, with a knot."""
    height, width = some_size(rng)
    y, x = np.mgrid[:height, :width].astype(np.float32) / max(height, width)
    knot = np.hypot(x - rng.uniform(0, 1), (y - rng.uniform(0, 1)) * rng.uniform(1, 4))
    rings = x * rng.uniform(0, 0.5) + y + 0.15 * knot + 0.03 * clouds(rng, height, width, 4)
    values = 0.5 + 0.3 * np.sin(rings * rng.uniform(30, 90)) + 0.15 * clouds(rng, height, width, 20)
    return colours(rng, values)


def fabric(rng: Rng) -> Picture:
    """Return woven cloth, perhaps checked."""
    height, width = some_size(rng)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    pitch = rng.uniform(3, 8)
    weave = np.sin(2 * np.pi * x / pitch) * np.sin(2 * np.pi * y / pitch)
    check = sum(np.sign(np.sin(2 * np.pi * axis / (pitch * rng.uniform(4, 9)))) for axis in (x, y))
    return colours(rng, 0.5 + 0.2 * weave + rng.choice([0.0, 0.15]) * check + rng.normal(0, 0.05, x.shape))


def marble(rng: Rng) -> Picture:
    """Return stone with veins."""
    height, width = some_size(rng)
    y, x = np.mgrid[:height, :width].astype(np.float32) / max(height, width)
    veins = np.sin(rng.uniform(6, 20) * (x + rng.uniform(-1, 1) * y) + 6 * fractal(rng, height, width))
    return colours(rng, 1 - np.exp(-3 * np.abs(veins)))


def noise(rng: Rng) -> Picture:
    """Return noise: of each pixel, of two values, in blots or in bands, a sensor's or a broken file's."""
    height, width = some_size(rng)
    way = rng.integers(5)
    if way == 0:
        values = rng.uniform(0, 1, (height, width, 1 if rng.random() < 0.5 else 3))
    elif way == 1:
        values = rng.normal(rng.uniform(0.3, 0.7), rng.uniform(0.08, 0.25), (height, width, 1))
    elif way == 2:
        values = (rng.uniform(0, 1, (height, width, 1)) < rng.uniform(0.1, 0.9)).astype(float)
    elif way == 3:
        values = fractal(rng, height, width, rng.uniform(0.6, 0.95))[..., None].astype(float)
    else:
        values = np.repeat(rng.uniform(0, 1, (height, 1, 1)), width, 1) + rng.normal(
            0, 0.1, (height, width, 1)
        )
    return np.broadcast_to(values, (height, width, 3)).clip(0, 1).astype(np.float32)


def barcode(rng: Rng) -> Picture:
    """Return bars, or a square code with its three corner marks, on paper."""
    if rng.random() < 0.5:
        bars = np.repeat(np.arange(40) % 2 == 0, rng.integers(1, 5, 40))
        mask = np.tile(bars, (int(len(bars) * rng.uniform(0.3, 0.8)), 1))
    else:
        side = int(rng.integers(17, 30))
        mask = rng.random((side, side)) < 0.5
        for top, left in ((0, 0), (0, side - 7), (side - 7, 0)):
            mark = np.ones((7, 7), bool)
            mark[1:6, 1:6] = False
            mark[2:5, 2:5] = True
            mask[top : top + 7, left : left + 7] = mark
    large = np.kron(mask, np.ones((8, 8))).astype(np.uint8) * 255
    return inked(rng, placed(rng, large))


def stamp(rng: Rng) -> Picture:
    """Return a rubber stamp or a logo: rings, stars, words and shapes, printed unevenly."""
    side = 4 * SIZE
    sheet = Image.new("L", (side, side))
    draw = ImageDraw.Draw(sheet)
    corners = int(rng.integers(3, 9))
    edge = (side / 2, side / 2, 0.48 * side)
    if rng.random() < 0.5:
        draw.ellipse(
            (0.02 * side, 0.02 * side, 0.98 * side, 0.98 * side), None, 255, int(rng.integers(10, 40))
        )
    else:
        draw.regular_polygon(edge, corners, rng.uniform(0, 360), 0, 255, int(rng.integers(10, 40)))
    draw.regular_polygon((side / 2, 0.27 * side, 0.12 * side), int(rng.integers(3, 7)), 0, 255)
    draw.rectangle((0.2 * side, 0.68 * side, 0.8 * side, 0.72 * side), 255)
    word = "".join(rng.choice(list("ABEHKMNPRVWX"), int(rng.integers(4, 7))))
    text = cv2.resize(typeset(word, some_font(rng)), (int(0.62 * side), int(0.32 * side)))
    top, left = int(0.37 * side), int(0.19 * side)
    mask = np.array(sheet)
    part = mask[top : top + text.shape[0], left : left + text.shape[1]]
    np.maximum(part, text, out=part)
    worn = (fractal(rng, side, side, 0.9) > rng.uniform(0.05, 0.2)).astype(np.uint8)
    turned = Image.fromarray(mask * worn).rotate(rng.uniform(-30, 30), Image.Resampling.BILINEAR, expand=True)
    return inked(rng, placed(rng, np.asarray(turned)))
