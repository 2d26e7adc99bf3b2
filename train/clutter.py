"""Synthetic scans that show no single digit: what else lies on a scanner's glass.

Blank and framed paper, several digits, letters, ticks and other marks, scribbles, textures and pictures.
From them the second network that `fit` trains learns what is no digit. Knows the generator's pens and
paper; nothing of networks, and nothing of what anybody measures on.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from train.generator import Style, cropped, draw_blank, glyph_of, inked, on_paper, textured, to_u8
from train.paper import Picture, Plane, Rng, camera, jpeg, shadow
from train.redraw import written_again

LIKE_DIGITS = "BCDGIJLOQSTYZbcgijloqsyz|!/\\()[]{}1234567890 .,:;'`\"_"
"""Characters that somebody may take for a digit, are no mark of their own, or are nothing but a dot."""

_CHARACTERS = sorted(set(string.printable[:95]) - set(LIKE_DIGITS))
_FONTS = range(8)  # of Hershey (1967), as OpenCV has them
_FINE = 160  # px of a character before it is warped
_INKED = 60  # levels; paler is the blur at a stroke's edge

Written = Sequence[Picture] | Picture  # uint8 [28, 28] each
Kind = Callable[[Rng, Style, Written], Picture]


@dataclass(frozen=True, slots=True)
class Clutter:
    """A scan without a single digit, uint8 [h, w] or [h, w, 3], and whether that is because of several."""

    picture: Picture
    several: bool


def draw_clutter(rng: Rng, written: Written = (), style: Style | None = None) -> Clutter:
    """Return a scan that shows no single digit, in any style unless given.

    Where several digits stand together, half of them are some of the `written` ones, uint8 [28, 28], ink
    bright on 0, if there are any.
    """
    style = style or Style.random(rng)
    kind = _KINDS[int(rng.choice(len(_KINDS), p=_SHARES))]
    return Clutter(kind(rng, style, written), kind is _digits)


def _blank(rng: Rng, style: Style, written: Written) -> Picture:
    """Return paper that nobody has written on."""
    return draw_blank(rng, style).picture


def _empty_cell(rng: Rng, style: Style, written: Written) -> Picture:
    """Return an empty box."""
    return draw_blank(rng, replace(style, frame=rng.uniform(0.3, 1.0))).picture


def _digits(rng: Rng, style: Style, written: Written) -> Picture:
    """Return two digits, or rarely three, side by side: apart, touching or overlapping a little."""
    count = 3 if rng.random() < 0.15 else 2
    side = max(12, round(min(style.fill * style.height, 0.9 * style.width / (0.75 * count))))
    row = _one_digit(rng, replace(style, height=side, width=side, fill=1.0), written)
    for _ in range(count - 1):
        size = max(12, round(side * rng.uniform(0.8, 1.1)))
        other = _one_digit(rng, replace(style, height=size, width=size, fill=1.0), written)
        near = rng.random() < 0.6
        gap = round(side * (rng.uniform(-0.15, 0.05) if near else rng.uniform(0.02, 0.45)))
        row = _joined(row, other, gap, rng)
    style = replace(style, height=max(style.height, row.shape[0]), width=max(style.width, row.shape[1]))
    return on_paper(row, rng, style)


def _one_digit(rng: Rng, style: Style, written: Written) -> Picture:
    if len(written) and rng.random() < 0.5:
        return written_again(written[int(rng.integers(len(written)))], rng, style)
    return glyph_of(int(rng.integers(10)), rng, style, style.height)


def _joined(left: Picture, right: Picture, gap: int, rng: Rng) -> Picture:
    """Return both glyphs [h, w] on one sheet, their strokes `gap` px apart; below 0 they cross each other."""
    height = max(len(left), len(right))
    padded = []
    for glyph in (left, right):
        y = int(rng.integers(height - len(glyph) + 1))
        padded.append(np.pad(glyph, ((y, height - len(glyph) - y), (0, 0))))
    one, other = padded
    x = max(_touching(one, other) + gap, other.shape[1] // 4)
    sheet = np.zeros((height, max(one.shape[1], x + other.shape[1])), np.uint8)
    for glyph, start in ((one, 0), (other, x)):
        place = sheet[:, start : start + glyph.shape[1]]
        np.maximum(place, glyph, out=place)
    return sheet


def _touching(left: Picture, right: Picture) -> int:
    """Return the column at which the right glyph [h, w] begins when its strokes just touch the left one's."""
    rows = (left > _INKED).any(axis=1) & (right > _INKED).any(axis=1)
    if not rows.any():
        return int(left.shape[1])
    ends = left.shape[1] - (left[rows, ::-1] > _INKED).argmax(axis=1)
    starts = (right[rows] > _INKED).argmax(axis=1)
    return int((ends - starts).max())


def _character(rng: Rng, style: Style, written: Written) -> Picture:
    """Return a letter or another sign that looks like no digit, as a hand might have written it."""
    canvas = np.zeros((2 * _FINE, 2 * _FINE), np.uint8)
    font = int(rng.choice(_FONTS)) | (cv2.FONT_ITALIC if rng.random() < 0.3 else 0)
    thick = max(2, round(style.pen.width * _FINE))
    at = (_FINE // 2, round(1.4 * _FINE))
    cv2.putText(canvas, str(rng.choice(_CHARACTERS)), at, font, 5.0, 255, thick, cv2.LINE_AA)
    return _glyph_on_paper(_warped(canvas, rng, style.wildness), rng, style)


def _warped(glyph: Picture, rng: Rng, wildness: float) -> Picture:
    """Return the glyph [h, w] slanted, stretched, turned and bent as by a hand."""
    height, width = glyph.shape
    matrix = np.eye(2) + wildness * rng.normal(0, 0.13, (2, 2))
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    field = cv2.resize(
        rng.normal(0, 0.03 * wildness, (4, 4, 2)), (width, height), interpolation=cv2.INTER_CUBIC
    )
    u, v = x - width / 2, y - height / 2
    map_x = matrix[0, 0] * u + matrix[0, 1] * v + width / 2 + field[..., 0] * width
    map_y = matrix[1, 0] * u + matrix[1, 1] * v + height / 2 + field[..., 1] * height
    return np.asarray(cv2.remap(glyph, map_x.astype(np.float32), map_y.astype(np.float32), cv2.INTER_LINEAR))


def _mark(rng: Rng, style: Style, written: Written) -> Picture:
    """Return a tick, a dash, a wave, an arrow, a cross, a star, a box, a triangle or hatching."""
    marks: list[list[tuple[float, float]]] = [
        [(0, 0.55), (0.35, 1), (1, 0)],
        [(0, 0.6), (0.2, 0.9), (0.9, 0.1)],
        [(0, 0), (1, 0.05)],
        [(0, 0), (0.25, -0.12), (0.5, 0), (0.75, 0.12), (1, 0)],
        [(0, 0), (0.7, 0), (0.45, -0.2), (0.7, 0), (0.45, 0.2)],
        [(0, 0), (1, 1), (0.5, 0.5), (1, 0), (0, 1)],
        [(0.5, 0), (0.5, 1), (0.5, 0.5), (0, 0.5), (1, 0.5)],
        [(0.2, 0), (0.8, 1), (0.5, 0.5), (0.8, 0), (0.2, 1), (0.5, 0.5), (0, 0.5), (1, 0.5)],
        [(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)],
        [(0.5, 0), (1, 1), (0, 1), (0.5, 0)],
        [(i / 9, float(i % 2)) for i in range(10)],
    ]
    points = np.array(marks[int(rng.integers(len(marks)))])
    points = points + style.wildness * rng.normal(0, 0.05, points.shape)
    steps = np.linspace(0, len(points) - 1, 10 * len(points))
    path = np.stack([np.interp(steps, np.arange(len(points)), axis) for axis in points.T], axis=1)
    return _strokes_on_paper([path @ _turn(rng, 0.35)], rng, style)


def _scribble(rng: Rng, style: Style, written: Written) -> Picture:
    """Return a line that wanders: loops and waves of random size, or what crosses something out."""
    t = np.linspace(0, 1, 400)
    turns = int(rng.integers(3, 9))
    curves = []
    for _ in range(int(rng.integers(1, 3))):
        k = np.arange(1, turns + 2)
        sizes = rng.normal(0, 1, (2, len(k))) / k ** rng.uniform(0.2, 1.2)
        waves = np.sin(2 * np.pi * k * t[:, None] * rng.uniform(0.5, 1) + rng.uniform(0, 2 * np.pi, len(k)))
        curve = waves @ sizes.T
        if rng.random() < 0.4:  # as writing does, it goes on to the right
            curve[:, 0] += 4 * t
        curves.append(curve)
    return _strokes_on_paper(curves, rng, style)


def _turn(rng: Rng, deviation: float) -> NDArray[np.float64]:
    angle = rng.normal(0, deviation)
    return np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def _strokes_on_paper(paths: list[NDArray[np.float64]], rng: Rng, style: Style) -> Picture:
    """Return strokes, float64 [m, 2] each, put on paper; together they are 1 on the longer side."""
    every = np.concatenate(paths)
    low, size = every.min(axis=0), np.ptp(every, axis=0).max()
    paths = [(path - low) / size for path in paths]
    glyph = textured(inked(paths, rng, style.pen, style.digit_side, 1.0), rng, style.pen)
    return on_paper(cropped(glyph), rng, style)


def _glyph_on_paper(glyph: Picture, rng: Rng, style: Style) -> Picture:
    glyph = cropped(glyph)
    scale = style.digit_side / max(glyph.shape)
    size = (max(1, round(scale * glyph.shape[1])), max(1, round(scale * glyph.shape[0])))
    small = np.asarray(cv2.resize(glyph, size, interpolation=cv2.INTER_AREA), np.uint8)
    return on_paper(textured(to_u8(small * np.float32(style.pen.darkness)), rng, style.pen), rng, style)


def _texture(rng: Rng, style: Style, written: Written) -> Picture:
    """Return clouds of any roughness, blobs or stripes: no writing at all."""
    height, width = style.height, style.width
    shape = (height, width)
    plane = np.zeros(shape, np.float32)
    cells, rough = 2.0, rng.uniform(0.3, 1.0)
    weight = 1.0
    while cells < max(shape):
        coarse = rng.standard_normal((max(2, round(cells)), max(2, round(cells))), np.float32)
        plane += weight * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        cells, weight = 2 * cells, weight * rough
    plane = (plane - plane.min()) / max(1e-6, float(np.ptp(plane)))
    if rng.random() < 0.3:  # patches with edges
        plane = (np.floor(plane * int(rng.integers(2, 6))) / 5).astype(np.float32)
    elif rng.random() < 0.3:  # stripes
        y, x = np.mgrid[0:height, 0:width].astype(np.float32) / max(shape)
        angle, period = rng.uniform(0, np.pi), rng.uniform(0.05, 0.5)
        plane = 0.5 + 0.5 * np.sin(2 * np.pi * (np.cos(angle) * x + np.sin(angle) * y) / period + 3 * plane)
    return _seen(plane, rng, style)


def _things(rng: Rng, style: Style, written: Written) -> Picture:
    """Return a picture of things: overlapping shapes of any shade in front of each other."""
    height, width = style.height, style.width
    plane = np.full((height, width), rng.uniform(0, 1), np.float32)
    for _ in range(int(rng.integers(2, 9))):
        middle = (rng.uniform(0, 1, 2) * (width, height)).astype(int).tolist()
        size = np.maximum(2, rng.uniform(0.05, 0.5, 2) * (width, height)).astype(int).tolist()
        shade, turn = float(rng.uniform(0, 1)), float(rng.uniform(0, 180))
        if rng.random() < 0.5:
            cv2.ellipse(plane, middle, size, turn, 0, 360, shade, -1, cv2.LINE_AA)
        else:
            box = cv2.boxPoints((middle, size, turn)).astype(np.int32)
            cv2.fillPoly(plane, [box], shade, cv2.LINE_AA)
    return _seen(plane, rng, style)


def _seen(plane: Plane, rng: Rng, style: Style) -> Picture:
    """Return a plane of reflectances [h, w] as a camera sees it, uint8 grey."""
    lit = plane * shadow(plane.shape[:2], rng, style.shadow)
    sheet = np.repeat(np.asarray(lit, np.float32)[..., None], 3, axis=2)
    picture = to_u8(255 * camera(sheet, rng, style.blur * style.digit_side, style.noise)[..., 0])
    return picture if style.quality >= 100 else jpeg(picture, style.quality)


_KINDS: tuple[Kind, ...] = (
    _blank, _empty_cell, _digits, _character, _mark, _scribble, _texture, _things
)  # fmt: skip
_SHARES = (0.04, 0.12, 0.42, 0.17, 0.08, 0.08, 0.06, 0.03)
