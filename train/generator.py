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

from train.skeletons import SKELETONS

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

_SUBPIXEL = 4  # fractional bits of the coordinates cv2 draws with
_FINE = 160  # smallest canvas, in pixels, on which a thin pen still has a round width


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

    height: int = 96  # pixels
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
    blur: float = 0.0  # standard deviation over the picture's shorter side
    noise: float = 0.0  # standard deviation of the sensor's noise
    quality: int = 100  # of the JPEG it went through; 100 is none
    specks: int = 0
    inverted: bool = False  # light on dark

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
            wildness=rng.uniform(0.5, 1.2),
            fill=rng.uniform(0.3, 0.95),
            drift=rng.uniform(0, 0.9),
            tone=rng.uniform(0.72, 1.0),
            grain=_sometimes(rng, 0.7, 0.005, 0.05),
            ruling=str(rng.choice(["plain", "ruled", "squared"], p=[0.7, 0.15, 0.15])),
            frame=_sometimes(rng, 0.25, 0.2, 0.9),
            shadow=_sometimes(rng, 0.4, 0.05, 0.5),
            blur=_sometimes(rng, 0.4, 0.002, 0.014),
            noise=_sometimes(rng, 0.5, 0.005, 0.04),
            quality=int(rng.integers(35, 95)) if rng.random() < 0.5 else 100,
            specks=int(rng.integers(1, 8)) if rng.random() < 0.25 else 0,
            inverted=bool(rng.random() < 0.2),
        )


@dataclass(frozen=True)
class Scan:
    """A drawn scan: uint8 [h, w] grey or [h, w, 3] blue-green-red, its digit if it is one, and plain words."""

    picture: Picture
    label: int | None
    description: str


def trace(digit: int, rng: Rng, wildness: float = 1.0) -> list[NDArray[np.float64]]:
    """Return the strokes of one written digit: float64 [m, 2] paths (x, y), the longer side of all being 1."""
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
    slant = np.clip(wildness * rng.normal(0.1, 0.15), -0.3, 0.45)
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
    return _texture(_ink(trace(digit, rng, wildness), rng, pen, size, fill), rng, pen)


def _ink(paths: list[NDArray[np.float64]], rng: Rng, pen: Pen, size: int, fill: float) -> Picture:
    factor = max(1, -(-_FINE // size))
    side = size * factor
    thickness = max(1.0, pen.width * fill * side)
    scale = max(1.0, fill * side - thickness)
    middle = np.concatenate(paths).max(axis=0) / 2
    canvas = np.zeros((side, side), np.uint8)
    for path in paths:
        width, shade = _pressure(len(path), rng, pen)
        points = np.rint(((path - middle) * scale + side / 2) * 2**_SUBPIXEL).astype(int).tolist()
        widths = np.maximum(1, np.rint(width * thickness)).astype(int).tolist()
        layer = np.zeros_like(canvas)
        for start, end, line, dark in zip(points, points[1:], widths, shade.tolist(), strict=False):
            cv2.line(layer, start, end, dark, line, cv2.LINE_AA, _SUBPIXEL)
        canvas = np.maximum(canvas, layer)
    return _u8(cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA)) if factor > 1 else canvas


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


def _texture(ink: Picture, rng: Rng, pen: Pen) -> Picture:
    """Return the ink [h, w] as the pen leaves it: grainy graphite, smooth ball, felt that bleeds."""
    if pen.kind == "pencil":
        grain = cv2.GaussianBlur(rng.standard_normal(ink.shape, np.float32), (0, 0), 0.7)
        return _u8(ink * np.clip(0.85 + 0.5 * grain, 0.25, 1.0))
    if pen.kind == "felt":
        bleed = cv2.GaussianBlur(rng.standard_normal(ink.shape, np.float32), (0, 0), 2.0)
        return _u8(ink * np.clip(0.97 + 0.25 * bleed, 0.7, 1.0))
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
    side = max(12, round(style.fill * min(style.height, style.width)))
    glyph = _crop(draw_digit(digit, rng, side, pen=style.pen, fill=1.0, wildness=style.wildness))
    return Scan(_scan(glyph, rng, style), digit, f"a {digit} {_describe(style)}")


def draw_pair(digits: tuple[int, int], rng: Rng, style: Style | None = None) -> Scan:
    """Return a scan of two digits side by side with clear paper between them; it has no label."""
    style = style or Style.random(rng)
    side = max(12, round(min(style.fill * style.height, style.fill * style.width / 2.2)))
    left, right = (
        _square(_crop(draw_digit(digit, rng, side, pen=style.pen, fill=1.0, wildness=style.wildness)), side)
        for digit in digits
    )
    gap = np.zeros((side, max(3, side // 5)), np.uint8)
    description = f"a {digits[0]} and a {digits[1]} {_describe(style)}"
    return Scan(_scan(np.hstack([left, gap, right]), rng, style), None, description)


def draw_blank(rng: Rng, style: Style | None = None) -> Scan:
    """Return a scan of paper that nobody has written on; it has no label."""
    style = style or Style.random(rng)
    return Scan(_scan(np.zeros((1, 1), np.uint8), rng, style), None, f"nothing {_describe(style)}")


def _scan(glyph: Picture, rng: Rng, style: Style) -> Picture:
    """Return the finished picture of a glyph [h, w] on paper of the given style."""
    shape = (style.height, style.width)
    sheet = paper(shape, rng, style.tone, style.grain)
    sheet *= 1 - rules(shape, rng, style.ruling, round(max(glyph.shape[0], shape[0] / 3)))
    sheet *= 1 - style.frame * frame(shape, rng)[..., None]
    sheet = ink(sheet, place(glyph, shape, rng, style.drift), style.ink)
    sheet *= shadow(shape, rng, style.shadow)[..., None]
    seen = camera(sheet, rng, style.blur, style.noise, style.specks)
    seen = seen if style.colour else cv2.cvtColor(seen, cv2.COLOR_BGR2GRAY)
    picture = _u8(255 * (1 - seen if style.inverted else seen))
    return picture if style.quality >= 100 else jpeg(picture, style.quality)


def paper(shape: tuple[int, int], rng: Rng, tone: float, grain: float) -> Plane:
    """Return empty paper, reflectance float32 [h, w, 3]: a tint, clouds, fine grain and some fibres."""
    height, width = shape
    clouds = cv2.resize(rng.standard_normal((5, 5), np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    sheet = tone + grain * (0.4 * clouds + 0.6 * rng.standard_normal(shape, np.float32))
    for _ in range(round(200 * grain)):
        start = rng.uniform(0, 1, 2) * (width, height)
        end = start + rng.normal(0, 0.06, 2) * (width, height)
        shade = tone - rng.uniform(-2, 3) * grain
        cv2.line(sheet, start.astype(int).tolist(), end.astype(int).tolist(), shade, 1, cv2.LINE_AA)
    tint = np.array([1 - rng.uniform(0, 0.08), 1 - rng.uniform(0, 0.02), 1.0], np.float32)
    return np.asarray(sheet[..., None] * tint, np.float32)


def rules(shape: tuple[int, int], rng: Rng, ruling: str, digit: int) -> Plane:
    """Return how much the faint ruled or squared lines darken the paper, float32 [h, w, 3]."""
    lines = np.zeros(shape, np.float32)
    step = max(6, round(digit * (rng.uniform(1.1, 1.6) if ruling == "ruled" else rng.uniform(0.35, 0.7))))
    line = max(1, digit // 70)
    rows, columns = rng.integers(0, step, 2)
    for i in range(line):
        if ruling in ("ruled", "squared"):
            lines[rows + i :: step] = 1
        if ruling == "squared":
            lines[:, columns + i :: step] = 1
    absorbed = np.array([0.4, 0.8, 1.0], np.float32)  # the lines are a pale blue
    return np.asarray(lines[..., None] * absorbed * rng.uniform(0.08, 0.25), np.float32)


def frame(shape: tuple[int, int], rng: Rng) -> Plane:
    """Return the coverage 0 to 1 [h, w] of a printed box near the edge, sometimes cut by it."""
    height, width = shape
    side = min(shape)
    line = max(1, round(side * rng.uniform(0.01, 0.035)))
    inset = rng.uniform(-0.02, 0.06, 4) * side
    corners = np.array([[inset[0], inset[1]], [width - inset[2], inset[3]]])
    skew = rng.normal(0, 0.006) * side
    (left, top), (right, bottom) = corners[0], [width - 1 - inset[2], height - 1 - inset[3]]
    box = [[left + skew, top], [right, top + skew], [right - skew, bottom], [left, bottom - skew]]
    canvas = np.zeros(shape, np.uint8)
    points = np.rint(np.array(box) * 2**_SUBPIXEL).astype(np.int32)
    cv2.polylines(canvas, [points], True, 255, line, cv2.LINE_AA, _SUBPIXEL)
    return np.asarray(canvas / np.float32(255), np.float32)


def place(glyph: Picture, shape: tuple[int, int], rng: Rng, drift: float) -> Plane:
    """Return the glyph's coverage 0 to 1 on a sheet [h, w], off the centre by `drift` of the free room."""
    room = np.array(shape) - glyph.shape
    row, column = np.rint(room / 2 * (1 + drift * rng.uniform(-1, 1, 2))).astype(int)
    cover = np.zeros(shape, np.float32)
    cover[row : row + glyph.shape[0], column : column + glyph.shape[1]] = glyph / np.float32(255)
    return cover


def ink(sheet: Plane, cover: Plane, name: str) -> Plane:
    """Return the sheet [h, w, 3] with ink of a named colour where `cover` [h, w] says."""
    colour = np.array(INKS[name], np.float32)
    return np.asarray(sheet + cover[..., None] * (colour * sheet - sheet), np.float32)


def shadow(shape: tuple[int, int], rng: Rng, depth: float) -> Plane:
    """Return the light 0 to 1 [h, w]: falling off to one side and behind the soft edge of a shadow."""
    height, width = shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / max(shape)
    angle = rng.uniform(0, 2 * np.pi)
    along = np.cos(angle) * (x - 0.5) + np.sin(angle) * (y - 0.5)
    slope = np.clip(along + 0.5, 0, 1)
    edge = 1 / (1 + np.exp(-(along - rng.uniform(-0.3, 0.3)) / rng.uniform(0.03, 0.15)))
    mix = rng.uniform(0, 0.7)
    return np.asarray(1 - depth * ((1 - mix) * slope + mix * edge), np.float32)


def camera(sheet: Plane, rng: Rng, blur: float, noise: float, specks: int) -> Plane:
    """Return what the scanner sees of the sheet [h, w, 3]: dust, an unsharp lens, a noisy sensor."""
    height, width = sheet.shape[:2]
    seen = sheet
    for _ in range(specks):
        at = (int(rng.integers(width)), int(rng.integers(height)))
        radius = max(1, round(min(height, width) * rng.uniform(0, 0.012)))
        cv2.circle(seen, at, radius, [rng.uniform(0.1, 0.7)] * 3, -1, cv2.LINE_AA)
    if blur > 0:
        seen = cv2.GaussianBlur(seen, (0, 0), max(0.3, blur * min(height, width)))
    if noise > 0:
        seen = seen + noise * rng.standard_normal((height, width, 1), np.float32)
    return np.asarray(np.clip(seen, 0, 1), np.float32)


def jpeg(picture: Picture, quality: int) -> Picture:
    """Return the picture after JPEG compression at a quality of 1 to 100."""
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return _u8(cv2.imdecode(data, cv2.IMREAD_UNCHANGED))


def _describe(style: Style) -> str:
    """Return the style in words, for a person."""
    words = [f"in {style.ink} {style.pen.kind} on {style.ruling} paper"]
    words += ["in a box"] * (style.frame > 0) + ["in shadow"] * (style.shadow > 0.2)
    words += ["light on dark"] * style.inverted
    return ", ".join(words)


def _sometimes(rng: Rng, chance: float, low: float, high: float) -> float:
    value = rng.uniform(low, high)
    return float(value) if rng.random() < chance else 0.0


def _crop(glyph: Picture) -> Picture:
    """Return the smallest part of the glyph that holds all of its ink."""
    x, y, width, height = cv2.boundingRect(glyph)
    return glyph[y : y + height, x : x + width]


def _u8(values: NDArray[np.generic]) -> Picture:
    return np.asarray(values).astype(np.uint8)
