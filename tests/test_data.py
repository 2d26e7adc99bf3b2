"""Labelled digits from idx files, folders and the generator in `train.data`."""

from __future__ import annotations

import gzip
import os
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from batch_classify.errors import ExitCode, JobError
from batch_classify.preprocess import preprocess
from train import data, public
from train.data import Digits, folder, is_drawn, load, mnist, redrawn, synthetic
from train.generator import batch

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
UINT8, FLOAT = 8, 13  # types in an idx header
DRAWN, DIGITS = batch(30, np.random.default_rng(1))


def idx(values: NDArray[np.generic], kind: int = UINT8) -> bytes:
    """Return an array in the format of MNIST's files."""
    return struct.pack(f">BBBB{values.ndim}I", 0, 0, kind, values.ndim, *values.shape) + values.tobytes()


def small_labels(count: int = 30) -> bytes:
    """Return an idx file of the first so many labels."""
    return idx(DIGITS[:count].astype(np.uint8))


def prepared(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Preprocess pictures one by one."""
    return np.stack([preprocess(picture).image for picture in pictures])


def error_of(call: Callable[[], object]) -> str:
    """Return the message of the JobError (INPUT) that the call must raise."""
    with pytest.raises(JobError) as caught:
        call()
    assert caught.value.code is ExitCode.INPUT
    return str(caught.value)


@pytest.fixture
def idx_folder(tmp_path: Path) -> Path:
    """Return a folder with the two plain training files, of thirty drawn digits."""
    (tmp_path / IMAGES).write_bytes(idx(DRAWN))
    (tmp_path / LABELS).write_bytes(small_labels())
    return tmp_path


@pytest.fixture
def digit_folder(tmp_path: Path) -> Path:
    """Return a folder with the subfolders 2 and 7, three good scans in all."""
    for name, picture in {"2/a.png": DRAWN[0], "2/b.PNG": 255 - DRAWN[1], "7/deep/c.png": DRAWN[2]}.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    return tmp_path


@pytest.mark.parametrize(("stem", "test"), [("train", False), ("t10k", True)])
@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzipped"])
def test_idx_files_load(tmp_path: Path, stem: str, test: bool, zipped: bool) -> None:
    """MNIST's files are read gzipped or not, the training or the test part, and preprocessed."""
    for kind, contents in {"images-idx3": idx(DRAWN), "labels-idx1": small_labels()}.items():
        file = tmp_path / f"{stem}-{kind}-ubyte{'.gz' if zipped else ''}"
        file.write_bytes(gzip.compress(contents) if zipped else contents)
    digits = load("mnist", tmp_path, 0, test=test)
    assert np.array_equal(digits.images, prepared(DRAWN))
    assert np.array_equal(digits.labels, DIGITS)
    assert (digits.images.dtype, digits.labels.dtype) == (np.uint8, np.int64)


def test_missing_idx_files(tmp_path: Path) -> None:
    """Without the files, the message names the folder, both names, and what it needs."""
    message = error_of(lambda: mnist(tmp_path / "none", test=False))
    assert str(tmp_path / "none") in message
    assert f"{IMAGES}.gz" in message
    assert "four idx files of MNIST" in message


def test_the_other_part_of_mnist_is_missing(idx_folder: Path) -> None:
    """The training files do not do for a test."""
    assert "t10k-images" in error_of(lambda: mnist(idx_folder, test=True))


@pytest.mark.parametrize(
    "contents",
    [
        b"",
        b"\x00\x00",
        b"this is not an idx file",
        b"\xff" * 2000,
        idx(DRAWN)[:16],
        idx(DRAWN)[:-1],
        idx(DRAWN)[:1000],
        idx(DRAWN) + b"more",
        idx(DRAWN[:0]),
        gzip.compress(idx(DRAWN)),
    ],
    ids=["empty", "two bytes", "text", "noise", "header", "one less", "cut", "longer", "no image", "gzip"],
)
def test_damaged_idx_files(idx_folder: Path, contents: bytes) -> None:
    """A file that is cut, or something else altogether, is named, with a remedy."""
    (idx_folder / IMAGES).write_bytes(contents)
    message = error_of(lambda: mnist(idx_folder, test=False))
    assert str(idx_folder / IMAGES) in message
    assert "Get it again" in message


@pytest.mark.parametrize(
    "contents",
    [
        b"",
        idx(DRAWN),
        gzip.compress(idx(DRAWN))[:-20],
        gzip.compress(idx(DRAWN))[:40] + b"\xff" * 100,
        gzip.compress(b"nothing of the kind"),
    ],
    ids=["empty", "not gzip", "cut", "flipped", "text"],
)
def test_damaged_gzipped_idx_files(idx_folder: Path, contents: bytes) -> None:
    """What gzip cannot read is a damaged file too."""
    (idx_folder / LABELS).unlink()
    (idx_folder / f"{LABELS}.gz").write_bytes(contents)
    message = error_of(lambda: mnist(idx_folder, test=False))
    assert f"{idx_folder / LABELS}.gz" in message
    assert "Get it again" in message


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (idx(DRAWN), small_labels(29)),
        (idx(DRAWN[:, :27]), small_labels()),
        (idx(DRAWN.reshape(30, -1)), small_labels()),
        (idx(DRAWN), idx(DRAWN[:, 0, :9].astype(np.uint8))),
        (idx(DRAWN), idx(np.full(30, 10, np.uint8))),
        (idx(np.zeros((30, 28, 28), ">f4"), FLOAT), small_labels()),
    ],
    ids=["fewer labels", "not square", "flat", "rows of labels", "a label of ten", "numbers with a point"],
)
def test_idx_files_that_are_not_mnist(idx_folder: Path, images: bytes, labels: bytes) -> None:
    """Files that are sound but do not belong together, or hold something else, are refused as such."""
    (idx_folder / IMAGES).write_bytes(images)
    (idx_folder / LABELS).write_bytes(labels)
    message = error_of(lambda: mnist(idx_folder, test=False))
    assert str(idx_folder) in message
    assert "four idx files of MNIST" in message


def unreachable(*_: object, **__: object) -> None:
    """Stand in for a download without a network."""
    raise OSError("no mirror answers")


@pytest.mark.parametrize("test", [False, True])
def test_mnist_is_downloaded_by_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, test: bool) -> None:
    """Without a folder, torchvision fetches the part that is asked for."""

    class Downloaded:
        def __init__(self, root: str, *, train: bool, download: bool) -> None:
            assert (root, train, download) == (str(public.DOWNLOADS), not test, True)
            self.data, self.targets = torch.from_numpy(DRAWN), torch.from_numpy(DIGITS)

    monkeypatch.setattr("torchvision.datasets.MNIST", Downloaded)
    monkeypatch.setattr("torchvision.datasets.utils.download_url", unreachable)
    monkeypatch.setattr(public, "DOWNLOADS", tmp_path)
    digits = mnist(None, test=test)
    assert np.array_equal(digits.images, prepared(DRAWN))
    assert np.array_equal(digits.labels, DIGITS)


@pytest.mark.parametrize("problem", [RuntimeError("no mirror answers"), OSError("no mirror answers")])
def test_a_failed_download(monkeypatch: pytest.MonkeyPatch, problem: Exception) -> None:
    """It says why, and names the two ways to go on without a network."""

    def fail(*_: object, **__: object) -> None:
        raise problem

    monkeypatch.setattr("torchvision.datasets.MNIST", fail)
    message = error_of(lambda: load("mnist", None, 0))
    assert "no mirror answers" in message
    assert "--data-dir" in message
    assert "--data synthetic" in message


def test_a_folder_of_digits(digit_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The subfolder is the label, whatever lies how deep in it, and whatever the polarity."""
    digits = load(str(digit_folder), None, 0)
    assert np.array_equal(digits.images, prepared(DRAWN[:3]))
    assert digits.labels.tolist() == [2, 2, 7]
    assert (digits.images.dtype, digits.labels.dtype) == (np.uint8, np.int64)
    assert capsys.readouterr() == ("", "")


def test_what_a_folder_has_to_leave_out(digit_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Images that cannot be read are named on stderr, each with its cause; other files do not count."""
    good = (digit_folder / "2" / "a.png").read_bytes()
    (digit_folder / "7" / "broken.png").write_bytes(good[: len(good) // 2])
    (digit_folder / "7" / "empty.png").write_bytes(b"")
    (digit_folder / "7" / "notes.txt").write_text("a remark")
    (digit_folder / "10").mkdir()
    (digit_folder / "10" / "ten.png").write_bytes(good)
    assert folder(digit_folder).labels.tolist() == [2, 2, 7]
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert len(lines) == 2
    assert all(str(digit_folder / "7" / name) in err for name in ("broken.png", "empty.png"))
    assert "the file is empty" in lines[1]


@pytest.mark.parametrize("subfolders", [None, [], ["3"], ["a", "b"]])
def test_a_folder_without_digits(tmp_path: Path, subfolders: list[str] | None) -> None:
    """A folder that is missing or has no image in 0 to 9 is named, with what it needs."""
    root = tmp_path / "scans"
    for name in subfolders or ():
        (root / name).mkdir(parents=True)
    if subfolders is not None:
        root.mkdir(exist_ok=True)
    message = error_of(lambda: load(str(root), None, 0))
    assert str(root) in message
    assert "subfolders named 0 to 9" in message


def test_drawn_digits_come_from_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one seed all is the same, of another all is different, and each digit comes equally often."""
    monkeypatch.setattr(data, "_CHUNK", 12)  # so that several workers take part
    monkeypatch.setattr(data, "SYNTHETIC_COUNT", 30)
    first, again, other = synthetic(30, 1), load("synthetic", None, 1), synthetic(30, 2)
    assert first.images.shape == (30, 28, 28)
    assert (first.images.dtype, first.labels.dtype) == (np.uint8, np.int64)
    assert np.bincount(first.labels).tolist() == [3] * 10
    assert np.array_equal(first.images, again.images)
    assert np.array_equal(first.labels, again.labels)
    assert not np.array_equal(first.labels, other.labels)
    assert len(np.unique(np.concatenate([first.images, other.images]), axis=0)) == 60


@pytest.mark.parametrize(
    ("name", "drawn"),
    [("synthetic", True), ("synthetic:12", True), ("synthetic:0", False), ("mnist", False), ("synth", False)],
)
def test_some_sets_are_drawn(name: str, drawn: bool) -> None:
    """The generator's set goes by one name, with or without a number of digits."""
    assert is_drawn(name) is drawn


def test_so_many_digits_are_drawn() -> None:
    """`synthetic:N` are N digits."""
    assert len(load("synthetic:12", None, 1)) == 12


def test_redrawn_digits_come_from_seed_and_sheet(monkeypatch: pytest.MonkeyPatch) -> None:
    """They keep their labels, and another seed or sheet puts them on other paper."""
    monkeypatch.setattr(data, "_CHUNK", 12)  # so that several workers take part
    written = synthetic(30, 1)
    first, again, *others = (redrawn(written, *key) for key in [(1, 0), (1, 0), (1, 1), (2, 0)])
    assert np.array_equal(first.images, again.images)
    assert len(first) > 25
    assert np.array_equal(first.labels, again.labels)
    assert not any(np.array_equal(first.images, other.images) for other in others)
    assert len(redrawn(numbered(0), 1, 0)) == 0


def numbered(count: int, start: int = 0) -> Digits:
    """Return digits that can be told apart: picture i is full of i, and so is its label."""
    labels = np.arange(start, start + count, dtype=np.int64)
    return Digits(np.broadcast_to(labels.astype(np.uint8)[:, None, None], (count, 28, 28)), labels)


@given(st.integers(0, 60), st.floats(0, 1), st.integers(0, 2**32))
def test_a_split_is_complete_disjoint_and_repeatable(count: int, share: float, seed: int) -> None:
    """Each digit is in one of the two halves, its label with it, and the seed says in which."""
    halves = numbered(count).split(share, seed)
    assert len(halves[1]) == round(count * share)
    assert sorted([*halves[0].labels, *halves[1].labels]) == list(range(count))
    for half, same in zip(halves, numbered(count).split(share, seed), strict=True):
        assert np.array_equal(half.images[:, 0, 0], half.labels)
        assert np.array_equal(half.labels, same.labels)


def test_another_seed_splits_differently() -> None:
    """What is set aside is drawn, and not simply the last digits."""
    parts = [numbered(60).split(0.5, seed)[1].labels.tolist() for seed in (0, 1)]
    assert parts[0] != parts[1]
    assert parts[0] != sorted(parts[0])


@given(st.lists(st.integers(0, 9), max_size=60), st.floats(0, 1), st.integers(0, 2**32))
def test_a_split_by_writer_parts_no_ones_digits(writers: list[int], share: float, seed: int) -> None:
    """Each writer's digits are all on one side, and the share is of the writers."""
    digits = replace(numbered(len(writers)), writers=np.array(writers, np.int64))
    halves = digits.split(share, seed)
    sides = [set(half.writers.tolist()) for half in halves if half.writers is not None]
    assert len(sides) == 2
    assert not sides[0] & sides[1]
    assert len(sides[1]) == round(len(set(writers)) * share)
    assert sorted([*halves[0].labels, *halves[1].labels]) == list(range(len(writers)))
    for half in halves:
        assert half.writers is not None
        assert half.writers.tolist() == [writers[place] for place in half.labels]


def test_another_seed_chooses_other_writers() -> None:
    """The writers are drawn, and not simply the last."""
    digits = replace(numbered(60), writers=np.arange(60, dtype=np.int64) // 2)
    parts = [digits.split(0.5, seed)[1].labels.tolist() for seed in (0, 0, 1)]
    assert parts[0] == parts[1] != parts[2]


def test_blanks_go_with_their_labels_and_writers() -> None:
    """What is left still belongs together, whether the writers are known or not."""
    left = replace(numbered(3), writers=np.array([5, 6, 7])).without_blanks()
    assert (left.labels.tolist(), left.images[:, 0, 0].tolist()) == ([1, 2], [1, 2])
    assert left.writers is not None
    assert left.writers.tolist() == [6, 7]
    assert numbered(3).without_blanks().writers is None


def test_the_hash_tells_digits_apart() -> None:
    """It depends on pictures and labels, and on nothing else."""
    digits = numbered(3)
    others = (numbered(3, start=1), replace(digits, labels=digits.labels + 1))
    assert digits.sha256() == replace(digits, writers=digits.labels).sha256()
    assert digits.sha256() not in [other.sha256() for other in others]


def test_sets_of_digits_add_up() -> None:
    """The sum holds both, one after the other; the writers of two sets are not the same people."""
    both = replace(numbered(3), writers=np.array([1, 2, 2])) + numbered(2, start=3)
    assert len(both) == 5
    assert both.writers is None
    assert both.labels.tolist() == both.images[:, 5, 5].tolist() == [0, 1, 2, 3, 4]


def test_the_real_mnist() -> None:
    """The 10,000 test images load, and nearly all come out of `preprocess` as they went in."""
    place = os.environ.get("BATCH_CLASSIFY_DATA")
    if place is None or not Path(place, "mnist").is_dir():
        pytest.skip("BATCH_CLASSIFY_DATA names no folder with MNIST's idx files in mnist/")
    digits = mnist(Path(place, "mnist"), test=True)
    raw, labels = public.mnist(Path(place), test=True)
    assert np.bincount(digits.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert np.array_equal(digits.labels, labels)
    assert np.mean(np.all(digits.images == raw, axis=(1, 2))) > 0.99
