"""Labelled digits, from wherever they are: MNIST, the generator, or a folder with one subfolder a digit.

Every picture goes through `preprocess`, the same code that the job runs. Knows no networks.
"""

from __future__ import annotations

import gzip
import os
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from numpy.typing import NDArray

from batch_classify.decode import decode, quiet, read
from batch_classify.errors import ExitCode, JobError
from batch_classify.pool import cpu_count, worker_pool
from batch_classify.preprocess import SIDE, preprocess
from batch_classify.scan import Scan
from train.generator import draw_scan

Images = NDArray[np.uint8]

DOWNLOADS = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "batch-classify"
SYNTHETIC_COUNT = 20_000
_CHUNK = 1000  # pictures a worker prepares at a time; part of what a seed means for `synthetic`


@dataclass(frozen=True, slots=True)
class Digits:
    """Preprocessed pictures, uint8 [N, 28, 28], and what they show, int64 [N]."""

    images: Images
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def __add__(self, other: Digits) -> Digits:
        return Digits(
            np.concatenate([self.images, other.images]), np.concatenate([self.labels, other.labels])
        )

    def split(self, share: float, seed: int) -> tuple[Digits, Digits]:
        """Return all but a random `share` of the digits, and that share; the same for the same seed."""
        order = np.random.default_rng(seed).permutation(len(self))
        rest, part = np.split(order, [len(self) - round(len(self) * share)])
        return self._at(rest), self._at(part)

    def without_blanks(self) -> Digits:
        """Leave out pictures in which `preprocess` found no ink: they teach nothing about their labels."""
        return self._at(np.flatnonzero(self.images.any(axis=(1, 2))))

    def _at(self, places: NDArray[np.intp]) -> Digits:
        return Digits(self.images[places], self.labels[places])


def load(name: str, data_dir: Path | None, seed: int, *, test: bool = False) -> Digits:
    """Load `mnist`, `synthetic` or a folder; of MNIST the training part, or with `test` the test part.

    Raises JobError (INPUT) if the data is not there or makes no sense.
    """
    if name == "mnist":
        return mnist(data_dir, test=test)
    if name == "synthetic":
        return synthetic(SYNTHETIC_COUNT, seed)
    return folder(Path(name))


def mnist(data_dir: Path | None, *, test: bool = False) -> Digits:
    """Load MNIST (LeCun et al. 1998) from the idx files in `data_dir`, or download it with torchvision."""
    images, labels = _downloaded_mnist(test=test) if data_dir is None else _local_mnist(data_dir, test=test)
    fit = images.shape[1:] == (SIDE, SIDE) and labels.shape == images.shape[:1] and len(images)
    if not fit or images.dtype != np.uint8 or not np.isin(labels, np.arange(10)).all():
        problem = f"images {images.dtype} {images.shape} and labels {labels.shape} are not those of digits"
        raise JobError(ExitCode.INPUT, f"{data_dir}: {problem}. It needs the four idx files of MNIST.")
    return Digits(_in_parallel(_prepare, np.array_split(images, -(-len(images) // _CHUNK))), labels)


def synthetic(count: int, seed: int) -> Digits:
    """Draw scans with the generator; the same for the same `count` and `seed`."""
    labels = np.random.default_rng(seed).permutation(np.arange(count, dtype=np.int64) % 10)
    parts = np.array_split(labels, -(-count // _CHUNK))
    seeds = np.random.SeedSequence(seed).spawn(len(parts))
    return Digits(_in_parallel(_draw, parts, seeds), labels)


def folder(root: Path) -> Digits:
    """Read a folder that holds the subfolders 0 to 9; says on stderr which files it had to leave out."""
    images: list[Images] = []
    labels: list[int] = []
    places = [(digit, root / str(digit)) for digit in range(10)]
    with quiet():
        for digit, place in places:
            for file in Scan(place) if place.is_dir() else ():
                pictures = list(_pictures(place / file))
                images += pictures
                labels += [digit] * len(pictures)
    if not images:
        raise JobError(
            ExitCode.INPUT, f"{root} holds no digits. It needs subfolders named 0 to 9 with images in them."
        )
    return Digits(np.stack(images), np.array(labels, np.int64))


def _pictures(file: Path) -> Iterator[Images]:
    contents = read(file)
    for page in [contents.problem] if contents.data is None else decode(contents.data):
        if page is None or page.grey is None:
            print(f"left out {file}: {page.detail if page else 'not read'}", file=sys.stderr)
        else:
            yield preprocess(page.grey).image


def _downloaded_mnist(*, test: bool) -> tuple[Images, NDArray[np.int64]]:
    from torchvision.datasets import MNIST  # slow to import, and not needed with --data-dir or folders

    try:
        data = MNIST(str(DOWNLOADS), train=not test, download=True)
    except (OSError, RuntimeError) as error:
        raise JobError(
            ExitCode.INPUT,
            f"MNIST could not be downloaded to {DOWNLOADS} ({error}). Name a folder that holds its four idx "
            "files with --data-dir, or train on drawn digits with --data synthetic.",
        ) from error
    return data.data.numpy(), data.targets.numpy()


def _local_mnist(data_dir: Path, *, test: bool) -> tuple[Images, NDArray[np.int64]]:
    stem = "t10k" if test else "train"
    images = _idx(data_dir, f"{stem}-images-idx3-ubyte")
    return images, _idx(data_dir, f"{stem}-labels-idx1-ubyte").astype(np.int64)


def _idx(data_dir: Path, name: str) -> Images:
    """Read an idx file, gzipped or not."""
    from torchvision.datasets.mnist import read_sn3_pascalvincent_tensor

    file = data_dir / name
    try:
        if file.exists():
            return np.asarray(read_sn3_pascalvincent_tensor(str(file)).numpy())
        file = data_dir / f"{name}.gz"
        with TemporaryDirectory() as place:
            copy = Path(place) / name
            copy.write_bytes(gzip.decompress(file.read_bytes()))
            return np.asarray(read_sn3_pascalvincent_tensor(str(copy)).numpy())
    except FileNotFoundError as error:
        raise JobError(
            ExitCode.INPUT,
            f"{data_dir} holds neither {name} nor {name}.gz. It needs the four idx files of MNIST.",
        ) from error
    except (OSError, EOFError, zlib.error, ValueError, KeyError, AssertionError) as error:
        raise JobError(
            ExitCode.INPUT,
            f"{file} cannot be read as an idx file ({str(error) or 'its header is wrong'}). Get it again, or "
            "leave out --data-dir to download MNIST.",
        ) from error


def _in_parallel(work: Callable[..., Images], *parts: Sequence[object]) -> Images:
    """Do `work` on each part in worker processes and join the results, in order."""
    with worker_pool(cpu_count()) as pool:
        return np.concatenate(list(pool.map(work, *parts)))


def _prepare(pictures: Images) -> Images:
    return np.stack([preprocess(picture).image for picture in pictures])


def _draw(labels: NDArray[np.int64], seed: np.random.SeedSequence) -> Images:
    rng = np.random.default_rng(seed)
    return np.stack([preprocess(_grey(draw_scan(digit, rng).picture)).image for digit in labels.tolist()])


def _grey(picture: Images) -> Images:
    return picture if picture.ndim == 2 else np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
