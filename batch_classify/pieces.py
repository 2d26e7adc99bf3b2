"""Pieces of ink: what hangs together, with its place and weight.

Takes a mask with the ink plane below it. Does not know which piece is the digit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from batch_classify import compiled
from batch_classify.ink import Grey, Mask

Labels = NDArray[np.integer]

_MOST = 24  # pieces looked at; more are noise


class Components(NamedTuple):
    """What hangs together in a mask: `labels` [h, w], 0 where nothing is, and OpenCV's `stats` of them.

    The latter are int32 [labels, 5]: left, top, width, height and area in px, the first those of the paper.
    """

    labels: Labels
    stats: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Piece:
    """A connected piece of ink; box in px of the picture."""

    index: int
    x: int
    y: int
    width: int
    height: int
    area: int
    ink: float
    edges: int  # how many of the picture's four edges it touches
    cut: bool  # whether one of those is the left or the right

    @property
    def right(self) -> int:
        """The first column after it."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """The first row below it."""
        return self.y + self.height


def components(mask: Mask) -> Components:
    """Label what hangs together in a mask [h, w]."""
    # Labels of 16 bits take a third of the time; in four pixels there is one component at the most.
    depth = cv2.CV_16U if mask.size < 4 * 2**16 else cv2.CV_32S
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=depth)
    return Components(np.asarray(labels), np.asarray(stats, np.int32))


def pieces_of(found: Components, ink: Grey, strong: int) -> list[Piece]:
    """Return the components that hold strong ink of a plane [h, w], most ink first.

    This is hysteresis thresholding (Canny 1986) by connected components.
    """
    labels, stats = found
    height, width = labels.shape
    inks, held = compiled.weigh(labels, ink, strong, len(stats))
    inks *= held
    pieces = []
    for index in np.argsort(-inks, kind="stable")[: min(_MOST, np.count_nonzero(held))].tolist():
        x, y, w, h, area = stats[index].tolist()
        cut = (x == 0) + (x + w == width)
        edges = cut + (y == 0) + (y + h == height)
        pieces.append(Piece(index, x, y, w, h, area, float(inks[index]), edges, cut > 0))
    return pieces


def mask_of(pieces: list[Piece], labels: Labels) -> Mask:
    """Return where the pieces are, uint8 [h, w], in the labels [h, w] that came with them."""
    mask = np.zeros(labels.shape, np.bool_)
    for piece in pieces:
        place = (slice(piece.y, piece.bottom), slice(piece.x, piece.right))
        mask[place] |= labels[place] == piece.index
    return mask.view(np.uint8)
