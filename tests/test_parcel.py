"""Pages that travel together, in `batch_classify.parcel`."""

from __future__ import annotations

import pickle

import numpy as np

from batch_classify.decode import Grey
from batch_classify.parcel import pack, unpack
from batch_classify.prepare import Known, Prepared
from batch_classify.row import Reason
from batch_classify.stamp import Stamp

RNG = np.random.default_rng(0)


def random_picture(shape: tuple[int, int]) -> Grey:
    """Return noise, uint8 [h, w]."""
    return RNG.integers(0, 256, shape, np.uint8)


PAGES = [
    Prepared("a.tif", "ab" * 32, 1, 40, 30, None, "", *map(random_picture, [(28, 28), (30, 40)])),
    Prepared("a.tif", "ab" * 32, 2, None, None, Reason.UNREADABLE, "it is damaged", stamp=Stamp(1, 2, 3, 4)),
    Prepared(
        "b\udcff.png",
        "cd" * 32,
        None,
        9,
        7,
        Reason.LOW_QUALITY,
        "faint",
        np.zeros((28, 28), np.uint8),
        random_picture((7, 9)),
        RNG.normal(size=11).astype(np.float32),
        Stamp(5, 6, 7, 8),
        stored=True,
        clean=True,
    ),
]  # fmt: skip


def test_what_arrives_is_what_was_sent() -> None:
    """Every field of every page comes out of a pickle as it went in, pictures and their types included."""
    for sent, found in zip(PAGES, unpack(pickle.loads(pickle.dumps(pack(PAGES))))[0], strict=True):
        for before, after in zip(sent, found, strict=True):
            if isinstance(before, np.ndarray):
                assert (before.dtype, before.shape) == (after.dtype, after.shape)
                assert np.array_equal(before, after)
            else:
                assert before == after


def test_nothing_is_a_parcel_too() -> None:
    """No pages, or none with a picture, arrive as well."""
    assert unpack(pack([])) == ([], [])
    assert unpack(pack(PAGES[1:2])) == (PAGES[1:2], [])


def test_files_without_pages_travel_along() -> None:
    """With their stamps or without."""
    known = [Known("a.png", "ab" * 32, Stamp(1, 2, 3, 4)), Known("b.png", "cd" * 32, None)]
    found = unpack(pickle.loads(pickle.dumps(pack(PAGES[1:2], known))))
    assert found == (PAGES[1:2], known)
    assert isinstance(found[1][0].stamp, Stamp)
