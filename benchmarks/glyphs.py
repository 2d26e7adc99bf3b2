"""Letters, digits and signs as TrueType fonts have them, bent as a hand would bend them.

The fonts are the system's (a user's own lie below ~/.local/share/fonts) and the one inside Pillow, so that
there is always one; figures are comparable where the fonts are the same.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from papers import Rng, clouds
from PIL import Image, ImageDraw, ImageFont

Mask = NDArray[np.uint8]  # [h, w], 255 is ink
Font = ImageFont.FreeTypeFont

DIGITS = "0123456789"
# Left out is what is somebody's digit: O o D Q (0), C c G U u (an open 0, or 6), I i l J j r L (1), Z z (2),
# B (8, or 13), S s (5), b (6), T t Y y (7, or 4), f (8, with loops), a g q (9, or 0).
CAPITALS, SMALL = "AEFHKMNPRVWX", "dehkmnpvwx"
LOOKALIKES = "OIlSZB"  # some of these, measured apart
SIZE = 160  # px, of the glyphs before they are bent


def folders() -> list[Path]:
    """Return where systems keep fonts: the fontconfig directories, macOS's and Windows's."""
    home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share")
    shared = os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
    fixed = (
        Path.home() / ".fonts",
        Path("/Library/Fonts"),
        Path("/System/Library/Fonts"),
        Path("C:/Windows/Fonts"),
    )
    return [home / "fonts", *(Path(one) / "fonts" for one in shared.split(":")), *fixed]


def writes(font: Font) -> bool:
    """Say whether a font has the letters and digits: all different from each other, none empty."""
    shapes = [bytes(font.getmask(one)) for one in "AWekx279"]
    return len(set(shapes)) == len(shapes) and all(any(shape) for shape in shapes)


@cache
def families() -> dict[str, list[Font]]:
    """Return the fonts by family, so that one with twenty cuts counts no more than one with one."""
    found: dict[str, list[Font]] = {}
    built_in = ImageFont.load_default(SIZE)
    if isinstance(built_in, ImageFont.FreeTypeFont):
        found["built in"] = [built_in]
    for path in sorted(path for folder in folders() for path in folder.rglob("*.[ot]tf")):
        try:
            font = ImageFont.truetype(path, SIZE)
            if writes(font):
                found.setdefault(font.getname()[0] or path.stem, []).append(font)
        except OSError:  # not every file of that name is a font
            continue
    return found


def some_font(rng: Rng) -> Font:
    """Return a cut of a family."""
    fonts = list(families().values())
    family = fonts[rng.integers(len(fonts))]
    return family[rng.integers(len(family))]


def typeset(text: str, font: Font) -> Mask:
    """Return a text in a font, with room around it."""
    left, top, right, bottom = font.getbbox(text)
    room = SIZE // 3
    page = Image.new("L", (int(right - left) + 2 * room, int(bottom - top) + 2 * room))
    ImageDraw.Draw(page).text((room - left, room - top), text, 255, font)
    return np.asarray(page)


def weighed(rng: Rng, mask: Mask) -> Mask:
    """Return the mask with strokes that are somewhat thicker or thinner, but nowhere gone."""
    change = rng.uniform(-0.45, 0.35)
    inside = cv2.distanceTransform((mask > 127).astype(np.uint8), cv2.DIST_L2, 5)
    stroke = float(np.percentile(inside[inside > 0], 85)) if inside.any() else 1.0
    outside = cv2.distanceTransform((mask <= 127).astype(np.uint8), cv2.DIST_L2, 5)
    edge = inside - outside + change * min(stroke, SIZE / 20)
    return np.asarray(np.clip(edge + 0.5, 0, 1) * 255, np.uint8)


def bent(rng: Rng, mask: Mask, wobble: float = 0.035) -> Mask:
    """Return the mask slanted, turned, stretched and warped; `wobble` is the warp in parts of its size."""
    height, width = mask.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    slant, turn, stretch = rng.uniform(-0.15, 0.3), rng.uniform(-0.12, 0.12), np.exp(rng.uniform(-0.2, 0.2))
    away = np.stack([x - width / 2, y - height / 2])
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ [
        [stretch, slant],
        [0, 1],
    ]
    x, y = np.tensordot(matrix, away, 1) + np.array([width / 2, height / 2])[:, None, None]
    size = min(height, width) * rng.uniform(0, wobble)
    x, y = (axis + size * clouds(rng, height, width, 2) for axis in (x, y))
    return np.asarray(cv2.remap(mask, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR), np.uint8)


def written(rng: Rng, characters: str) -> Mask:
    """Return one of the characters, in some font and as bent as a hand would."""
    return bent(rng, weighed(rng, typeset(rng.choice(list(characters)), some_font(rng))))


def number(rng: Rng, length: int, condensed: bool = False) -> Mask:
    """Return a number of so many digits as a font spaces it; `condensed` makes it two thirds as wide."""
    mask = typeset("".join(rng.choice(list(DIGITS), length)), some_font(rng))
    if condensed:
        narrow = cv2.resize(mask, None, fx=rng.uniform(0.55, 0.75), fy=1, interpolation=cv2.INTER_AREA)
        mask = np.asarray(narrow, np.uint8)
    return bent(rng, mask, 0.02)
