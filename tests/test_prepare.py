"""What a worker does with a file, in `batch_classify.prepare`."""

from __future__ import annotations

import hashlib
import os
import pickle
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from batch_classify import prepare as prepare_module
from batch_classify.prepare import Known, crashed, prepare_all, prepare_new
from batch_classify.row import Reason
from batch_classify.stamp import Stamp
from train.generator import draw_digit


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with a digit, a TIFF of two pages and an empty file."""
    digit = Image.fromarray(255 - draw_digit(6, np.random.default_rng(6), 300))
    digit.save(tmp_path / "six.png")
    digit.save(tmp_path / "pages.tif", save_all=True, append_images=[Image.new("L", (30, 20), 255)])
    (tmp_path / "empty.png").touch()
    return tmp_path


def test_each_page_comes_with_its_file_and_all_it_needs(root: Path) -> None:
    """In order, with the hash of the file, the size, the 28×28, the thumbnail or the reason."""
    six, first, second, empty = prepare_all(root, ["six.png", "pages.tif", "empty.png"])
    assert [page.file for page in (six, first, second, empty)] == [
        "six.png",
        "pages.tif",
        "pages.tif",
        "empty.png",
    ]
    assert [page.page for page in (six, first, second, empty)] == [None, 1, 2, None]
    assert (second.width, second.height) == (30, 20)
    assert [page.reason for page in (six, first, second, empty)] == [
        None,
        None,
        Reason.BLANK,
        Reason.EMPTY_FILE,
    ]
    assert first.sha256 == second.sha256 == hashlib.sha256((root / "pages.tif").read_bytes()).hexdigest()
    assert np.array_equal(six.image, first.image)
    assert empty.image is empty.thumbnail is None


def test_what_leaves_a_worker_is_small(root: Path) -> None:
    """However large the scan, a page is a few kilobytes on its way to the network."""
    (page,) = prepare_all(root, ["six.png"])
    assert page.image is not None
    assert page.thumbnail is not None
    assert page.image.shape == (28, 28)
    assert len(pickle.dumps(page)) < 6_000  # a JPEG of 128 × 128 pixels, 28 × 28 and a little more


def test_a_poor_scan_says_what_is_wrong(tmp_path: Path) -> None:
    """The page has its picture for the network, and the words for a person."""
    faint = np.full((60, 60), 250, np.uint8)
    faint[15:45, 28:32] = 222
    cv2.imwrite(str(tmp_path / "faint.png"), faint)
    (page,) = prepare_all(tmp_path, ["faint.png"])
    assert (page.reason, page.detail) == (Reason.LOW_QUALITY, "the writing is very faint")
    assert page.image is not None


def test_a_missing_file_is_a_page_with_a_reason(root: Path) -> None:
    """A file that went away after the scan is no exception."""
    (page,) = prepare_all(root, ["gone.png"])
    assert (page.reason, page.image) == (Reason.VANISHED, None)


def test_a_crash_has_an_answer(root: Path) -> None:
    """A file that killed its worker is unreadable, and known by its content from then on."""
    page = crashed(root, "six.png")
    assert (page.file, page.reason) == ("six.png", Reason.UNREADABLE)
    assert page.sha256 == hashlib.sha256((root / "six.png").read_bytes()).hexdigest()


def test_a_content_that_is_known_is_not_decoded(root: Path) -> None:
    """It is told from what is new, under the name that the file has now, touched just now or not."""
    (page,) = prepare_all(root, ["six.png"])
    (root / "six.png").rename(root / "renamed.png")
    for name in ("renamed.png", "pages.tif", "empty.png"):
        os.utime(root / name, ns=(1, 1))

    asked: list[str] = []

    def knows(contents: Sequence[str]) -> set[str]:
        asked.extend(contents)
        return {page.sha256}

    pages, known = prepare_new(root, ["renamed.png", "pages.tif", "gone.png"], knows)
    assert [page.file for page in pages] == ["pages.tif", "pages.tif", "gone.png"]
    assert known == [Known("renamed.png", page.sha256, None)]
    assert asked == [page.sha256, pages[0].sha256]


def test_large_files_are_not_held_together(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what is small is read before something else is decoded."""
    monkeypatch.setattr(prepare_module, "_LITTLE", 100)
    asked: list[int] = []

    def knows(contents: Sequence[str]) -> set[str]:
        asked.append(len(contents))
        return set()

    prepare_new(root, ["empty.png", "six.png", "pages.tif", "empty.png"], knows)
    assert asked == [2, 1, 1]


def test_each_file_begins_when_those_before_are_done(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of large ones: their time runs from there. Small ones begin together."""
    steps: list[str] = []
    decode = prepare_module.decode
    monkeypatch.setattr(prepare_module, "decode", lambda *data: steps.append("decode") or decode(*data))
    for little, expected in ((0, ["begin", "decode"] * 3), (10**9, ["begin"] * 3 + ["decode"] * 3)):
        monkeypatch.setattr(prepare_module, "_LITTLE", little)
        steps.clear()
        prepare_new(root, ["six.png", "pages.tif", "six.png"], lambda _: (), lambda: steps.append("begin"))
        assert steps == expected


def test_a_file_just_touched_has_no_stamp(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change right after reading might not show in its times, so that they prove nothing yet."""
    now = time.time_ns()
    assert [page.stamp for page in prepare_all(root, ["six.png"])] == [None]
    monkeypatch.setattr(prepare_module.time, "time_ns", lambda: now + 60 * 10**9)
    (page,) = prepare_all(root, ["six.png"])
    assert page.stamp == Stamp.of((root / "six.png").stat())
