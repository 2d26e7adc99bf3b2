"""The public sets of digits as their authors publish them: pictures uint8 [N, H, W] and labels int64 [N].

From files in a folder, or downloaded with torchvision. Knows nothing of how the pictures are prepared.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.typing import NDArray

from batch_classify.decode import decode, quiet
from batch_classify.errors import ExitCode, JobError

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]

DOWNLOADS = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "batch-classify"
_MNIST, _USPS = "the four idx files of MNIST", "usps.zip, or usps.bz2 and usps.t.bz2"
_SEMEION = "semeion.data, gzipped or not"
_WRITERS = "qmnist-train-labels-idx2-int"
_DIGIT, _WRITER = 0, 2  # columns of that file
_DAMAGED = (OSError, EOFError, zlib.error, BadZipFile, ValueError, KeyError, IndexError, AssertionError)


def mnist(data_dir: Path | None, *, test: bool) -> tuple[Images, Labels]:
    """Load MNIST (LeCun et al. 1998) from its idx files, in `data_dir` or its subfolder mnist."""
    if data_dir is None:
        from torchvision.datasets import MNIST  # slow to import, and not needed with files or folders

        data = _downloaded("MNIST", lambda: MNIST(str(DOWNLOADS), train=not test, download=True))
        return _checked(DOWNLOADS, data.data.numpy(), data.targets.numpy(), _MNIST, side=28)
    stem, places = "t10k" if test else "train", (data_dir, data_dir / "mnist")
    images, labels = (
        _idx(_file(places, name, _MNIST))
        for name in (f"{stem}-images-idx3-ubyte", f"{stem}-labels-idx1-ubyte")
    )
    return _checked(data_dir, images, labels, _MNIST, side=28)


def mnist_writers(data_dir: Path | None, labels: Labels) -> Labels | None:
    """Load who wrote MNIST's training digits, from QMNIST's labels (Yadav & Bottou 2019) in `qmnist`.

    Gives None if these are not at hand, and raises JobError (INPUT) if they are those of other digits.
    """
    file = _found((data_dir / "qmnist", data_dir) if data_dir else (_downloaded_writers(),), _WRITERS)
    if file is None:
        return None
    table = _idx(file)
    if table.ndim != 2 or table.shape[1] <= _WRITER or not np.array_equal(table[:, _DIGIT], labels):
        raise JobError(
            ExitCode.INPUT,
            f"{file} holds the labels of other digits than MNIST's training files beside it. Get both again, "
            "or move it away to validate on digits drawn at random.",
        )
    return table[:, _WRITER].astype(np.int64)


def usps(data_dir: Path | None, *, test: bool) -> tuple[Images, Labels]:
    """Load USPS (Hull 1994), 16×16, from usps.zip with labelled folders or from torchvision's bz2 files."""
    from torchvision.datasets import USPS

    if data_dir is None:
        data = _downloaded("USPS", lambda: USPS(str(DOWNLOADS), train=not test, download=True))
        return _checked(DOWNLOADS, data.data, np.array(data.targets), _USPS, side=16)
    archive, plain = data_dir / "usps.zip", data_dir / ("usps.t.bz2" if test else "usps.bz2")
    if archive.exists():
        with _reading(archive):
            return _zipped(archive, f"usps/{'test' if test else 'train'}")
    if plain.exists():
        with _reading(plain):
            data = USPS(str(data_dir), train=not test)
            return _checked(plain, data.data, np.array(data.targets), _USPS, side=16)
    raise _missing(data_dir, archive.name, plain.name, _USPS)


def semeion(data_dir: Path | None) -> tuple[Images, Labels]:
    """Load Semeion (Buscema 1998), 16×16 and two-valued, from `data_dir` or its subfolder semeion."""
    if data_dir is None:
        from torchvision.datasets import SEMEION

        data = _downloaded("Semeion", lambda: SEMEION(str(DOWNLOADS), download=True))
        return _checked(DOWNLOADS, data.data, data.labels, _SEMEION, side=16)
    file = _file((data_dir, data_dir / "semeion"), "semeion.data", _SEMEION)
    with _reading(file):
        rows = np.loadtxt(_contents(file).decode("ascii").splitlines(), ndmin=2)
        images, marks = rows[:, :256].reshape(-1, 16, 16), rows[:, 256:]
        if marks.shape[1] != 10 or not np.array_equal(marks.sum(axis=1), np.ones(len(rows))):
            raise ValueError("its rows are not 256 pixels and one mark among ten")
    return _checked(file, (images * 255).astype(np.uint8), marks.argmax(axis=1), _SEMEION, side=16)


def _checked(
    place: Path, images: NDArray[Any], labels: NDArray[Any], needed: str, *, side: int
) -> tuple[Images, Labels]:
    """Return both if they are square pictures of digits. Raises JobError (INPUT) otherwise."""
    fit = images.shape[1:] == (side, side) and labels.shape == images.shape[:1] and len(images)
    if not fit or images.dtype != np.uint8 or not np.isin(labels, np.arange(10)).all():
        raise JobError(
            ExitCode.INPUT,
            f"{place}: images {images.dtype} {images.shape} and labels {labels.shape} are not those of "
            f"{side}×{side} digits. It needs {needed}; get them again.",
        )
    return images, labels.astype(np.int64)


def _zipped(archive: Path, root: str) -> tuple[Images, Labels]:
    """Read pictures from folders 0 to 9 below `root` in a zip file."""
    images, labels = [], []
    with ZipFile(archive) as file, quiet():
        for name in sorted(file.namelist()):
            folder, _, digit = str(Path(name).parent).rpartition("/")
            if folder == root and len(digit) == 1 and digit in "0123456789" and not name.endswith("/"):
                page = next(iter(decode(file.read(name))))
                if page.grey is None:
                    raise ValueError(f"{name}: {page.detail}")
                images.append(page.grey)
                labels.append(int(digit))
    if not images:
        raise ValueError(f"it holds no images in {root}/0 to {root}/9")
    return _checked(archive, np.stack(images), np.array(labels), _USPS, side=16)


def _downloaded(name: str, download: Callable[[], Any]) -> Any:
    try:
        return download()
    except (OSError, RuntimeError) as error:
        raise JobError(
            ExitCode.INPUT,
            f"{name} could not be downloaded to {DOWNLOADS} ({error}). Name a folder that holds its files "
            "with --data-dir, or train on drawn digits with --data synthetic.",
        ) from error


def _downloaded_writers() -> Path:
    """Return the folder that holds QMNIST's labels now, or does not if they could not be had."""
    from torchvision.datasets import QMNIST
    from torchvision.datasets.utils import download_url

    folder = DOWNLOADS / "QMNIST"
    url, checksum = QMNIST.resources["train"][1]
    with suppress(OSError, RuntimeError):
        download_url(url, str(folder), md5=checksum)
    return folder


def _file(places: tuple[Path, ...], name: str, needed: str) -> Path:
    """Find a file, gzipped or not. Raises JobError (INPUT) if it is in none of the places."""
    file = _found(places, name)
    if file is None:
        raise _missing(places[0], name, f"{name}.gz", needed)
    return file


def _found(places: tuple[Path, ...], name: str) -> Path | None:
    files = (place / f"{name}{ending}" for place in places for ending in ("", ".gz"))
    return next((file for file in files if file.exists()), None)


def _contents(file: Path) -> bytes:
    data = file.read_bytes()
    return gzip.decompress(data) if file.suffix == ".gz" else data


def _idx(file: Path) -> NDArray[Any]:
    """Read an idx file, gzipped or not."""
    from torchvision.datasets.mnist import read_sn3_pascalvincent_tensor

    with _reading(file), TemporaryDirectory() as place:
        copy = Path(place) / "idx"
        copy.write_bytes(_contents(file))
        return np.asarray(read_sn3_pascalvincent_tensor(str(copy)).numpy())


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    """Turn whatever a damaged file leads to into a JobError (INPUT)."""
    try:
        yield
    except _DAMAGED as error:
        raise JobError(
            ExitCode.INPUT,
            f"{file} cannot be read ({str(error) or 'its header is wrong'}). Get it again, or leave out "
            "--data-dir to download it.",
        ) from error


def _missing(folder: Path, name: str, other: str, needed: str) -> JobError:
    return JobError(
        ExitCode.INPUT,
        f"{folder} holds neither {name} nor {other}. It needs {needed}; get them, leave out --data-dir to "
        "download them, or train on drawn digits with --data synthetic.",
    )
