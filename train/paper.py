"""Paper and what lies between it and a file: printed lines, ink, light, lens, dust and compression.

Colours are reflectances from 0 to 1, blue-green-red in float32 [h, w, 3]; a cover is float32 [h, w], 0 where
the paper shows and 1 where it is hidden. Everything random comes from the numpy Generator that is passed in.

This module does not know what is written on the paper.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Plane = NDArray[np.float32]
Rng = np.random.Generator

INKS = {
    "black": (0.12, 0.10, 0.10),
    "blue": (0.62, 0.22, 0.12),
    "red": (0.18, 0.15, 0.75),
    "green": (0.22, 0.45, 0.12),
    "grey": (0.30, 0.29, 0.28),
}
"""Colour of each ink as blue, green, red reflectance, 0 to 1."""

SUBPIXEL = 4
"""Fractional bits of the coordinates given to cv2, which draws smooth edges on uint8 only."""


def paper(shape: tuple[int, int], rng: Rng, tone: float, grain: float) -> Plane:
    """Return empty paper, float32 [h, w, 3]: a tint, clouds, fine grain and some fibres."""
    height, width = shape
    coarse = rng.standard_normal((5, 5), np.float32)
    clouds = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    sheet = tone + grain * (0.4 * clouds + 0.6 * rng.standard_normal(shape, np.float32))
    for _ in range(round(200 * grain)):
        start = rng.uniform(0, 1, 2) * (width, height)
        end = start + rng.normal(0, 0.06, 2) * (width, height)
        shade = tone - rng.uniform(-2, 3) * grain
        cv2.line(sheet, start.astype(int).tolist(), end.astype(int).tolist(), shade)
    tint = np.array([1 - rng.uniform(0, 0.08), 1 - rng.uniform(0, 0.02), 1.0], np.float32)
    return np.asarray(sheet[..., None] * tint, np.float32)


def rules(shape: tuple[int, int], rng: Rng, ruling: str, digit: int) -> Plane:
    """Return how much faint lines darken the paper, float32 [h, w, 3].

    `ruling` is plain, ruled or squared; the lines suit a `digit` of so many pixels.
    """
    lines = np.zeros(shape, np.float32)
    step = max(6, round(digit * (rng.uniform(1.1, 1.6) if ruling == "ruled" else rng.uniform(0.35, 0.7))))
    row, column = rng.integers(0, step, 2)
    for i in range(max(1, digit // 70)):
        if ruling in ("ruled", "squared"):
            lines[row + i :: step] = 1
        if ruling == "squared":
            lines[:, column + i :: step] = 1
    absorbed = np.array([0.4, 0.8, 1.0], np.float32)  # the lines are a pale blue
    return np.asarray(lines[..., None] * absorbed * rng.uniform(0.08, 0.25), np.float32)


def frame(shape: tuple[int, int], rng: Rng) -> Plane:
    """Return the cover [h, w] of a printed box near the edge, a little askew and sometimes cut off."""
    height, width = shape
    side = min(shape)
    left, top, right, bottom = rng.uniform(-0.02, 0.06, 4) * side
    right, bottom = width - 1 - right, height - 1 - bottom
    skew = rng.normal(0, 0.006) * side
    box = [[left + skew, top], [right, top + skew], [right - skew, bottom], [left, bottom - skew]]
    points = np.rint(np.array(box) * 2**SUBPIXEL).astype(np.int32)
    thickness = max(1, round(side * rng.uniform(0.01, 0.035)))
    canvas = np.zeros(shape, np.uint8)
    cv2.polylines(canvas, [points], True, 255, thickness, cv2.LINE_AA, SUBPIXEL)
    return np.asarray(canvas / 255, np.float32)


def place(glyph: Picture, shape: tuple[int, int], rng: Rng, drift: float) -> Plane:
    """Return the cover [h, w] of a glyph that lies off the centre by up to `drift` of the free room."""
    height, width = glyph.shape
    room = np.array(shape) - glyph.shape
    row, column = np.rint(room / 2 * (1 + drift * rng.uniform(-1, 1, 2))).astype(int)
    cover = np.zeros(shape, np.float32)
    cover[row : row + height, column : column + width] = glyph / np.float32(255)
    return cover


def ink(sheet: Plane, cover: Plane, name: str) -> Plane:
    """Return the sheet [h, w, 3] with ink of a named colour where `cover` [h, w] says."""
    colour = np.array(INKS[name], np.float32)
    return sheet * (1 - cover[..., None] * (1 - colour))


def shadow(shape: tuple[int, int], rng: Rng, depth: float) -> Plane:
    """Return the light, float32 [h, w]: falling off to one side and behind the soft edge of a shadow.

    `depth` is the share of the light that is lost where it is darkest.
    """
    height, width = shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / max(shape)
    angle = rng.uniform(0, 2 * np.pi)
    along = np.cos(angle) * (x - 0.5) + np.sin(angle) * (y - 0.5)
    slope = np.clip(along + 0.5, 0, 1)
    edge = 1 / (1 + np.exp(-(along - rng.uniform(-0.3, 0.3)) / rng.uniform(0.03, 0.15)))
    mix = rng.uniform(0, 0.7)
    return np.asarray(1 - depth * ((1 - mix) * slope + mix * edge), np.float32)


def dust(shape: tuple[int, int], rng: Rng, specks: int) -> Plane:
    """Return the cover [h, w] of so many specks of dust on the scanner's glass."""
    height, width = shape
    canvas = np.zeros(shape, np.uint8)
    for _ in range(specks):
        at = np.rint(rng.uniform(0, (width, height)) * 2**SUBPIXEL).astype(int).tolist()
        radius = round(min(shape) * rng.uniform(0.001, 0.012) * 2**SUBPIXEL)
        cv2.circle(canvas, at, radius, rng.uniform(80, 230), -1, cv2.LINE_AA, SUBPIXEL)
    return np.asarray(canvas / 255, np.float32)


def camera(sheet: Plane, rng: Rng, blur: float, noise: float) -> Plane:
    """Return what is seen of the sheet [h, w, 3] through an unsharp lens and by a noisy sensor.

    `blur` is a standard deviation in pixels, `noise` one of reflectance.
    """
    seen = cv2.GaussianBlur(sheet, (0, 0), max(0.3, blur)) if blur > 0 else sheet
    grains = noise * rng.standard_normal((*sheet.shape[:2], 1), np.float32)
    return np.asarray(np.clip(seen + grains, 0, 1), np.float32)


def jpeg(picture: Picture, quality: int) -> Picture:
    """Return the picture after JPEG compression at a quality of 1 to 100."""
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_UNCHANGED), np.uint8)
