"""Pieces of ink: what hangs together, with its place and weight.

Takes a mask with the ink plane below it. Does not know which piece is the digit.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from batch_classify.ink import Grey, Mask

_MOST = 24  # pieces looked at; more are noise


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


def pieces_of(mask: Mask, ink: Grey, strong: int) -> tuple[NDArray[np.int32], list[Piece]]:
    """Return the labels [h, w] of the mask's pieces, and those that hold strong ink, most ink first.

    This is hysteresis thresholding (Canny 1986) by connected components.
    """
    height, width = mask.shape
    count, found, stats, _ = cv2.connectedComponentsWithStats(mask)
    labels = np.asarray(found, np.int32)
    inks = np.bincount(labels.ravel(), ink.ravel(), count)
    inks[np.bincount(labels[ink > strong], minlength=count) == 0] = 0
    inks[0] = 0  # the paper
    pieces = []
    for index in np.argsort(-inks, kind="stable")[:_MOST].tolist():
        if inks[index] == 0:
            break
        x, y, w, h, area = stats[index].tolist()
        cut = (x == 0) + (x + w == width)
        edges = cut + (y == 0) + (y + h == height)
        pieces.append(Piece(index, x, y, w, h, area, float(inks[index]), edges, cut > 0))
    return labels, pieces


def mask_of(pieces: list[Piece], labels: NDArray[np.int32]) -> Mask:
    """Return where the pieces are, uint8 [h, w], in the labels [h, w] that came with them."""
    mask = np.zeros(labels.shape, np.bool_)
    for piece in pieces:
        place = (slice(piece.y, piece.bottom), slice(piece.x, piece.right))
        mask[place] |= labels[place] == piece.index
    return mask.view(np.uint8)
