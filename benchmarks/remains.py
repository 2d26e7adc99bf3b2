"""What is left of a real scan when its digit is taken out, and the digit's ink by itself.

The ink is found by its difference from the paper around it. What lies wholly at the edges stays: a frame, a
neighbour. Scans whose digit is one with a frame or with squares are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from pairs import Ink, joined
from papers import Cover, Picture, Rng, picture_of, plain
from PIL import Image, ImageOps

LARGEST = 400  # px; larger photographs are made smaller first
EDGE = 0.14  # of a side: what reaches no further in belongs to a frame or to a neighbour

SMALLEST = 8  # px: a digit less high than that is no digit anybody can read
SHIFTS = 40  # places to take grain from that are tried

Flags = NDArray[np.bool_]  # [h, w]


@dataclass(frozen=True)
class Scan:
    """A real scan, taken apart.

    `strokes` is where the digit's ink is, `other` where other ink is, and `reach` how far around the strokes
    their traces go, px: a lens blurs them and a phone brightens the paper beside them.
    """

    picture: Picture
    paper: Picture
    strokes: Flags
    other: Flags
    reach: int


def opened(path: Path) -> Picture:
    """Return a scan upright, on white where it lets something through."""
    with Image.open(path) as file:
        shown = ImageOps.exif_transpose(file).convert("RGBA")
    sheet = Image.new("RGBA", shown.size, "white")
    sheet.alpha_composite(shown)
    sheet.thumbnail((LARGEST, LARGEST))
    return picture_of(sheet)


def smooth(picture: Picture) -> Picture:
    """Return the paper's light and colour, without what is thinner than a sixth of the picture."""
    height, width = picture.shape[:2]
    scale = min(1.0, 72 / max(height, width))
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    small8 = (small * 255).round().astype(np.uint8)
    reach = 2 * round(min(small.shape[:2]) * 0.2) + 1
    padded = cv2.copyMakeBorder(small8, reach, reach, reach, reach, cv2.BORDER_REFLECT)
    middle = cv2.GaussianBlur(cv2.medianBlur(padded, reach), (0, 0), reach / 8)
    middle = middle[reach:-reach, reach:-reach]
    large = cv2.resize(middle, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(large, np.float32) / np.float32(255)


def grown(flags: Flags, by: int) -> Flags:
    """Return the flags with all that is within so many pixels."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * by + 1, 2 * by + 1))
    return cv2.dilate(flags.astype(np.uint8), kernel) > 0


def parted(contrast: Cover) -> tuple[Flags, Flags] | None:
    """Return which pixels are the digit's and which are other ink, or None where the two are one."""
    height, width = contrast.shape
    faint = max(0.025, 3 * 1.48 * float(np.median(contrast)))
    strong = max(1.6 * faint, 0.3 * float(np.percentile(contrast, 99.5)))
    _, numbers, boxes, _ = cv2.connectedComponentsWithStats(
        (contrast > faint).astype(np.uint8), connectivity=8
    )
    band_x, band_y = int(max(2, EDGE * width)), int(max(2, EDGE * height))
    inner = np.zeros_like(numbers, bool)
    inner[band_y : height - band_y, band_x : width - band_x] = True
    own = np.setdiff1d(numbers[(contrast > strong) & inner], 0)
    if not len(own) or any(boxes[one][2] > 0.97 * width and boxes[one][3] > 0.97 * height for one in own):
        return None
    strokes = np.isin(numbers, own)
    return strokes, (numbers > 0) & ~strokes


@lru_cache(maxsize=2048)
def taken_apart(path: Path) -> Scan | None:
    """Return a scan's parts, or None where they cannot be told apart."""
    picture = opened(path)
    paper = smooth(picture)
    parts = parted(np.abs(picture - paper).max(axis=2))
    reach = 1 + max(1, round(min(picture.shape[:2]) * 0.03))
    if parts is None or grown(parts[0], reach).mean() > 0.6:
        return None
    return Scan(picture, paper, *parts, reach)


def emptied(path: Path, rng: Rng) -> Picture | None:
    """Return a scan without its digit, the paper going on where it was, or None where that cannot be done.

    The grain comes from elsewhere in the picture, and of some places from that which continues best what is
    around the hole, so that ruled lines go on.
    """
    scan = taken_apart(path)
    if scan is None:
        return None
    hole = grown(scan.strokes, scan.reach)
    around = grown(hole, scan.reach) & ~hole
    barred = hole | grown(scan.other, 2)
    paper = light(scan.picture, barred)
    grain = np.where(barred[..., None], 0, scan.picture - paper).astype(np.float32)
    best, cost = np.zeros_like(grain), np.inf
    for _ in range(SHIFTS):
        shift = rng.integers(-(np.array(hole.shape) // 2), np.array(hole.shape) // 2 + 1)
        moved, hidden = np.roll(grain, shift, (0, 1)), np.roll(barred, shift, (0, 1))
        compared = around & ~hidden & ~barred
        misfit = float(np.abs(moved - grain)[compared].mean()) if compared.any() else 1.0
        misfit += float(hidden[hole].mean())
        if misfit < cost:
            best, cost = moved, misfit
    soft = cv2.GaussianBlur(hole.astype(np.float32), (0, 0), scan.reach / 3)[..., None]
    soft = np.where(
        scan.strokes[..., None], 1, np.where(grown(scan.other, 1)[..., None] & ~hole[..., None], 0, soft)
    )
    healed = soft * (paper + best) + (1 - soft) * scan.picture
    return np.asarray(healed.clip(0, 1), np.float32)


def light(picture: Picture, hole: Flags) -> Picture:
    """Return the light on the paper, and inside the hole what its surroundings lead to."""
    known = (~hole).astype(np.float32)
    result = np.broadcast_to(picture[~hole].mean(axis=0), picture.shape)
    for part in (0.3, 0.15, 0.08, 0.04):
        sigma = max(1.0, part * min(hole.shape))
        weight = cv2.GaussianBlur(known, (0, 0), sigma)[..., None]
        near = cv2.GaussianBlur(picture * known[..., None], (0, 0), sigma) / np.maximum(weight, 1e-6)
        trust = np.clip(weight / 0.3, 0, 1)
        result = trust * near + (1 - trust) * result
    return result.astype(np.float32)


def ink(scan: Scan) -> Ink:
    """Return the digit's ink alone, how much darker than the paper it is, or lighter on a dark one."""
    dark = (scan.paper - scan.picture) * (1 if scan.picture[scan.strokes].mean() < scan.paper.mean() else -1)
    alone = np.where(grown(scan.strokes, 1)[..., None], dark, 0).clip(0, 1).astype(np.float32)
    left, top, width, height = cv2.boundingRect(scan.strokes.astype(np.uint8))
    return alone[top : top + height, left : left + width]


def laid_on(scan: Scan, rng: Rng, own: Ink) -> Picture:
    """Return ink in the middle of paper that has the tone and the grain of a scan's."""
    sign = 1 if scan.picture[scan.strokes].mean() < scan.paper.mean() else -1
    free = ~grown(scan.strokes | scan.other, scan.reach)
    rest = (scan.picture - scan.paper)[free]
    grain = float(np.percentile(np.abs(rest), 68)) if len(rest) else 0.0
    margin = max(3, round(own.shape[0] * rng.uniform(0.15, 0.5)))
    framed = np.pad(own, ((margin, margin), (margin, margin), (0, 0)))
    noise = plain(rng, *framed.shape[:2], tone=0.5, grain=grain) - 0.5
    tone = np.median(scan.paper.reshape(-1, 3), axis=0)
    return (tone + noise - sign * framed).clip(0, 1).astype(np.float32)


def pair(left: Path, right: Path, rng: Rng, spacing: str) -> Picture | None:
    """Return two digits of one set beside each other on the left one's paper, at its height."""
    one, other = taken_apart(left), taken_apart(right)
    if one is None or other is None:
        return None
    first, second = ink(one), ink(other)
    height = first.shape[0]
    if min(height, second.shape[0]) < SMALLEST:
        return None
    width = max(2, round(second.shape[1] * height / second.shape[0]))
    scaled = np.asarray(cv2.resize(second, (width, height), interpolation=cv2.INTER_AREA), np.float32)
    return laid_on(one, rng, joined(rng, first, scaled, spacing))
