"""Synthetic scans of handwritten digits: from a skeleton's strokes to ink on paper.

Three steps, each a handful of small functions: `trace` moves the pen along a skeleton the way a hand does,
`draw_digit` inks that path, and `draw_scan` puts the ink on paper in front of a scanner. Everything comes
from the numpy Generator that is passed in: the same generator state draws the same bytes.

This module does not know how anybody reads digits: no classifier, no picture files, no folders.
"""

from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from train.paper import (
    INKS,
    SUBPIXEL,
    Picture,
    Plane,
    Rng,
    camera,
    dust,
    frame,
    ink,
    jpeg,
    paper,
    place,
    rules,
    shadow,
)
from train.skeletons import SKELETONS

_FINE = 160  # smallest canvas, in pixels, on which a thin pen still has a round width
_SMALLEST = 12  # pixels of a digit below which nobody can read it


@dataclass(frozen=True)
class Pen:
    """What writes: ``width`` in digit heights, ``darkness`` and ``pressure`` (how much both vary) 0 to 1."""

    kind: str = "ball"  # ball, pencil or felt
    width: float = 0.07
    darkness: float = 1.0
    pressure: float = 0.15
    skips: bool = False

    @staticmethod
    def random(rng: Rng) -> "Pen":
        """Return a pen somebody might have in the drawer."""
        kind = str(rng.choice(["ball", "pencil", "felt"], p=[0.45, 0.25, 0.3]))
        thin, thick = {"ball": (0.033, 0.09), "pencil": (0.035, 0.1), "felt": (0.08, 0.167)}[kind]
        return Pen(
            kind=kind,
            width=rng.uniform(thin, thick),
            darkness=rng.uniform(0.45, 0.85) if kind == "pencil" else rng.uniform(0.75, 1.0),
            pressure=rng.uniform(0.0, 0.1) if kind == "felt" else rng.uniform(0.05, 0.35),
            skips=kind == "ball" and rng.random() < 0.1,
        )


@dataclass(frozen=True)
class Style:
    """How one scan looks. Shares and tones run from 0 to 1; see `Style.random` for the usual ranges."""

    height: int = 96  # pixels, at least 20
    width: int = 96
    colour: bool = False  # a blue-green-red picture instead of a grey one
    ink: str = "black"
    pen: Pen = field(default_factory=Pen)
    wildness: float = 1.0  # how far the hand strays from the skeleton; 0 follows it exactly
    fill: float = 0.7  # the digit's longer side over the picture's shorter side
    drift: float = 0.2  # how much of the free room off the centre the digit may lie
    tone: float = 0.95  # lightness of the paper
    grain: float = 0.02  # strength of its texture
    ruling: str = "plain"  # plain, ruled or squared
    frame: float = 0.0  # darkness of the printed box; 0 prints none
    shadow: float = 0.0  # share of the light lost on the dark side
    blur: float = 0.0  # standard deviation in digit heights
    noise: float = 0.0  # standard deviation of the sensor's noise
    quality: int = 100  # of the JPEG it went through; 100 is none
    specks: int = 0
    inverted: bool = False  # light on dark

    @property
    def digit_side(self) -> int:
        """How many pixels the longer side of the digit has."""
        return max(_SMALLEST, round(self.fill * min(self.height, self.width)))

    def at_most(self, side: int) -> "Style":
        """Return the style for a picture whose longer side has at most so many pixels."""
        scale = min(1.0, side / max(self.height, self.width))
        return replace(
            self, height=max(20, round(scale * self.height)), width=max(20, round(scale * self.width))
        )

    @staticmethod
    def random(rng: Rng) -> "Style":
        """Return the style of a scan somebody might send, from neat form cells to poor photographs."""
        side = float(np.exp(rng.uniform(np.log(20), np.log(400)))) if rng.random() < 0.97 else 1000.0
        aspect = float(np.exp(rng.normal(0, 0.18)))
        colour = bool(rng.random() < 0.5)
        return Style(
            height=max(20, min(1000, round(side / aspect**0.5))),
            width=max(20, min(1000, round(side * aspect**0.5))),
            colour=colour,
            ink=str(rng.choice(list(INKS), p=[0.4, 0.35, 0.08, 0.05, 0.12])) if colour else "black",
            pen=Pen.random(rng),
            wildness=rng.uniform(0.5, 1.4),
            fill=rng.uniform(0.3, 0.95),
            drift=rng.uniform(0, 0.9),
            tone=rng.uniform(0.72, 1.0),
            grain=_sometimes(rng, 0.7, 0.005, 0.05),
            ruling=str(rng.choice(["plain", "ruled", "squared"], p=[0.7, 0.15, 0.15])),
            frame=_sometimes(rng, 0.25, 0.2, 0.9),
            shadow=_sometimes(rng, 0.4, 0.05, 0.5),
            blur=_sometimes(rng, 0.4, 0.004, 0.022),
            noise=_sometimes(rng, 0.5, 0.005, 0.04),
            quality=int(rng.integers(35, 95)) if rng.random() < 0.5 else 100,
            specks=int(rng.integers(1, 8)) if rng.random() < 0.25 else 0,
            inverted=bool(rng.random() < 0.2),
        )


@dataclass(frozen=True)
class Scan:
    """A drawn scan: uint8 [h, w] grey or [h, w, 3] blue-green-red, its digit if one, and plain words."""

    picture: Picture
    label: int | None
    description: str


def trace(digit: int, rng: Rng, wildness: float = 1.0) -> list[NDArray[np.float64]]:
    """Return the strokes of one written digit: float64 [m, 2] paths (x, y), together 1 on the longer side."""
    ways = SKELETONS[digit]
    weights = np.array([way.weight for way in ways])
    strokes = ways[int(rng.choice(len(ways), p=weights / weights.sum()))].strokes
    shake = wildness * rng.uniform(0.005, 0.024)
    paths = [
        stroke.basis @ (stroke.points + rng.normal(0, shake, stroke.points.shape) + rng.normal(0, shake, 2))
        for stroke in strokes
    ]
    written = _bend(np.concatenate(paths), rng, wildness)
    written -= written.min(axis=0)
    written /= written.max()
    return np.split(written, np.cumsum([len(path) for path in paths])[:-1])


def _bend(path: NDArray[np.float64], rng: Rng, wildness: float) -> NDArray[np.float64]:
    """Return the path [m, 2] with slow waves, then stretched, slanted and turned as one hand would."""
    x, y = path.T
    wave = wildness * rng.uniform(0, 0.03, 2)
    (fx, fy), (px, py) = rng.uniform(0.4, 1.0, 2), rng.uniform(0, 2 * np.pi, 2)
    x = x + wave[0] * np.sin(2 * np.pi * fx * y + px)
    y = y + wave[1] * np.sin(2 * np.pi * fy * x + py) + wildness * rng.normal(0, 0.02) * np.sin(np.pi * y)
    stretch = np.exp(wildness * rng.normal(0, 0.13))
    slant = np.clip(wildness * rng.normal(0.1, 0.15), -0.2, 0.45)
    turn = np.deg2rad(np.clip(wildness * rng.normal(0, 4), -12, 12))
    x = stretch * x - slant * y
    return np.stack([np.cos(turn) * x - np.sin(turn) * y, np.sin(turn) * x + np.cos(turn) * y], axis=1)


def draw_digit(
    digit: int,
    rng: Rng,
    size: int = 64,
    *,
    pen: Pen | None = None,
    fill: float = 0.8,
    wildness: float = 1.0,
) -> Picture:
    """Return one digit's ink, uint8 [size, size], 255 where it covers the paper and 0 where it does not.

    The digit lies in the middle and its longer side takes the share `fill` of the picture. `wildness` is
    how far the hand strays from a model hand; `pen` is any pen unless given.
    """
    pen = pen or Pen.random(rng)
    return textured(inked(trace(digit, rng, wildness), rng, pen, size, fill), rng, pen)


def inked(paths: list[NDArray[np.float64]], rng: Rng, pen: Pen, size: int, fill: float) -> Picture:
    """Return the ink of strokes, float64 [m, 2] each, together 1 on the longer side, uint8 [size, size]."""
    factor = max(1, -(-_FINE // size))
    side = size * factor
    thickness = max(1.0, pen.width * fill * side)
    scale = max(1.0, fill * side - thickness)
    middle = np.concatenate(paths).max(axis=0) / 2
    canvas = np.zeros((side, side), np.uint8)
    for path in paths:
        width, shade = _pressure(len(path), rng, pen)
        points = np.rint(((path - middle) * scale + side / 2) * 2**SUBPIXEL).astype(int).tolist()
        widths = np.maximum(1, np.rint(width * thickness)).astype(int).tolist()
        layer = np.zeros_like(canvas)
        for start, end, line, dark in zip(points, points[1:], widths, shade.tolist(), strict=False):
            cv2.line(layer, start, end, dark, line, cv2.LINE_AA, SUBPIXEL)
        canvas = np.maximum(canvas, layer)
    return np.asarray(cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA), np.uint8)


def _pressure(count: int, rng: Rng, pen: Pen) -> tuple[Plane, Plane]:
    """Return the relative width [count] and the shade 0 to 255 [count] along one stroke."""
    along = np.linspace(0, 1, count)
    press = np.interp(along, np.linspace(0, 1, 5), rng.uniform(-1, 1, 5)) * pen.pressure
    if pen.kind != "felt":  # a light pen lands and lifts gradually
        ends = np.minimum(along / 0.06, (1 - along) / 0.12).clip(0, 1)
        press = press - pen.pressure * (1 - ends)
    shade = 255 * pen.darkness * (1 + 0.5 * np.minimum(press, 0))
    if pen.skips:
        start = rng.uniform(0.1, 0.9)
        shade[(along > start) & (along < start + 0.04)] *= 0.25
    return (1 + press).astype(np.float32), shade.astype(np.float32)


def textured(ink: Picture, rng: Rng, pen: Pen) -> Picture:
    """Return the ink [h, w] as the pen leaves it: grainy graphite, smooth ball, felt that bleeds."""
    if pen.kind == "pencil":
        grain = cv2.GaussianBlur(rng.standard_normal(ink.shape, np.float32), (0, 0), 0.7)
        return to_u8(ink * np.clip(0.85 + 0.5 * grain, 0.25, 1.0))
    if pen.kind == "felt":
        bleed = cv2.GaussianBlur(rng.standard_normal(ink.shape, np.float32), (0, 0), 2.0)
        return to_u8(ink * np.clip(0.97 + 0.25 * bleed, 0.7, 1.0))
    return ink


def batch(n: int, rng: Rng, size: int = 28, *, scans: bool = False) -> tuple[Picture, NDArray[np.int64]]:
    """Return training pictures, uint8 [n, size, size], and their digits, int64 [n], shuffled.

    Each digit comes `n` / 10 times, give or take one. Without `scans` they are bare ink, bright on 0;
    with `scans`, whole grey scans of any style.
    """
    labels = rng.permutation(np.arange(n, dtype=np.int64) % 10)
    pictures = np.empty((n, size, size), np.uint8)
    for picture, label in zip(pictures, labels.tolist(), strict=True):
        if scans:
            style = replace(Style.random(rng), height=size, width=size, colour=False)
            picture[:] = draw_scan(label, rng, style).picture
        else:
            picture[:] = draw_digit(label, rng, size, fill=rng.uniform(0.65, 0.95))
    return pictures, labels


def draw_scan(digit: int, rng: Rng, style: Style | None = None) -> Scan:
    """Return a scan of one digit, in any style unless given."""
    style = style or Style.random(rng)
    glyph = glyph_of(digit, rng, style, style.digit_side)
    return Scan(on_paper(glyph, rng, style), digit, f"a {digit} {_describe(style)}")


def draw_pair(digits: tuple[int, int], rng: Rng, style: Style | None = None) -> Scan:
    """Return a scan of two digits side by side with clear paper between them; it has no label.

    A style too narrow for two readable digits is widened.
    """
    style = style or Style.random(rng)
    side = max(_SMALLEST, round(min(style.fill * style.height, style.fill * style.width / 2.25)))
    left, right = (glyph_of(digit, rng, style, side) for digit in digits)
    height = max(left.shape[0], right.shape[0])
    gap = np.zeros((height, max(3, side // 4)), np.uint8)
    pair = np.hstack([_grow(left, height), gap, _grow(right, height)])
    style = replace(style, width=max(style.width, pair.shape[1]))
    return Scan(on_paper(pair, rng, style), None, f"a {digits[0]} and a {digits[1]} {_describe(style)}")


def glyph_of(digit: int, rng: Rng, style: Style, side: int) -> Picture:
    """Return a digit's ink without any margin, its longer side being `side` pixels."""
    return cropped(draw_digit(digit, rng, side, pen=style.pen, fill=1.0, wildness=style.wildness))


def cropped(ink: Picture) -> Picture:
    """Return the part [h, w] of a picture that has ink in it, without any margin; [0, 0] where none has."""
    x, y, width, height = cv2.boundingRect(ink)
    return ink[y : y + height, x : x + width]


def _grow(glyph: Picture, height: int) -> Picture:
    """Return the glyph in the middle of a strip of the given height."""
    above = (height - glyph.shape[0]) // 2
    return np.pad(glyph, ((above, height - glyph.shape[0] - above), (0, 0)))


def draw_blank(rng: Rng, style: Style | None = None) -> Scan:
    """Return a scan of paper that nobody has written on; it has no label."""
    style = style or Style.random(rng)
    return Scan(on_paper(np.zeros((1, 1), np.uint8), rng, style), None, f"nothing {_describe(style)}")


def on_paper(glyph: Picture, rng: Rng, style: Style) -> Picture:
    """Return the finished picture of a glyph [h, w] on paper of the given style."""
    shape = (style.height, style.width)
    digit = style.digit_side
    sheet = paper(shape, rng, style.tone, style.grain)
    sheet = sheet * (1 - rules(shape, rng, style.ruling, digit))
    sheet = sheet * (1 - style.frame * frame(shape, rng)[..., None])
    sheet = ink(sheet, place(glyph, shape, rng, style.drift), style.ink)
    sheet = sheet * shadow(shape, rng, style.shadow)[..., None]
    sheet = sheet * (1 - dust(shape, rng, style.specks)[..., None])
    seen = camera(sheet, rng, style.blur * digit, style.noise)
    picture = to_u8(255 * (1 - seen if style.inverted else seen))
    if not style.colour:
        picture = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
    return picture if style.quality >= 100 else jpeg(picture, style.quality)


def _describe(style: Style) -> str:
    """Return the style in words, for a person."""
    words = [f"in {style.ink} {style.pen.kind} on {style.ruling} paper"]
    words += ["in a box"] * (style.frame > 0) + ["in shadow"] * (style.shadow > 0.2)
    words += ["light on dark"] * style.inverted
    return ", ".join(words)


def _sometimes(rng: Rng, chance: float, low: float, high: float) -> float:
    value = rng.uniform(low, high)
    return float(value) if rng.random() < chance else 0.0


def to_u8(values: NDArray[np.floating]) -> Picture:
    """Round levels from 0 to 255."""
    return np.asarray(np.rint(values), np.uint8)
