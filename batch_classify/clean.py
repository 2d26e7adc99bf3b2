"""The short way for easy scans: a single piece of dark writing, on paper that is bare or evenly noisy.

Most scans are like that, and need no search for shadows, rules, frames, neighbours or specks. `clean.c` tells
them in a fraction of the long way's time, and cuts the digit out; a scan that leaves any doubt goes the long
way. On bare paper the digit is what the long way would have found, to the byte; a scan with noise is looked
at in a size that its pixels can be counted together to, and comes out nearly the same.

Knows nothing of sizes to fit. `setup.py` compiles `clean.c` when the program is installed.
"""

from __future__ import annotations

import ctypes
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from batch_classify.halves import on_one_paper
from batch_classify.ink import WORKING_SIDE, Box, Grey, Mask, shrink
from batch_classify.rules import without_faint_rules, without_rules

_LARGEST = 192  # px: LARGEST in clean.c
_SEAM, _FAINT_RULES, _RULES = 1, 2, 4  # checks that clean.c leaves to be made
_FOUND = (
    "checks",
    "prepared",
    "height",
    "width",
    "x",
    "y",
    "box_width",
    "box_height",
    "dark",
    "weak",
    "steepest",
)


@dataclass(frozen=True, slots=True)
class Clean:
    """A digit alone on its paper.

    ink: the ink plane, uint8 [h, w].
    mask: where there is ink in it, uint8 [h, w].
    box: where the digit lies.
    glyph: what is in the box, less the paper's noise and what is too pale and stands apart.
    dark: the level that a tenth of the digit's ink exceeds.
    steepest: what `quality.steepest_of` gives for it.
    stroke: the mean width of its strokes, in px.
    prepared: whether the plane is a 28×28 as the model expects it.
    """

    ink: Grey
    mask: Mask
    box: Box
    glyph: Grey
    dark: int
    steepest: int
    stroke: float
    prepared: bool


class _Digit(ctypes.Structure):
    """`Digit` in clean.c."""

    _fields_ = (
        *((name, ctypes.c_int32) for name in _FOUND),
        *((name, ctypes.c_double) for name in ("ink", "variation")),
    )


def _compiled() -> ctypes.CDLL:
    """Load clean.c. Raises ImportError where it was not compiled, or cannot run here."""
    path = Path(__file__).with_name(f"_clean{sysconfig.get_config_var('EXT_SUFFIX')}")
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise ImportError(
            f"{path} is missing or cannot be used ({error}); install batch-classify again", name=__name__
        ) from error
    library.on_bare_paper.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_int]
    for find in (library.digit_on_bare_paper, library.digit_on_noisy_paper):
        find.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_int, *[ctypes.c_void_p] * 3]
    return library


_C = _compiled()


def clean_digit(grey: Grey) -> Clean | None:
    """Return the only piece of ink in a scan, uint8 [h, w], or None unless it plainly is a digit."""
    scan = np.ascontiguousarray(grey)
    find = _C.digit_on_noisy_paper
    shape = (_LARGEST, _LARGEST)
    if _C.on_bare_paper(_address(scan), *scan.shape):
        scan = np.ascontiguousarray(shrink(scan))
        find, shape = _C.digit_on_bare_paper, scan.shape
        if max(shape) > WORKING_SIDE:
            return None
    ink, glyph, digit = np.empty(shape, np.uint8), np.empty(shape, np.uint8), _Digit()
    if not find(_address(scan), *scan.shape, _address(ink), _address(glyph), ctypes.addressof(digit)):
        return None
    ink = _plane(ink, digit.height, digit.width)
    mask = (ink >= digit.weak).view(np.uint8)
    if (
        (digit.checks & _SEAM and on_one_paper(scan) is not scan)
        or (digit.checks & _FAINT_RULES and without_faint_rules(ink) is not ink)
        or (digit.checks & _RULES and without_rules(mask, ink) is not mask)
    ):
        return None
    box = Box(digit.x, digit.y, digit.box_width, digit.box_height)
    glyph = _plane(glyph, box.height, box.width)
    stroke = 2 * digit.ink / max(1.0, digit.variation)
    return Clean(ink, mask, box, glyph, digit.dark, digit.steepest, stroke, bool(digit.prepared))


def _address(plane: Grey) -> int:
    # Half the time of `plane.ctypes.data`.
    address: int = plane.__array_interface__["data"][0]
    return address


def _plane(room: Grey, height: int, width: int) -> Grey:
    """Return the plane [height, width] that begins where the room for it does."""
    return room.reshape(-1)[: height * width].reshape(height, width)
