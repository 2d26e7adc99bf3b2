"""Paper without anything on it, and ink on paper: procedural, in red-green-blue from 0 to 1.

Nothing of this is the training generator's, which draws paper of its own in other ways.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from io import BytesIO

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

Rng = np.random.Generator
Picture = NDArray[np.float32]  # [h, w, 3]
Cover = NDArray[np.float32]  # [h, w]: how much of the paper is under ink
Paper = Callable[[Rng, int, int], Picture]


def some_size(rng: Rng) -> tuple[int, int]:
    """Return a height and a width as cells, boxes and photographs have them."""
    side = np.exp(rng.uniform(np.log(28), np.log(260)))
    aspect = rng.uniform(0.8, 1.25)
    return max(28, int(side)), max(28, int(side * aspect))


def clouds(rng: Rng, height: int, width: int, cells: int) -> Cover:
    """Return smooth noise, about `cells` bumps across."""
    coarse = rng.normal(size=(cells + 3, cells + 3)).astype(np.float32)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32)


def plain(
    rng: Rng, height: int, width: int, *, tone: float = 1.0, tint: float = 0.0, grain: float = 0.0
) -> Picture:
    """Return a sheet of one tone; `tint` is how far its colours differ, `grain` the noise of each pixel."""
    colour = tone * (1 - tint * rng.uniform(0, 1, 3))
    noise = rng.normal(0, grain, (height, width, 1)) if grain else 0.0
    return (np.ones((height, width, 3)) * colour + noise).clip(0, 1).astype(np.float32)


def white(rng: Rng, height: int, width: int) -> Picture:
    """Return paper as a scanner gives it whose white is white."""
    return plain(rng, height, width, tone=rng.choice([1.0, 254 / 255, 0.97]))


def off_white(rng: Rng, height: int, width: int) -> Picture:
    """Return cream or bluish paper with some grain."""
    return plain(rng, height, width, tone=rng.uniform(0.9, 0.98), tint=0.1, grain=rng.uniform(0.003, 0.02))


def grey(rng: Rng, height: int, width: int) -> Picture:
    """Return paper that is grey or badly lit."""
    return plain(rng, height, width, tone=rng.uniform(0.5, 0.85), grain=rng.uniform(0.005, 0.03))


def coloured(rng: Rng, height: int, width: int) -> Picture:
    """Return paper of a strong colour."""
    return plain(rng, height, width, tone=rng.uniform(0.8, 1), tint=0.6, grain=rng.uniform(0.0, 0.02))


def printed(rng: Rng, height: int, width: int, *, across: bool, dots: bool = False) -> Picture:
    """Return paper with printed lines, squares (`across`) or dots, a little askew."""
    sheet = off_white(rng, height, width)
    pitch = max(6.0, min(height, width) * rng.uniform(0.14, 0.4))
    y, x = np.mgrid[:height, :width].astype(np.float32)
    angle = np.radians(rng.uniform(-2.5, 2.5))
    along, down = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    thickness = max(1.0, pitch * rng.uniform(0.03, 0.07))
    lines = [
        np.clip((thickness + 1) / 2 - np.abs((axis + rng.uniform(0, pitch)) % pitch - pitch / 2), 0, 1)
        for axis in ((down, along) if across or dots else (down,))
    ]
    cover = np.minimum(*lines) if dots else np.max(lines, axis=0)
    shade = rng.choice([[0.45, 0.6, 0.9], [0.5, 0.5, 0.5], [0.85, 0.5, 0.5]])
    return mixed(sheet, cover.astype(np.float32) * np.float32(rng.uniform(0.25, 0.7)), shade)


def recycled(rng: Rng, height: int, width: int) -> Picture:
    """Return greyish paper with fibres, darker and lighter ones."""
    sheet = plain(rng, height, width, tone=rng.uniform(0.65, 0.88), tint=0.08, grain=0.015)
    fibres = np.zeros((height, width), np.float32)
    side = min(height, width)
    for _ in range(int(rng.integers(10, 40))):
        start, turn, bend = rng.uniform(0, [width, height]), rng.uniform(0, 2 * np.pi), rng.uniform(-1, 1)
        steps = np.linspace(0, 1, 6)
        angles = turn + bend * steps
        way = start + np.cumsum(
            np.stack([np.cos(angles), np.sin(angles)], 1) * side * rng.uniform(0.01, 0.03), 0
        )
        layer = np.zeros((height, width), np.uint8)
        cv2.polylines(layer, [(way * 16).astype(np.int32)], False, 255, 1, cv2.LINE_AA, 4)
        fibres += layer.astype(np.float32) / 255 * np.float32(rng.uniform(-0.06, 0.12))
    return (sheet - fibres[..., None]).clip(0, 1).astype(np.float32)


def crumpled(rng: Rng, height: int, width: int) -> Picture:
    """Return paper that was folded at random and smoothed out: facets of slightly different light."""
    sheet = off_white(rng, height, width)
    y, x = np.mgrid[:height, :width].astype(np.float32) / max(height, width)
    light = np.zeros((height, width), np.float32)
    for _ in range(int(rng.integers(5, 14))):
        angle = rng.uniform(0, 2 * np.pi)
        away = (x - rng.uniform(0, 1)) * np.cos(angle) + (y - rng.uniform(0, 1)) * np.sin(angle)
        away = away + 0.02 * clouds(rng, height, width, 3)
        light += rng.uniform(-0.05, 0.05) * np.tanh(away / 0.03) - rng.uniform(0, 0.03) * np.exp(
            -((away / 0.02) ** 2)
        )
    return (sheet - 0.06 + light[..., None]).clip(0, 1).astype(np.float32)


def photographed(rng: Rng, height: int, width: int) -> Picture:
    """Return paper under a lamp: a soft shadow with an edge somewhere, a falling light, noise."""
    sheet = plain(rng, height, width, tone=rng.uniform(0.65, 0.95), tint=0.12)
    y, x = np.mgrid[:height, :width].astype(np.float32) / max(height, width) - 0.5
    angle = rng.uniform(0, 2 * np.pi)
    away = x * np.cos(angle) + y * np.sin(angle) + 0.05 * clouds(rng, height, width, 2)
    fall = 1 - rng.uniform(0.05, 0.35) * (away + 0.5)
    shadow = 1 - rng.uniform(0.1, 0.45) / (
        1 + np.exp(-(away - rng.uniform(-0.3, 0.3)) / rng.uniform(0.05, 0.3))
    )
    noise = rng.normal(0, rng.uniform(0.005, 0.03), sheet.shape)
    lit = sheet * (fall * shadow)[..., None] + noise
    return np.asarray(lit.clip(0, 1), np.float32)


def jpeg(rng: Rng, height: int, width: int) -> Picture:
    """Return grainy paper that was kept as a JPEG of low quality."""
    sheet = plain(rng, height, width, tone=rng.uniform(0.7, 0.97), tint=0.1, grain=rng.uniform(0.02, 0.06))
    return pressed(sheet, int(rng.integers(8, 40)))


def blackboard(rng: Rng, height: int, width: int) -> Picture:
    """Return a dark board with wiped chalk."""
    board = plain(rng, height, width, tone=rng.uniform(0.12, 0.32), tint=0.3, grain=0.015)
    wipes = cv2.GaussianBlur(clouds(rng, height, width, 6), (0, 0), max(height, width) / 8, sigmaY=1)
    return (board + rng.uniform(0.02, 0.08) * np.abs(wipes)[..., None]).clip(0, 1).astype(np.float32)


PAPERS: dict[str, Paper] = {
    "white": white,
    "off-white": off_white,
    "grey": grey,
    "coloured": coloured,
    "ruled": partial(printed, across=False),
    "squared": partial(printed, across=True),
    "dotted": partial(printed, across=False, dots=True),
    "recycled": recycled,
    "crumpled": crumpled,
    "photographed": photographed,
    "JPEG": jpeg,
    "blackboard": blackboard,
}


def blank(rng: Rng, paper: Paper | None = None, side: int | None = None) -> Picture:
    """Return an empty sheet, of any paper and size unless they are given."""
    paper = paper or list(PAPERS.values())[rng.integers(len(PAPERS))]
    return paper(rng, side, side) if side else paper(rng, *some_size(rng))


def mixed(sheet: Picture, cover: Cover, colour: ArrayLike) -> Picture:
    """Lay a colour over a sheet where the cover says so."""
    opaque = cover[..., None]
    return np.asarray((sheet * (1 - opaque) + opaque * np.asarray(colour)).clip(0, 1), np.float32)


def inked(rng: Rng, cover: Cover, papers: tuple[str, ...] = tuple(PAPERS)) -> Picture:
    """Return the cover as ink of some colour on one of the papers, or as chalk, slightly out of focus."""
    height, width = cover.shape
    name = rng.choice(papers)
    sheet = PAPERS[name](rng, height, width)
    inks = [[0.08, 0.08, 0.1], [0.1, 0.15, 0.55], [0.25, 0.25, 0.27], [0.65, 0.1, 0.1]]
    colour = (
        np.array([0.93, 0.93, 0.9]) if name == "blackboard" else rng.choice(inks, p=[0.5, 0.25, 0.2, 0.05])
    )
    soft = cv2.GaussianBlur(cover, (0, 0), rng.uniform(0.2, 0.008 * min(height, width) + 0.4))
    pressure = 1 - 0.12 * np.abs(clouds(rng, height, width, 5))
    strength = rng.uniform(0.6, 1.0)
    picture = mixed(sheet, (soft * pressure * strength).clip(0, 1).astype(np.float32), colour)
    return pressed(picture, int(rng.integers(50, 95))) if rng.random() < 0.3 else picture


def pressed(picture: Picture, quality: int) -> Picture:
    """Return what a JPEG of this quality leaves of a picture."""
    file = BytesIO()
    image(picture).save(file, "JPEG", quality=quality)
    return picture_of(Image.open(file))


def picture_of(file: Image.Image) -> Picture:
    """Return an image as a picture."""
    return np.asarray(file.convert("RGB"), np.float32) / np.float32(255)


def image(picture: Picture) -> Image.Image:
    """Return a picture as one that can be saved."""
    return Image.fromarray((picture * 255).round().astype(np.uint8))


def placed(rng: Rng, mask: NDArray[np.uint8], *, wide: bool = False) -> Cover:
    """Return a large mask uint8 [h, w] somewhere in a picture, whose shape follows if the mask is `wide`."""
    left, top, width, height = cv2.boundingRect(mask)
    mask = mask[top : top + height, left : left + width]
    rows, columns = some_size(rng)
    if wide:
        columns = max(columns, int(rows * min(3.0, width / height)))
    fill = rng.uniform(0.55 if rows < 50 else 0.4, 0.85)
    scale = fill * min(rows / height, columns / width)
    small = cv2.resize(
        mask, (max(2, round(width * scale)), max(2, round(height * scale))), interpolation=cv2.INTER_AREA
    )
    cover = np.zeros((rows, columns), np.float32)
    free = np.array([rows - small.shape[0], columns - small.shape[1]])
    y, x = (free * rng.uniform(0.2, 0.8, 2)).astype(int)
    cover[y : y + small.shape[0], x : x + small.shape[1]] = small.astype(np.float32) / 255
    return cover
