"""Pages on their way from a worker, with all their pixels in one piece: to pickle them one by one costs more.

So do named tuples, which travel as plain ones.

Knows what a page is made of; not what it says, nor how it travels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from batch_classify.decode import Grey
from batch_classify.prepare import Known, Prepared
from batch_classify.stamp import Stamp

_AT = Prepared._fields.index("image")  # and the thumbnail comes next

Shape = tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Parcel:
    """Some pages: what is no pixels of each, the shapes of its picture and its thumbnail, and all pixels.

    `pixels` is uint8 [M], and holds the pictures of all pages one after the other. `known` are files without
    pages, each with its hash and what its stamp holds.
    """

    plain: list[tuple[Any, ...]]
    shapes: list[tuple[Shape, Shape]]
    pixels: Grey
    known: list[tuple[Any, ...]]


def pack(pages: Sequence[Prepared], known: Sequence[Known] = ()) -> Parcel:
    """Pack pages and files without; `unpack` gives the same again."""
    pictures = [picture for page in pages for picture in (page.image, page.thumbnail) if picture is not None]
    return Parcel(
        [page[:_AT] + page[_AT + 2 :] for page in pages],
        [(_shape(page.image), _shape(page.thumbnail)) for page in pages],
        np.concatenate([picture.ravel() for picture in pictures]) if pictures else np.zeros(0, np.uint8),
        [(file, sha256, stamp and tuple(stamp)) for file, sha256, stamp in known],
    )


def unpack(parcel: Parcel) -> tuple[list[Prepared], list[Known]]:
    """Return the pages, whose pictures are views of the parcel's pixels, and the files without."""
    start, pages = 0, []
    for plain, shapes in zip(parcel.plain, parcel.shapes, strict=True):
        pictures: list[Grey | None] = []
        for shape in shapes:
            end = start + (0 if shape is None else prod(shape))
            pictures.append(None if shape is None else parcel.pixels[start:end].reshape(shape))
            start = end
        pages.append(Prepared(*plain[:_AT], *pictures, *plain[_AT:]))
    known = [Known(file, sha256, stamp and Stamp._make(stamp)) for file, sha256, stamp in parcel.known]
    return pages, known


def _shape(picture: Grey | None) -> Shape:
    return None if picture is None else picture.shape
