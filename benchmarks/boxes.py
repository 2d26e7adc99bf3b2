"""Printed boxes without a digit in them, as forms have them."""

from __future__ import annotations

import numpy as np
from papers import PAPERS, Cover, Picture, Rng, clouds, some_size
from PIL import Image, ImageDraw

FINER = 4  # times as many pixels while drawing, for smooth edges
ON = [name for name in PAPERS if name not in ("ruled", "squared", "dotted", "blackboard")]
INKS = [0.05] * 3, [0.3] * 3, [0.7, 0.2, 0.25], [0.2, 0.3, 0.65]  # what they leave of red, green and blue
Place = tuple[float, float, float, float]  # left, top, right, bottom in px


def room(rng: Rng, height: int, width: int, *, cut: bool = False) -> Place:
    """Return where a box stands in its picture; `cut` puts one to three of its sides outside."""
    margins = rng.uniform(0.02, 0.16, 4)
    if cut:
        margins[rng.permutation(4)[: rng.integers(1, 4)]] = -0.1
    left, top, right, bottom = margins * [width, height, width, height]
    return left, top, width - right, height - bottom


def thickness(rng: Rng, height: int, width: int) -> float:
    """Return how thick a frame is, px."""
    return max(1.0, float(np.exp(rng.uniform(np.log(0.008), np.log(0.07)))) * min(height, width))


class Drawing:
    """A sheet to draw frames on, in the picture's pixels."""

    def __init__(self, height: int, width: int) -> None:
        self.size = width, height
        self.sheet = Image.new("L", (width * FINER, height * FINER))
        self.draw = ImageDraw.Draw(self.sheet)

    def box(self, place: Place, thick: float, radius: float = 0.0, ink: int = 255) -> None:
        """Draw a rectangle."""
        left, top, right, bottom = (FINER * side for side in place)
        width = max(1, round(FINER * thick))
        self.draw.rounded_rectangle((left, top, right, bottom), FINER * radius, None, ink, width)

    def line(self, start: tuple[float, float], end: tuple[float, float], thick: float) -> None:
        """Draw a straight line."""
        points = [(FINER * x, FINER * y) for x, y in (start, end)]
        self.draw.line(points, 255, max(1, round(FINER * thick)))

    def erase(self, x: float, y: float, reach: float) -> None:
        """Take away what was drawn around a place."""
        box = [FINER * one for one in (x - reach, y - reach, x + reach, y + reach)]
        self.draw.rectangle((box[0], box[1], box[2], box[3]), 0)

    def cover(self, rng: Rng) -> Cover:
        """Return what was drawn, a little askew."""
        turned = self.sheet.rotate(rng.uniform(-2, 2), Image.Resampling.BILINEAR)
        return np.asarray(turned.resize(self.size, Image.Resampling.BOX), np.float32) / np.float32(255)


def printed(rng: Rng, drawing: Drawing) -> Picture:
    """Return the drawing printed on paper, dark or pale, black or coloured."""
    width, height = drawing.size
    sheet = PAPERS[rng.choice(ON)](rng, height, width)
    colour = np.array(INKS[rng.integers(len(INKS))])
    worn = 1 - 0.15 * np.abs(clouds(rng, height, width, 8))
    printed_on = (drawing.cover(rng) * worn * rng.uniform(0.4, 1)).clip(0, 1)[..., None]
    return np.asarray(sheet * (1 - printed_on * (1 - colour)), np.float32)


def framed(rng: Rng, *, rounded: bool = False, cut: bool = False) -> Picture:
    """Return a cell with a whole frame, with round corners, or with sides outside the picture."""
    height, width = some_size(rng)
    drawing, place = Drawing(height, width), room(rng, height, width, cut=cut)
    radius = rng.uniform(0.08, 0.3) * min(height, width) if rounded else 0.0
    drawing.box(place, thickness(rng, height, width), radius)
    return printed(rng, drawing)


def dashed(rng: Rng) -> Picture:
    """Return a cell with a dashed or dotted frame."""
    height, width = some_size(rng)
    drawing, thick = Drawing(height, width), thickness(rng, height, width)
    left, top, right, bottom = room(rng, height, width)
    pitch = max(4.0, min(height, width) * rng.uniform(0.06, 0.16))
    share = rng.uniform(0.35, 0.7)
    for x in np.arange(left, right - pitch / 2, pitch):
        for y in (top, bottom):
            drawing.line((x, y), (x + share * pitch, y), thick)
    for y in np.arange(top, bottom - pitch / 2, pitch):
        for x in (left, right):
            drawing.line((x, y), (x, y + share * pitch), thick)
    return printed(rng, drawing)


def broken(rng: Rng) -> Picture:
    """Return a cell whose frame has gaps, as a faint print or a threshold leaves it."""
    height, width = some_size(rng)
    drawing = Drawing(height, width)
    left, top, right, bottom = place = room(rng, height, width)
    drawing.box(place, thickness(rng, height, width))
    for _ in range(int(rng.integers(2, 9))):
        along = rng.uniform(0, 1)
        x, y = left + along * (right - left), top + along * (bottom - top)
        x, y = [(x, top), (x, bottom), (left, y), (right, y)][rng.integers(4)]
        drawing.erase(x, y, rng.uniform(0.03, 0.15) * min(height, width))
    return printed(rng, drawing)


def neighboured(rng: Rng) -> Picture:
    """Return a cell of a row or a table: the frames of the cells beside it are partly seen."""
    height, width = some_size(rng)
    drawing, thick = Drawing(height, width), thickness(rng, height, width)
    left, top, right, bottom = np.array([0.12, 0.12, 0.88, 0.88]) * [width, height, width, height]
    left, right = left + rng.uniform(-0.04, 0.04) * width, right + rng.uniform(-0.04, 0.04) * width
    gap = rng.choice([0.0, 0.05]) * width
    across, down = right - left, bottom - top
    drawing.box((left, top, right, bottom), thick)
    drawing.box((left - across - gap, top, left - gap, bottom), thick)
    drawing.box((right + gap, top, right + gap + across, bottom), thick)
    if rng.random() < 0.5:
        drawing.box((left, top - down - gap, right, top - gap), thick)
        drawing.box((left, bottom + gap, right, bottom + gap + down), thick)
    return printed(rng, drawing)
