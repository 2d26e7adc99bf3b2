"""MNIST's writers, USPS and Semeion from files and downloads, in `train.public`."""

from __future__ import annotations

import bz2
import gzip
import os
import struct
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from zipfile import ZipFile

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from batch_classify.errors import ExitCode, JobError
from batch_classify.preprocess import preprocess
from train import public
from train.data import load, mnist
from train.generator import batch

DRAWN, DIGITS = batch(30, np.random.default_rng(1))
SMALL = np.stack([cv2.resize(picture, (16, 16), interpolation=cv2.INTER_AREA) for picture in DRAWN])
WRITERS = np.arange(30) % 12 + 100
SET_NAMES = ("mnist", "usps", "semeion")


def error_of(call: Callable[[], object]) -> str:
    """Return the message of the JobError (INPUT) that the call must raise."""
    with pytest.raises(JobError) as caught:
        call()
    assert caught.value.code is ExitCode.INPUT
    return str(caught.value)


def prepared(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Preprocess pictures one by one."""
    return np.stack([preprocess(picture).image for picture in pictures])


def idx(values: NDArray[np.generic], kind: int = 8) -> bytes:
    """Return an array in the format of MNIST's files, of type uint8 (8) or int32 (12)."""
    return struct.pack(f">BBBB{values.ndim}I", 0, 0, kind, values.ndim, *values.shape) + values.tobytes()


def qmnist(labels: NDArray[np.int64] = DIGITS, columns: int = 8) -> bytes:
    """Return QMNIST's label file: the digit in column 0, the writer in column 2."""
    table = np.full((len(labels), columns), 7, ">i4")
    table[:, 0] = labels
    table[:, 2] = np.resize(WRITERS, len(labels))
    return gzip.compress(idx(table, 12))


def write_mnist(folder: Path) -> None:
    """Write MNIST's training files."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "train-images-idx3-ubyte").write_bytes(idx(DRAWN))
    (folder / "train-labels-idx1-ubyte").write_bytes(idx(DIGITS.astype(np.uint8)))


def write_usps(file: Path, part: str = "train", pictures: NDArray[np.uint8] = SMALL) -> None:
    """Write a zip file with a folder for each digit, and things that do not belong to it."""
    with ZipFile(file, "w") as archive:
        archive.writestr("usps/README", "of no account")
        archive.writestr(f"usps/{part}/0/", "")
        archive.writestr("usps/other/1/0.png", b"another part")
        for number, (picture, label) in enumerate(zip(pictures, DIGITS, strict=True)):
            name = f"usps/{part}/{label}/{number:04}.png"
            archive.writestr(name, cv2.imencode(".png", picture)[1].tobytes())


def bz2_usps() -> bytes:
    """Return the digits in the format of torchvision's USPS files."""
    rows = (
        f"{label + 1} " + " ".join(f"{place + 1}:{value:.4f}" for place, value in enumerate(pixels))
        for label, pixels in zip(DIGITS, SMALL.reshape(30, -1) / 127.5 - 1, strict=True)
    )
    return bz2.compress("\n".join(rows).encode())


def semeion() -> bytes:
    """Return the digits in the format of Semeion's file, two-valued."""
    rows = np.concatenate([SMALL.reshape(30, -1) > 127, DIGITS[:, None] == np.arange(10)], axis=1)
    return "".join(" ".join(f"{value:.4f}" for value in row) + " \n" for row in rows.astype(float)).encode()


@pytest.mark.parametrize("place", [".", "mnist"])
def test_mnist_lies_in_the_folder_or_below(tmp_path: Path, place: str) -> None:
    """Its four files may have a subfolder of their own."""
    write_mnist(tmp_path / place)
    digits = load("mnist", tmp_path, 0)
    assert np.array_equal(digits.labels, DIGITS)
    assert digits.writers is None


@pytest.mark.parametrize("place", [".", "qmnist"])
def test_the_writers_of_mnist(tmp_path: Path, place: str) -> None:
    """They come from QMNIST's labels if those are there, and belong to the training part alone."""
    write_mnist(tmp_path)
    for stem in ("images-idx3", "labels-idx1"):
        (tmp_path / f"t10k-{stem}-ubyte").write_bytes((tmp_path / f"train-{stem}-ubyte").read_bytes())
    (tmp_path / place).mkdir(exist_ok=True)
    (tmp_path / place / "qmnist-train-labels-idx2-int.gz").write_bytes(qmnist())
    digits = mnist(tmp_path)
    assert digits.writers is not None
    assert digits.writers.tolist() == WRITERS.tolist()
    assert digits.writers.dtype == np.int64
    assert mnist(tmp_path, test=True).writers is None


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (qmnist((DIGITS + 1) % 10), "other digits"),
        (qmnist(DIGITS[:29]), "other digits"),
        (gzip.compress(idx(DIGITS.astype(">i4"), 12)), "other digits"),
        (qmnist()[:-30], "cannot be read"),
        (b"", "cannot be read"),
    ],
    ids=["other labels", "fewer", "one column", "cut", "empty"],
)
def test_writers_that_do_not_fit(tmp_path: Path, contents: bytes, message: str) -> None:
    """Labels of other digits, or a damaged file, are told and not used."""
    write_mnist(tmp_path)
    file = tmp_path / "qmnist-train-labels-idx2-int.gz"
    file.write_bytes(contents)
    text = error_of(lambda: mnist(tmp_path))
    assert message in text
    assert str(file) in text


def downloads(monkeypatch: pytest.MonkeyPatch, folder: Path, data: SimpleNamespace) -> None:
    """Let torchvision's sets have this data, as if downloaded to the folder."""
    monkeypatch.setattr(public, "DOWNLOADS", folder)
    for name in ("MNIST", "USPS", "SEMEION"):
        monkeypatch.setattr(f"torchvision.datasets.{name}", lambda *_, **__: data)


@pytest.mark.parametrize("reachable", [True, False])
def test_the_writers_are_downloaded_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reachable: bool
) -> None:
    """Only QMNIST's label file is fetched; if that fails, the writers are not known."""
    import torch

    data = SimpleNamespace(data=torch.from_numpy(DRAWN), targets=torch.from_numpy(DIGITS))
    downloads(monkeypatch, tmp_path, data)

    def download(url: str, root: str, md5: str) -> None:
        if not reachable:
            raise OSError("no mirror answers")
        assert url.endswith("qmnist-train-labels-idx2-int.gz")
        assert len(md5) == 32
        Path(root).mkdir()
        (Path(root) / Path(url).name).write_bytes(qmnist())

    monkeypatch.setattr("torchvision.datasets.utils.download_url", download)
    writers = mnist(None).writers
    assert (None if writers is None else writers.tolist()) == (WRITERS.tolist() if reachable else None)


@pytest.mark.parametrize(("part", "test"), [("train", False), ("test", True)])
def test_usps_from_a_zip_file(tmp_path: Path, part: str, test: bool) -> None:
    """Its folders are the labels; the other part and other files do not count."""
    write_usps(tmp_path / "usps.zip", part)
    digits = load("usps", tmp_path, 0, test=test)
    order = np.argsort(DIGITS, kind="stable")
    assert np.array_equal(digits.labels, DIGITS[order])
    assert np.array_equal(digits.images, prepared(SMALL[order]))
    assert (digits.images.dtype, digits.labels.dtype) == (np.uint8, np.int64)


@pytest.mark.parametrize(("name", "test"), [("usps.bz2", False), ("usps.t.bz2", True)])
def test_usps_from_torchvisions_files(tmp_path: Path, name: str, test: bool) -> None:
    """The files that torchvision downloads do as well."""
    (tmp_path / name).write_bytes(bz2_usps())
    images, labels = public.usps(tmp_path, test=test)
    assert np.array_equal(labels, DIGITS)
    assert np.abs(images.astype(int) - SMALL).max() <= 1


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("place", [".", "semeion"])
def test_semeion(tmp_path: Path, place: str, zipped: bool) -> None:
    """Its file is read gzipped or not, in the folder or its own subfolder."""
    (tmp_path / place).mkdir(exist_ok=True)
    contents = gzip.compress(semeion()) if zipped else semeion()
    (tmp_path / place / f"semeion.data{'.gz' if zipped else ''}").write_bytes(contents)
    digits = load("semeion", tmp_path, 0)
    assert np.array_equal(digits.labels, DIGITS)
    assert np.array_equal(digits.images, prepared(((SMALL > 127) * 255).astype(np.uint8)))


def test_semeion_has_no_test_part(tmp_path: Path) -> None:
    """Asked for it, the message says on what to measure instead."""
    assert "no test part" in error_of(lambda: load("semeion", tmp_path, 0, test=True))


@pytest.mark.parametrize("name", ["usps", "semeion"])
def test_they_are_downloaded_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Without a folder, torchvision fetches them."""
    downloads(monkeypatch, tmp_path, SimpleNamespace(data=SMALL, targets=DIGITS.tolist(), labels=DIGITS))
    digits = load(name, None, 0)
    assert np.array_equal(digits.labels, DIGITS)
    assert np.array_equal(digits.images, prepared(SMALL))


@pytest.mark.parametrize("name", SET_NAMES)
def test_failed_downloads(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The message says why, and names the two ways to go on without a network."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no mirror answers")

    monkeypatch.setattr(f"torchvision.datasets.{name.upper()}", fail)
    message = error_of(lambda: load(name, None, 0))
    assert all(word in message for word in ("no mirror answers", "--data-dir", "--data synthetic"))


@pytest.mark.parametrize(
    ("name", "file"),
    [("mnist", "train-images-idx3-ubyte"), ("usps", "usps.zip"), ("semeion", "semeion.data")],
)
def test_missing_files(tmp_path: Path, name: str, file: str) -> None:
    """The message names the folder, the file, and what to do."""
    message = error_of(lambda: load(name, tmp_path, 0))
    assert all(word in message for word in (str(tmp_path), file, "leave out --data-dir", "--data synthetic"))


def damaged() -> dict[str, tuple[str, bytes]]:
    """Return files that are not what their names promise."""
    good = semeion()
    return {
        "no zip": ("usps.zip", b"something else"),
        "empty zip": ("usps.zip", b"PK\x05\x06" + bytes(18)),
        "no bz2": ("usps.bz2", b"something else"),
        "bz2 of words": ("usps.bz2", bz2.compress(b"1 one:two\n")),
        "bz2 of nothing": ("usps.bz2", bz2.compress(b"")),
        "no gzip": ("semeion.data.gz", good),
        "words": ("semeion.data", b"these are not numbers"),
        "nothing": ("semeion.data", b""),
        "a short row": ("semeion.data", good[:-20]),
        "no marks": ("semeion.data", good.replace(b"1.0000", b"0.0000")),
    }


@pytest.mark.filterwarnings("ignore:loadtxt")
@pytest.mark.parametrize("kind", damaged())
def test_damaged_files(tmp_path: Path, kind: str) -> None:
    """Whatever is wrong with a file, it is named, with a remedy, and there is no traceback."""
    name, contents = damaged()[kind]
    (tmp_path / name).write_bytes(contents)
    message = error_of(lambda: load(name.partition(".")[0], tmp_path, 0))
    assert str(tmp_path / name) in message
    assert "again" in message


def test_pictures_of_another_size(tmp_path: Path) -> None:
    """Something else in the form of USPS is refused."""
    write_usps(tmp_path / "usps.zip", pictures=DRAWN)
    assert "16×16" in error_of(lambda: load("usps", tmp_path, 0))


def test_a_damaged_picture_in_the_zip_file(tmp_path: Path) -> None:
    """It is named."""
    with ZipFile(tmp_path / "usps.zip", "w") as archive:
        archive.writestr("usps/train/3/bad.png", b"not a picture")
    assert "usps/train/3/bad.png" in error_of(lambda: load("usps", tmp_path, 0))


def test_the_real_sets() -> None:
    """The files themselves have the digits and the writers that are known of them."""
    place = os.environ.get("BATCH_CLASSIFY_DATA")
    if place is None or not Path(place, "semeion").is_dir():
        pytest.skip("BATCH_CLASSIFY_DATA names no folder with MNIST, QMNIST's labels, USPS and Semeion")
    assert len(public.semeion(Path(place))[1]) == 1593
    assert [len(public.usps(Path(place), test=test)[1]) for test in (False, True)] == [7291, 2007]
    writers = public.mnist_writers(Path(place), public.mnist(Path(place), test=False)[1])
    assert writers is not None
    assert len(np.unique(writers)) == 539
