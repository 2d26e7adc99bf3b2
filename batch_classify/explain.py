"""A picture of how a scan was read, step by step, for `--explain`.

Draws what `preprocess` itself made on its way, so the picture cannot differ from what was done. Knows
neither models nor folders: the answer comes in as words.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from batch_classify.decode import DEFAULT_LIMITS, decode, read
from batch_classify.ink import Grey, u8
from batch_classify.preprocess import Stages, stages_of
from batch_classify.row import Row
from batch_classify.strokes import unfit

Colour = NDArray[np.uint8]  # uint8 [h, w, 3], blue-green-red

_SIDE = 240  # px of a panel's picture
_GAP, _TITLE, _LINE = 12, 24, 20  # px around a panel, above it, and of a line of words below
_FONT, _SIZE = cv2.FONT_HERSHEY_SIMPLEX, 0.45
_BACKGROUND, _WORDS = 255, (40, 40, 40)
_KEPT, _RULED, _DROPPED = (255, 255, 255), (60, 60, 230), (0, 160, 255)
_LONGEST = 200  # bytes of a file's name that are kept in the picture's


def explain(root: Path, row: Row, folder: Path) -> Path | None:
    """Draw how the page of a row was read into a PNG in `folder`, and return its path.

    Returns None if the file below `root` is not what it was when the row was made.
    """
    contents = read(root / row.file, DEFAULT_LIMITS)
    if contents.sha256 != row.sha256:
        return None
    for page in decode(contents.data or b"", DEFAULT_LIMITS):
        if page.number == row.page and page.grey is not None:
            target = folder / name(row)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(cv2.imencode(".png", picture(stages_of(page.grey), answer(row)))[1].tobytes())
            return target
    return None


def name(row: Row) -> str:
    """Name a row's picture after its file, and its page where it has several."""
    stem = row.file if row.page is None else f"{row.file}.page-{row.page}"
    parent, _, last = stem.rpartition("/")
    if len(os.fsencode(last)) > _LONGEST:
        last = f"{row.sha256[:16]}.page-{row.page or 1}"
    return f"{parent}/{last}.png" if parent else f"{last}.png"


def answer(row: Row) -> str:
    """Say what a row answers in one line of ASCII, which is all that OpenCV's letters can draw."""
    if row.label is None or row.confidence is None:
        return f"{row.status}: {row.reason}"
    words = f"{row.label}  {row.confidence:.1%}"
    if row.second_confidence is not None:
        words += f" (next {row.second_label}, {row.second_confidence:.1%})"
    return words if row.reason is None else f"{words} {row.status}: {row.reason}"


def picture(stages: Stages, answer: str) -> Colour:
    """Return the stages side by side with what they mean, and the answer under the last one."""
    told, strokes = stages.inked, stages.strokes
    paper = np.full_like(stages.scan, told.paper) if isinstance(told.paper, int) else told.paper
    height, width = stages.scan.shape
    kind = "light on dark" if told.light else "dark on light"
    levels = stages.levels
    glyph = stages.glyph if stages.glyph.size else np.zeros((1, 1), np.uint8)
    panels = [
        _panel("scan", _grey(stages.scan), [f"worked at {width}x{height} px", kind]),
        _panel("paper", _grey(paper), ["evenly lit" if isinstance(told.paper, int) else "unevenly lit"]),
        _panel("ink", _grey(_stretched(told.plane)), ["paper divided out"]),
        _panel(
            "ink, cleaned",
            _grey(_stretched(stages.clean)),
            ["less faint rules and frames", f"ink from {levels.weak}, sure above {levels.strong}"],
        ),
        _panel("strokes", _strokes(stages), _legend(stages)),
        _panel(
            "crop", _grey(glyph), [f"{glyph.shape[1]}x{glyph.shape[0]} px" if stages.glyph.size else "none"]
        ),
        _panel("28x28", _grey(stages.prepared.image), [answer, strokes.doubt or stages.prepared.detail]),
    ]
    return np.hstack(panels)


def _grey(plane: Grey) -> Colour:
    return u8(cv2.cvtColor(plane, cv2.COLOR_GRAY2BGR))


def _stretched(ink: Grey) -> Grey:
    """Return an ink plane with its darkest ink at 255, so that a pale pencil can be seen."""
    return u8(cv2.convertScaleAbs(ink, alpha=255 / max(1, int(ink.max()))))


def _strokes(stages: Stages) -> Colour:
    """Return the strokes in white, rules in red, and pieces that were dropped in orange boxes."""
    strokes = stages.strokes
    scale = max(1, round(_SIDE / max(stages.clean.shape)))  # so that the boxes are thin
    inked = (stages.clean >= stages.levels.weak)[..., None] * u8([110, 110, 110])
    inked[strokes.ruled > 0] = _RULED
    inked[strokes.mask > 0] = _KEPT
    large = u8(cv2.resize(u8(inked), None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST))
    for piece in strokes.pieces:
        if piece not in strokes.digit:
            corner = (scale * piece.x, scale * piece.y)
            cv2.rectangle(large, corner, (scale * piece.right - 1, scale * piece.bottom - 1), _DROPPED)
    return large


def _legend(stages: Stages) -> list[str]:
    """Say what the colours of the strokes mean, and why how many pieces were dropped."""
    strokes = stages.strokes
    lines = ["white: the digit" if strokes.digit else "no digit"]
    if strokes.ruled.any():
        lines.append("red: lines of the paper")
    reasons: dict[str, int] = {}
    for piece in strokes.pieces:
        if strokes.digit and piece not in strokes.digit:
            reason = unfit(piece, strokes.digit[0]) or ("at border" if piece.edges else "apart")
            reasons[reason] = reasons.get(reason, 0) + 1
    if reasons:
        lines.append("dropped: " + ", ".join(f"{count} {reason}" for reason, count in reasons.items()))
    return lines


def _panel(title: str, picture: Colour, words: Sequence[str]) -> Colour:
    """Return a picture at a common size, below its title and above the words about it."""
    height, width = picture.shape[:2]
    scale = _SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
    shown = u8(cv2.resize(picture, size, interpolation=way))
    rows = [part for line in words if line for part in _wrapped(line)]
    panel = np.full((_TITLE + _SIDE + _LINE * 5 + _GAP, _SIDE + 2 * _GAP, 3), _BACKGROUND, np.uint8)
    panel[_TITLE : _TITLE + size[1], _GAP : _GAP + size[0]] = shown
    cv2.putText(panel, title, (_GAP, _TITLE - 8), _FONT, _SIZE, _WORDS, 1, cv2.LINE_AA)
    for number, line in enumerate(rows[:5]):
        place = (_GAP, _TITLE + _SIDE + _LINE * (number + 1))
        cv2.putText(panel, line, place, _FONT, _SIZE, _WORDS, 1, cv2.LINE_AA)
    return panel


def _wrapped(line: str, most: int = 30) -> list[str]:
    """Break a line between words, so that it fits below a panel."""
    rows = [""]
    for word in line.split():
        if rows[-1] and len(rows[-1]) + 1 + len(word) > most:
            rows.append("")
        rows[-1] = f"{rows[-1]} {word}".strip()
    return rows
