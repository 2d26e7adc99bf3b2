"""What a worker does with a file, in `batch_classify.prepare`."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from batch_classify.prepare import crashed, prepare_all
from batch_classify.row import Reason
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
    assert max(page.thumbnail.shape) == 96
    assert len(pickle.dumps(page)) < 12_000


def test_a_missing_file_is_a_page_with_a_reason(root: Path) -> None:
    """A file that went away after the scan is no exception."""
    (page,) = prepare_all(root, ["gone.png"])
    assert (page.reason, page.image) == (Reason.VANISHED, None)


def test_a_crash_has_an_answer() -> None:
    """A file that killed its worker is unreadable."""
    assert (crashed("a.png").file, crashed("a.png").reason) == ("a.png", Reason.UNREADABLE)
