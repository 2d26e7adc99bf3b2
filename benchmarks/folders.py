"""Folders of scans to measure speed on: few pictures that differ, hard-linked up to as many files as wanted.

A folder that is there already is taken as it is, so that one place serves many runs. The files of a folder
differ up to `distinct`; the first so many in the order of their names are the ones that do.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from batch_classify.pool import cpu_count, worker_pool
from train.generator import Pen, Style, draw_digit, draw_scan, to_u8

SCAN = 200  # pixels
PHOTO = 2000  # pixels of the longer side
ENLARGED = 4  # times; a photo is drawn that much smaller, since a digit has no detail to lose
FOLDER = 1000  # files


def small(place: Path, files: int, distinct: int) -> Path:
    """Return a folder of PNGs of 28 pixels, bare ink without paper, half of them dark on light."""
    return _filled(place / f"small-{files}-{distinct}", ".png", _small, files, distinct)


def scans(place: Path, files: int, distinct: int, ending: str) -> Path:
    """Return a folder of grey scans of 200 pixels as a scanner sees paper, as `.png` or `.jpg`."""
    name = f"scans-{ending[1:]}-{files}-{distinct}"
    return _filled(place / name, ending, partial(_scan, ending=ending), files, distinct)


def photos(place: Path, files: int, distinct: int) -> Path:
    """Return a folder of JPEGs of 2,000 pixels in colour as a camera takes them."""
    return _filled(place / f"photos-{files}-{distinct}", ".jpg", _photo, files, distinct)


def _small(number: int) -> bytes:
    rng = np.random.default_rng(number)
    ink = draw_digit(number % 10, rng, 28, fill=rng.uniform(0.65, 0.95))
    return _encoded(255 - ink if rng.random() < 0.5 else ink, ".png")


def _scan(number: int, ending: str) -> bytes:
    rng = np.random.default_rng(number)
    style = Style(
        height=SCAN,
        width=SCAN,
        pen=Pen.random(rng),
        fill=rng.uniform(0.4, 0.8),
        tone=rng.uniform(0.85, 0.93),
        grain=0.005,
        shadow=rng.uniform(0, 0.1),
        noise=rng.uniform(4, 8) / 255,
    )
    return _encoded(draw_scan(number % 10, rng, style).picture, ending)


def _photo(number: int) -> bytes:
    rng = np.random.default_rng(number)
    width, height = PHOTO // ENLARGED, PHOTO * 3 // 4 // ENLARGED
    style = Style(
        height=height,
        width=width,
        colour=True,
        ink=str(rng.choice(["black", "blue"])),
        pen=Pen.random(rng),
        fill=rng.uniform(0.4, 0.7),
        tone=rng.uniform(0.8, 0.93),
        grain=0.01,
        shadow=rng.uniform(0.05, 0.3),
        blur=0.005,
    )
    drawn = draw_scan(number % 10, rng, style).picture
    enlarged = cv2.resize(drawn, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_CUBIC)
    noise = rng.uniform(3, 6) * rng.standard_normal(enlarged.shape, np.float32)
    return _encoded(to_u8((enlarged + noise).clip(0, 255)), ".jpg")


def _encoded(picture: NDArray[np.uint8], ending: str) -> bytes:
    _, data = cv2.imencode(ending, picture, [cv2.IMWRITE_JPEG_QUALITY, 90] if ending == ".jpg" else [])
    return data.tobytes()


def _filled(folder: Path, ending: str, draw: Callable[[int], bytes], files: int, distinct: int) -> Path:
    """Draw, link and rename into place, unless the folder is there."""
    if folder.exists():
        return folder
    print(f"drawing {folder.name}", flush=True)
    begun = folder.with_name(f"{folder.name}.begun")
    shutil.rmtree(begun, ignore_errors=True)
    for first in range(0, files, FOLDER):
        _path(begun, first, ending).parent.mkdir(parents=True)
    with worker_pool(cpu_count()) as pool:
        for number, data in enumerate(pool.map(draw, range(distinct), chunksize=16)):
            _path(begun, number, ending).write_bytes(data)
    for number in range(distinct, files):
        os.link(_path(begun, number % distinct, ending), _path(begun, number, ending))
    return begun.rename(folder)


def _path(folder: Path, number: int, ending: str) -> Path:
    return folder / f"{number // FOLDER:04}" / f"{number:07}{ending}"
