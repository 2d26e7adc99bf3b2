"""Marks and scribbles, drawn with Pillow: ticks, crosses, arrows, curves, signatures, hatching."""

from __future__ import annotations

import numpy as np
from glyphs import Mask, bent, written
from numpy.typing import NDArray
from papers import Rng
from PIL import Image, ImageDraw

SIDE = 240  # px, of the sheet that is drawn on; what is on it is scaled down later

Points = NDArray[np.float64]  # [N, 2], x and y from 0 to 1


def pen(lines: list[Points], thickness: float) -> Mask:
    """Return lines as a pen of this thickness (in parts of the sheet) draws them, with room around."""
    sheet = Image.new("L", (2 * SIDE, 2 * SIDE))
    draw, width = ImageDraw.Draw(sheet), max(2, round(thickness * SIDE))
    for line in lines:
        points = [(float(x), float(y)) for x, y in line * SIDE + SIDE / 2]
        draw.line(points, 255, width, "curve")
        for x, y in (points[0], points[-1]):  # round ends
            draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), 255)
    return np.asarray(sheet)


def thick(rng: Rng) -> float:
    """Return a pen's thickness."""
    return float(rng.uniform(0.025, 0.1))


def shaken(rng: Rng, corners: list[tuple[float, float]], by: float = 0.04) -> Points:
    """Return a line whose corners are not quite where they should be."""
    return np.array(corners) + rng.normal(0, by, (len(corners), 2))


def curve(corners: Points, closed: bool = False) -> Points:
    """Return a smooth curve through the points (Catmull-Rom)."""
    ends = (corners[-1:], corners[:2]) if closed else (corners[:1], corners[-1:])
    way = np.concatenate([ends[0], corners, ends[1]])
    t = np.linspace(0, 1, 24)[:, None]
    parts = [
        (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3) / 2
        for a, b, c, d in zip(way, way[1:], way[2:], way[3:], strict=False)
    ]
    return np.concatenate(parts)


def tick(rng: Rng) -> Mask:
    """Draw a check mark: a short way down, a long one up."""
    line = shaken(rng, [(0.1, rng.uniform(0.45, 0.65)), (rng.uniform(0.28, 0.42), 0.95), (1, 0.05)])
    return bent(rng, pen([line], thick(rng)))


def cross(rng: Rng) -> Mask:
    """Draw an x."""
    return bent(rng, pen([shaken(rng, [(0, 0), (1, 1)]), shaken(rng, [(1, 0), (0, 1)])], thick(rng)))


def plus(rng: Rng) -> Mask:
    """Draw a plus sign."""
    return bent(rng, pen([shaken(rng, [(0.5, 0), (0.5, 1)]), shaken(rng, [(0, 0.5), (1, 0.5)])], thick(rng)))


def dash(rng: Rng) -> Mask:
    """Draw one dash or two, level enough to be no 1."""
    height = rng.uniform(0.2, 0.4)
    lines = [shaken(rng, [(0, y), (1, y)]) for y in ((0.5,) if rng.random() < 0.7 else (0.5, 0.5 + height))]
    return bent(rng, pen(lines, thick(rng)))


def arrow(rng: Rng) -> Mask:
    """Draw an arrow in any direction, its head open or closed."""
    head = [shaken(rng, [(0.62, 0.28), (1, 0.5), (0.62, 0.72)], 0.02)]
    if rng.random() < 0.4:
        head = [np.concatenate([head[0], head[0][:1]])]
    lines = [shaken(rng, [(0, 0.5), (1, 0.5)], 0.01), *head]
    angle = rng.uniform(0, 2 * np.pi)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return bent(rng, pen([(line - 0.5) @ turn + 0.5 for line in lines], thick(rng) * 0.8))


def star(rng: Rng) -> Mask:
    """Draw a star of five points in one go, or an asterisk."""
    if rng.random() < 0.5:
        angles = np.pi * (0.5 + 0.8 * np.arange(6))
        return bent(rng, pen([0.5 + 0.5 * np.stack([np.cos(angles), -np.sin(angles)], 1)], thick(rng) * 0.6))
    rays = int(rng.integers(3, 5))
    ways = [0.5 * np.array([np.cos(a), np.sin(a)]) for a in np.pi * np.arange(rays) / rays]
    return bent(rng, pen([np.stack([0.5 - way, 0.5 + way]) for way in ways], thick(rng)))


def bracket(rng: Rng) -> Mask:
    """Draw a curly bracket, or a square one with arms too long for a 1; a round one may be somebody's 1."""
    if rng.random() < 0.5:
        return written(rng, "{}")
    inner, outer = (0.0, rng.uniform(0.35, 0.6))[:: int(rng.choice([1, -1]))]
    return bent(rng, pen([shaken(rng, [(inner, 0), (outer, 0), (outer, 1), (inner, 1)], 0.02)], thick(rng)))


def exclaimed(rng: Rng) -> Mask:
    """Draw an exclamation or a question mark."""
    return written(rng, "!?")


def wandering(rng: Rng) -> Mask:
    """Draw a smooth line that goes to and fro at random, too long for a digit."""
    corners = rng.uniform(0, 1, (int(rng.integers(12, 22)), 2))
    return pen([curve(corners, bool(rng.random() < 0.3))], thick(rng) * 0.6)


def blot(rng: Rng) -> Mask:
    """Draw a word that was crossed out until nothing of it was left: zigzags in a blob."""
    count, height = int(rng.integers(14, 40)), rng.uniform(0.4, 1)
    along = np.linspace(0, 1, count)
    reach = np.sqrt(np.maximum(0.05, 1 - (2 * along - 1) ** 2)) * height / 2
    zigzag = np.stack([along, 0.5 + reach * np.where(np.arange(count) % 2, 1, -1)], 1)
    lines = [curve(zigzag + rng.normal(0, 0.03, zigzag.shape))]
    if rng.random() < 0.6:
        lines.append(curve(zigzag[:, ::-1] + rng.normal(0, 0.05, zigzag.shape)))
    return bent(rng, pen(lines, thick(rng) * 0.7))


def signature(rng: Rng) -> Mask:
    """Draw a name nobody can read: loops from left to right, some tall, and a line below."""
    loops = int(rng.integers(5, 10))
    turn = np.linspace(0, 2 * np.pi * loops, 12 * loops)
    tall = np.repeat(rng.choice([0.08, 0.1, 0.3], loops), 12) * rng.uniform(0.8, 1.2)
    way = np.stack([turn / turn[-1] * 1.4 - 0.2 + 0.1 * np.cos(turn), 0.5 - tall * np.sin(turn)], 1)
    lines = [way + np.stack([np.zeros(len(way)), 0.05 * np.cumsum(rng.normal(0, 0.15, len(way)))], 1)]
    if rng.random() < 0.6:
        lines.append(curve(shaken(rng, [(-0.1, 0.8), (0.5, 0.75), (1.2, 0.72)])))
    return bent(rng, pen(lines, rng.uniform(0.015, 0.03)))


def hatching(rng: Rng) -> Mask:
    """Draw parallel strokes, one layer or two across each other."""
    lines = []
    for angle in rng.uniform(0, np.pi, int(rng.integers(1, 3))):
        way, side = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
        for away in np.linspace(-0.5, 0.5, int(rng.integers(5, 12))):
            reach = 0.55 * np.sqrt(1.05 - (2 * away) ** 2) + 0.1
            ends = 0.5 + side * away + np.array([[-reach], [reach]]) * way
            lines.append(ends + rng.normal(0, 0.015, (2, 2)))
    return pen(lines, rng.uniform(0.012, 0.035))
