"""Labelled digits, from wherever they are: a public set, the generator, or a folder a digit.

Every picture goes through `preprocess`, the same code that the job runs. Knows no networks.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from batch_classify.decode import quiet
from batch_classify.errors import ExitCode, JobError
from batch_classify.pool import cpu_count, worker_pool
from batch_classify.prepare import prepare_all
from batch_classify.preprocess import SIDE, preprocess
from batch_classify.row import NO_DIGIT
from batch_classify.scan import Scan
from train import public
from train.clutter import draw_clutter
from train.generator import Style, draw_scan
from train.public import Images, Labels
from train.redraw import redraw

SYNTHETIC_COUNT = 20_000
_LARGEST = 320  # px of a drawn scan: larger ones cost time, and `preprocess` reduces them anyway
_DRAWN = re.compile(r"synthetic(?::([1-9][0-9]{0,7}))?")
_MODELS = 200  # written digits from which a worker makes pairs at a time
_CHUNK = 1000  # pictures a worker prepares at a time; part of what a seed means for `synthetic`


@dataclass(frozen=True, slots=True)
class Digits:
    """Preprocessed pictures, uint8 [N, 28, 28], what they show, int64 [N], and who wrote each, if known."""

    images: Images
    labels: Labels
    writers: Labels | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def __add__(self, other: Digits) -> Digits:
        # The writers of two sets are not told apart by their numbers.
        return Digits(
            np.concatenate([self.images, other.images]), np.concatenate([self.labels, other.labels])
        )

    def split(self, share: float, seed: int) -> tuple[Digits, Digits]:
        """Return all but a random `share` of the digits, and that share; the same for the same seed.

        Where the writers are known, it is a share of them, each with all that they wrote.
        """
        rng = np.random.default_rng(seed)
        if self.writers is None:
            order = rng.permutation(len(self))
            rest, part = np.split(order, [len(self) - round(len(self) * share)])
        else:
            writers = rng.permutation(np.unique(self.writers))
            chosen = np.isin(self.writers, writers[: round(len(writers) * share)])
            rest, part = np.flatnonzero(~chosen), np.flatnonzero(chosen)
        return self._at(rest), self._at(part)

    def without_blanks(self) -> Digits:
        """Leave out pictures in which `preprocess` found no ink: they teach nothing about their labels."""
        return self._at(np.flatnonzero(self.images.any(axis=(1, 2))))

    def sha256(self) -> str:
        """Hash the pictures and what they show, in hex."""
        return hashlib.sha256(self.images.tobytes() + self.labels.tobytes()).hexdigest()

    def _at(self, places: NDArray[np.intp]) -> Digits:
        writers = None if self.writers is None else self.writers[places]
        return Digits(self.images[places], self.labels[places], writers)


def load(name: str, data_dir: Path | None, seed: int, *, test: bool = False) -> Digits:
    """Load `mnist`, `usps`, `semeion`, `synthetic` or a folder, or with `test` the test part of a public set.

    `synthetic:N` draws N digits instead of `SYNTHETIC_COUNT`.

    Public sets come from files in `data_dir`, or without one they are downloaded. Raises JobError (INPUT)
    if the data is not there or makes no sense.
    """
    if name == "mnist":
        return mnist(data_dir, test=test)
    if name == "usps":
        return _prepared(*public.usps(data_dir, test=test))
    if name == "semeion":
        if test:
            raise JobError(ExitCode.INPUT, "semeion has no test part. Measure on mnist, usps or a folder.")
        return _prepared(*public.semeion(data_dir))
    if drawn := _DRAWN.fullmatch(name):
        return synthetic(int(drawn[1] or SYNTHETIC_COUNT), seed)
    return folder(Path(name))


def mnist(data_dir: Path | None, *, test: bool = False) -> Digits:
    """Load MNIST, its training part with the writers where QMNIST's labels are at hand."""
    images, labels = public.mnist(data_dir, test=test)
    return _prepared(images, labels, None if test else public.mnist_writers(data_dir, labels))


def synthetic(count: int, seed: int) -> Digits:
    """Draw scans with the generator; the same for the same `count` and `seed`."""
    labels = np.random.default_rng(seed).permutation(np.arange(count, dtype=np.int64) % 10)
    parts = _parts(labels)
    seeds = np.random.SeedSequence(seed).spawn(len(parts))
    return Digits(_in_parallel(_draw, parts, seeds), labels)


def is_drawn(name: str) -> bool:
    """Whether a set comes from the generator: `synthetic`, or `synthetic:N` for N digits."""
    return _DRAWN.fullmatch(name) is not None


def redrawn(digits: Digits, seed: int, sheet: int) -> Digits:
    """Put each digit on paper, another `sheet` for each number, and prepare it again; blanks are left out.

    See `train.redraw`; the same for the same seed and sheet.
    """
    if not len(digits):
        return digits
    parts = _parts(digits.images)
    seeds = np.random.SeedSequence([seed, sheet]).spawn(len(parts))
    return Digits(_in_parallel(_redraw, parts, seeds), digits.labels).without_blanks()


def cluttered(written: Images, count: int, seed: Sequence[int]) -> Images:
    """Draw `count` scans that show no single digit, and prepare them; the same for the same seed.

    Some show several of the `written` digits, uint8 [N, 28, 28]; see `train.clutter`. What `preprocess`
    itself tells from a digit is left out, so that fewer come back.
    """
    counts = [len(part) for part in _parts(np.arange(count))]
    seeds = np.random.SeedSequence(seed).spawn(len(counts) + 1)
    models = written[np.random.default_rng(seeds.pop()).integers(len(written), size=len(counts) * _MODELS)]
    return _in_parallel(_clutter, counts, np.split(models, len(counts)), seeds)


def folder(root: Path) -> Digits:
    """Read a folder that holds the subfolders 0 to 9; says on stderr which files it had to leave out."""
    images: list[Images] = []
    labels: list[int] = []
    places = [(digit, root / str(digit)) for digit in range(10)]
    with quiet():
        for digit, place in places:
            for file in Scan(place) if place.is_dir() else ():
                pictures = list(_pictures(place, file))
                images += pictures
                labels += [digit] * len(pictures)
    if not images:
        raise no_digits(root)
    return Digits(np.stack(images), np.array(labels, np.int64))


def no_digits(root: Path) -> JobError:
    """Say that there is nothing in a folder that should hold labelled digits."""
    return JobError(
        ExitCode.INPUT, f"{root} holds no digits. It needs subfolders named 0 to 9 with images in them."
    )


def _pictures(place: Path, file: str) -> Iterator[Images]:
    for page in prepare_all(place, [file]):
        if page.image is None:
            print(f"left out {place / file}: {page.detail}", file=sys.stderr)
        else:
            yield page.image


def _prepared(images: Images, labels: Labels, writers: Labels | None = None) -> Digits:
    return Digits(_in_parallel(_prepare, _parts(images)), labels, writers)


def _parts(values: NDArray[Any]) -> list[NDArray[Any]]:
    """Cut into parts of at most `_CHUNK`, as few as can be and of nearly the same length."""
    return np.array_split(values, -(-len(values) // _CHUNK))


def _in_parallel(work: Callable[..., Images], *parts: Sequence[object]) -> Images:
    """Do `work` on each part in worker processes and join the results, in order."""
    with worker_pool(cpu_count()) as pool:
        return np.concatenate(list(pool.map(work, *parts)))


def _prepare(pictures: Iterable[Images]) -> Images:
    """Prepare pictures, uint8 [h, w] grey or [h, w, 3] blue-green-red, which may come one by one."""
    return np.stack([preprocess(_grey(picture)).image for picture in pictures])


def _draw(labels: Labels, seed: np.random.SeedSequence) -> Images:
    rng = np.random.default_rng(seed)
    return _prepare(draw_scan(digit, rng, _style(rng)).picture for digit in labels.tolist())


def _redraw(images: Images, seed: np.random.SeedSequence) -> Images:
    rng = np.random.default_rng(seed)
    return _prepare(redraw(image, rng, _style(rng)) for image in images)


def _style(rng: np.random.Generator) -> Style:
    return Style.random(rng).at_most(_LARGEST)


def _is_one_of_several(image: Images) -> bool:
    """Whether `preprocess` may have kept one digit of several, for that would teach that a digit is none."""
    _, _, width, height = cv2.boundingRect(image)
    return width < height


def _clutter(count: int, written: Images, seed: np.random.SeedSequence) -> Images:
    rng = np.random.default_rng(seed)
    images = []
    for _ in range(count):
        scan = draw_clutter(rng, written, _style(rng))
        found = preprocess(_grey(scan.picture))
        if found.finding not in NO_DIGIT and not (scan.several and _is_one_of_several(found.image)):
            images.append(found.image)
    return np.array(images, np.uint8).reshape(-1, SIDE, SIDE)


def _grey(picture: Images) -> Images:
    return picture if picture.ndim == 2 else np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
