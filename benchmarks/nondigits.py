"""The kinds of pictures that are no digit, and as many of each as one likes.

What is on them comes from the modules beside this one: papers, boxes, glyphs, scribbles, scenes, and, made of
real scans, `remains`. None of them knows the training generator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import boxes
import glyphs
import numpy as np
import remains
import scenes
import scribbles
from pairs import SPACINGS
from papers import PAPERS, Picture, Rng, blank, inked, placed

DIGITS, BLANKS, CELLS, PAIRS = "digits", "blanks", "empty cells", "pairs"
LETTERS, LIKE, MARKS, SCRIBBLES, NONWRITING = "letters", "look-alikes", "marks", "scribbles", "non-writing"
OTHERS = LETTERS, MARKS, SCRIBBLES, NONWRITING
CLEAN = "white", "off-white"


@dataclass(frozen=True)
class Kind:
    """A kind of picture: the group it counts in, and how the one of a number is drawn, if it can be.

    `limit` is how many there can be, where each is made of a scan of its own.
    """

    group: str
    draw: Callable[[Rng, int], Picture | None]
    limit: int | None = None


def free(group: str, draw: Callable[[Rng], Picture]) -> Kind:
    """Return a kind of which there are as many as one likes."""
    return Kind(group, lambda rng, _: draw(rng))


def marked(
    group: str,
    mask: Callable[[Rng], glyphs.Mask],
    papers: tuple[str, ...] = tuple(PAPERS),
    *,
    wide: bool = False,
) -> Kind:
    """Return a kind that is something in ink on paper."""
    return free(group, lambda rng: inked(rng, placed(rng, mask(rng), wide=wide), papers))


def empty(paper: str) -> Kind:
    """Return the kind of empty sheets of a paper."""
    return free(BLANKS, lambda rng: blank(rng, PAPERS[paper]))


KINDS = {
    "digits in type": marked(DIGITS, lambda rng: glyphs.written(rng, glyphs.DIGITS), CLEAN),
    **{f"blank, {paper}": empty(paper) for paper in PAPERS},
    "blank, 20 px": free(BLANKS, lambda rng: blank(rng, side=20)),
    "blank, 400 px": free(BLANKS, lambda rng: blank(rng, side=400)),
    "frame": free(CELLS, boxes.framed),
    "frame, rounded": free(CELLS, lambda rng: boxes.framed(rng, rounded=True)),
    "frame, dashed": free(CELLS, boxes.dashed),
    "frame, broken": free(CELLS, boxes.broken),
    "frame, cut off": free(CELLS, lambda rng: boxes.framed(rng, cut=True)),
    "frame, neighbours": free(CELLS, boxes.neighboured),
    "two digits in type": marked(PAIRS, lambda rng: glyphs.number(rng, 2), wide=True),
    "two in condensed type": marked(PAIRS, lambda rng: glyphs.number(rng, 2, condensed=True), wide=True),
    "three digits in type": marked(PAIRS, lambda rng: glyphs.number(rng, 3), wide=True),
    "capital letters": marked(LETTERS, lambda rng: glyphs.written(rng, glyphs.CAPITALS)),
    "small letters": marked(LETTERS, lambda rng: glyphs.written(rng, glyphs.SMALL)),
    " ".join(glyphs.LOOKALIKES): marked(LIKE, lambda rng: glyphs.written(rng, glyphs.LOOKALIKES)),
    "ticks": marked(MARKS, scribbles.tick),
    "crosses": marked(MARKS, scribbles.cross),
    "plus signs": marked(MARKS, scribbles.plus),
    "dashes": marked(MARKS, scribbles.dash),
    "arrows": marked(MARKS, scribbles.arrow),
    "stars": marked(MARKS, scribbles.star),
    "brackets": marked(MARKS, scribbles.bracket),
    "question and exclamation": marked(MARKS, scribbles.exclaimed),
    "curves": marked(SCRIBBLES, scribbles.wandering),
    "crossed out": marked(SCRIBBLES, scribbles.blot),
    "signatures": marked(SCRIBBLES, scribbles.signature, wide=True),
    "hatching": marked(SCRIBBLES, scribbles.hatching),
    "landscapes": free(NONWRITING, scenes.landscape),
    "still lifes": free(NONWRITING, scenes.things),
    "wood": free(NONWRITING, scenes.wood),
    "fabric": free(NONWRITING, scenes.fabric),
    "marble": free(NONWRITING, scenes.marble),
    "noise": free(NONWRITING, scenes.noise),
    "barcodes": free(NONWRITING, scenes.barcode),
    "stamps and logos": free(NONWRITING, scenes.stamp),
}


def emptied(paths: list[Path], group: str) -> Kind:
    """Return the kind of scans whose digit was taken out, each scan once."""
    return Kind(group, lambda rng, number: remains.emptied(paths[number], rng), len(paths))


def paired(sets: list[list[Path]], spacing: str) -> Kind:
    """Return the kind of two digits of one set beside each other, each set as often as any other."""

    def draw(rng: Rng, _: int) -> Picture | None:
        paths = sets[rng.integers(len(sets))]
        left, right = rng.integers(len(paths), size=2)
        return remains.pair(paths[left], paths[right], rng, spacing)

    return Kind(PAIRS, draw)


def of_scans(folder: Path, seed: int) -> dict[str, Kind]:
    """Return the kinds made of a folder's sets; one with "framed" in its name has frames that stay."""
    sets = {}
    for place in sorted(path for path in folder.iterdir() if path.is_dir()):
        paths = sorted(path for digit in "0123456789" for path in (place / digit).glob("*.*"))
        sets[place.name] = [paths[at] for at in np.random.default_rng(seed).permutation(len(paths))]
    kinds = {
        f"emptied, {name}": emptied(paths, CELLS if "framed" in name else BLANKS)
        for name, paths in sets.items()
    }
    full = [paths for paths in sets.values() if paths]
    return kinds | ({f"two real digits, {one}": paired(full, one) for one in SPACINGS} if full else {})


def examples(name: str, kind: Kind, count: int, seed: int) -> Iterator[Picture]:
    """Yield pictures of a kind, the same for the same seed, whatever else is drawn."""
    numbers = range(10 * count if kind.limit is None else kind.limit)
    drawn = (kind.draw(np.random.default_rng([seed, *name.encode(), number]), number) for number in numbers)
    return islice((picture for picture in drawn if picture is not None), count)
