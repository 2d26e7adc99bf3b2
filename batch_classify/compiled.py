"""What is compiled, in C (`c/`), called through ctypes: the steps on pixels that cost the most, and reading.

`setup.py` compiles them when the program is installed. Takes and gives NumPy arrays; the modules that call in
here say what the values mean. Planes are uint8 [height, width]. Does not keep any state.
"""

from __future__ import annotations

import ctypes
import os
import sysconfig
from collections.abc import Sequence
from ctypes import byref, c_char, c_char_p, c_double, c_int, c_int32, c_int64, c_ssize_t, c_void_p
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]

_FILE = 5  # numbers in `File` in c/files.c
SIDE, LARGEST = 28, 192  # px, as in c/planes.h
HARD, DOUBTFUL, DONE = range(3)  # as in c/clean.c
LEFT_OUT, CHANGED = -1, -2  # as in c/files.c


class Box(ctypes.Structure):
    """`Box` in planes.h."""

    _fields_ = tuple((name, c_int32) for name in ("x", "y", "width", "height"))


class Levels(ctypes.Structure):
    """`Levels` in planes.h."""

    _fields_ = tuple((name, c_int32) for name in ("floor", "weak", "strong"))


class Digit(ctypes.Structure):
    """`Digit` in clean.c."""

    _fields_ = (
        *((name, c_int32) for name in ("checks", "height", "width")),
        ("box", Box),
        *((name, c_int32) for name in ("dark", "weak")),
    )


def load() -> ctypes.CDLL:
    """Load what was compiled. Raises ImportError where that is missing, or cannot run here."""
    path = Path(__file__).with_name(f"_compiled{sysconfig.get_config_var('EXT_SUFFIX')}")
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise ImportError(
            f"{path} is missing or cannot be used ({error}); install batch-classify again", name=__name__
        ) from error
    for name, arguments in _ARGUMENTS.items():
        getattr(library, name).argtypes = [*arguments]
    for name in ("variation", "half_width_of", "separability_of_all"):
        getattr(library, name).restype = c_double
    for name in ("levels_of", "picture_of", "read_small", "weigh"):
        getattr(library, name).restype = None
    return library


_PLANE = (c_void_p, c_int, c_int)
_ARGUMENTS = {
    "easy_digit": (*_PLANE, *[c_void_p] * 4),
    "easy_picture": (*_PLANE, c_void_p),
    "is_prepared": _PLANE,
    "picture_of": (*_PLANE, c_void_p),
    "ink_on_flat_paper": (c_void_p, c_int, c_int, c_void_p),
    "edge": (*_PLANE, c_ssize_t, c_ssize_t),
    "quantile_of": (c_void_p, c_int, c_double),
    "quantile_where": (c_void_p, c_void_p, c_int, c_double),
    "levels_of": (*_PLANE, c_int, c_void_p),
    "variation": _PLANE,
    "half_width_of": _PLANE,
    "separability_of_all": (c_void_p, c_int),
    "steepest": _PLANE,
    "weigh": (c_void_p, c_int, c_void_p, c_int, c_int, c_void_p, c_void_p),
    "may_hold_faint_rules": _PLANE,
    "gather": (c_int, c_void_p, c_int, c_int, c_void_p),
    "read_small": (c_char_p, c_int, c_int64, c_void_p, c_void_p),
}
_C = load()


def easy_picture(scan: Plane, picture: Plane) -> int:
    """Make the model's picture, [28, 28], of a scan if that is easy: HARD, DOUBTFUL or DONE."""
    return int(_call(_C.easy_picture, scan, *scan.shape, picture))


def is_prepared(ink: Plane) -> bool:
    """Whether an ink plane already is a picture as the model sees it."""
    return bool(_call(_C.is_prepared, ink, *ink.shape))


def picture_of(glyph: Plane) -> Plane:
    """Make the model's picture, [28, 28], of what is in a digit's box."""
    picture = np.empty((SIDE, SIDE), np.uint8)
    _call(_C.picture_of, glyph, *glyph.shape, picture)
    return picture


def easy_digit(scan: Plane) -> tuple[Digit, Plane, Plane] | None:
    """Find the only digit of a scan; return it with the ink plane and the glyph in its box."""
    ink, glyph, small = (np.empty((LARGEST, LARGEST), np.uint8) for _ in range(3))
    digit = Digit()
    if not _call(_C.easy_digit, scan, *scan.shape, ink, glyph, small, byref(digit)):
        return None
    return digit, _first(ink, digit.height, digit.width), _first(glyph, digit.box.height, digit.box.width)


def ink_on_flat_paper(scan: Plane, paper: int) -> tuple[Plane, bool]:
    """Return the ink plane of a scan on paper of one level, and whether the ink is lighter."""
    ink = np.empty(scan.shape, np.uint8)
    light = _call(_C.ink_on_flat_paper, scan, scan.size, paper, ink)
    return ink, bool(light)


def edge(view: Plane) -> int:
    """Return how many rows at the top of a picture, seen from any side, a dark line of a frame lies in."""
    return int(_C.edge(view.ctypes, *view.shape, *view.strides))


def quantile(values: Plane, share: float, where: Plane | None = None) -> int:
    """Return the least level that a share of the values of any shape do not exceed, where the mask says."""
    if where is None:
        return int(_call(_C.quantile_of, values, values.size, share))
    return int(_call(_C.quantile_where, values, where, values.size, share))


def levels(ink: Plane, least: int) -> tuple[int, int, int]:
    """Return the floor of an ink plane, and its levels of weak and strong ink."""
    found = Levels()
    _call(_C.levels_of, ink, *ink.shape, least, byref(found))
    return found.floor, found.weak, found.strong


def variation(plane: Plane) -> float:
    """Return the total variation of a plane with nothing around it."""
    return float(_call(_C.variation, plane, *plane.shape))


def half_width(mask: Plane) -> float:
    """Return how far the innermost px of a mask is from what is none, with nothing around it."""
    return float(_call(_C.half_width_of, mask, *mask.shape))


def separability(values: Plane) -> float:
    """Return which share of the variance of values of any shape two classes explain."""
    return float(_call(_C.separability_of_all, values, values.size))


def steepest(plane: Plane) -> int:
    """Return the slope that all but a fiftieth of the slopes of a plane do not exceed."""
    return int(_call(_C.steepest, plane, *plane.shape))


def weigh(
    labels: NDArray[np.integer], ink: Plane, strong: int, count: int
) -> tuple[NDArray[np.float64], Plane]:
    """Return how much ink each of `count` labelled components has, and whether some of it is strong."""
    inks, held = np.zeros(count), np.zeros(count, np.uint8)
    _call(_C.weigh, labels, labels.itemsize, ink, ink.size, strong, inks, held)
    return inks, held


def may_hold_faint_rules(ink: Plane) -> bool:
    """Whether `rules.without_faint_rules` may take something out of an ink plane."""
    return bool(_call(_C.may_hold_faint_rules, ink, *ink.shape))


def gather(file: int, starts: NDArray[np.int64], length: int) -> Plane:
    """Read pieces of an open file, uint8 [N, length], each from its start.

    Raises OSError if one is cut short.
    """
    pieces = np.empty((len(starts), length), np.uint8)
    if not _call(_C.gather, file, starts, len(starts), length, pieces):
        raise OSError("what was written is not there to be read")
    return pieces


def read_small(paths: Sequence[str], room: int) -> tuple[Plane, list[list[int]]]:
    """Read files that are small, uint8 [room], and tell of each where it starts, and what its stamp holds.

    The start is CHANGED where the file did meanwhile, and LEFT_OUT where it is not that easy: what is empty,
    no regular file, not there or not allowed, or has no room any more, is for somebody else to read.
    """
    data = np.empty(room, np.uint8)
    files = np.empty((len(paths), _FILE), np.int64)
    _call(_C.read_small, os.fsencode("\0".join(paths)), len(paths), room, data, files)
    return data, files.tolist()


def _call(function: Any, *values: Any) -> Any:
    """Call C with where arrays lie; they stay there until it returns, as do copies of those with gaps."""
    kept = [np.ascontiguousarray(value) if isinstance(value, np.ndarray) else value for value in values]
    return function(*[_at(value) if isinstance(value, np.ndarray) else value for value in kept])


def _at(array: NDArray[Any]) -> Any:
    """Point to an array without gaps, where that is allowed in a third of the time of `array.ctypes`."""
    if not array.size or not array.flags.writeable:
        return array.ctypes
    return byref(c_char.from_buffer(array))  # type: ignore[arg-type]  # its stubs know no arrays


def _first(room: Plane, height: int, width: int) -> Plane:
    """Return the plane that begins where the room for it does."""
    return room.reshape(-1)[: height * width].reshape(height, width)
