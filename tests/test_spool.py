"""The cards of a run on disk: what is kept, in which order, and that it comes back."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_classify.report.card import Card, jpeg_of, thumbnail, thumbnail_of, width_of
from batch_classify.report.spool import Spool, places, row_values
from batch_classify.row import Reason, Row, Status

SHARES = (0.01, 0.99, *[0.0] * 8)
URGENT = [
    Row("z.png", None, Status.REVIEW, label=1, confidence=0.2),
    Row("b.tif", 2, Status.REVIEW, label=1, confidence=0.5),
    Row("c.png", None, Status.REJECTED),
    Row("d.png", None, Status.REVIEWED, label=7, probabilities=SHARES),
    Row("a.png", None, Status.ERROR),
]
SETTLED = [
    Row("f.png", None, Status.DEFERRED),
    Row("b.png", None, Status.OK, label=2, confidence=0.9),
    Row("a.png", None, Status.OK, label=2, confidence=0.99),
    Row("e.png", None, Status.REVIEWED, label=1, probabilities=SHARES),
]
SCAN = np.full((60, 40), 200, np.uint8)
SEEN = np.eye(28, dtype=np.uint8) * 255


def rows(spool: Spool) -> list[Any]:
    """Return what the page gets of rows."""
    return [json.loads(row) for row in spool.rows(spool.entries())]


def files(spool: Spool) -> list[tuple[str, str]]:
    """Return file and status of what is kept, in order."""
    return [tuple(row[0:3:2]) for row in rows(spool)]


def names(rows: list[Row]) -> list[tuple[str, str]]:
    """Return file and status of rows."""
    return [(row.file, str(row.status)) for row in rows]


@given(st.permutations(URGENT + SETTLED))
def test_the_most_urgent_come_first(tmp_path_factory: pytest.TempPathFactory, arrived: list[Row]) -> None:
    """In whatever order they come: to review, rejected, suspect, failed; then those that need nobody."""
    with Spool(tmp_path_factory.getbasetemp()) as spool:
        for row in arrived:
            spool.offer(Card(row, None, None))
        assert files(spool) == names(URGENT + SETTLED)
        assert spool.entries()["settled"].tolist() == [False] * 5 + [True] * 4


def test_equals_stay_as_they_came(tmp_path: Path) -> None:
    """Rows of the same urgency keep the order of the scan."""
    with Spool(tmp_path) as spool:
        for name in ("b", "a", "c"):
            spool.offer(Card(Row(name, None, Status.REJECTED), None, None))
        assert [name for name, _ in files(spool)] == ["b", "a", "c"]


@given(st.permutations(URGENT + SETTLED), st.integers(0, 9))
def test_above_the_limit_a_sample_of_the_rest(
    tmp_path_factory: pytest.TempPathFactory, arrived: list[Row], most: int
) -> None:
    """Every row that needs a human is kept, and of the others as many as fit, the same in any order."""
    kept = []
    for offered in (arrived, URGENT + SETTLED):
        with Spool(tmp_path_factory.getbasetemp(), most_rows=most) as spool:
            for row in offered:
                spool.offer(Card(row, None, None))
            assert len(spool) == len(spool.entries()) == max(5, most)
            kept.append(files(spool))
    assert kept[0] == kept[1]
    assert kept[0][:5] == names(URGENT)


def test_a_card_comes_back(tmp_path: Path) -> None:
    """Its row in the script's order, its scan nearly, what the model saw to the pixel; no file is left."""
    row = Row("=7.png", 3, Status.OK, None, "", 7, 0.98765432, 1, 0.01, 40, 60, "ab")
    with Spool(tmp_path) as spool:
        spool.offer(Card(row, SCAN, SEEN))
        entries = spool.entries()
        (place,) = places(entries)
        assert rows(spool) == [["./=7.png", 3, "ok", None, 7, 0.987654, 1, 0.01, 40, 60, "ab", ""]]
        scan = cv2.imdecode(np.frombuffer(spool.scan(place), np.uint8), cv2.IMREAD_GRAYSCALE)
        assert scan.shape == SCAN.shape and abs(int(scan.mean()) - 200) < 3
        assert (spool.seen(entries) == SEEN).all()
        assert list(tmp_path.iterdir()) == []


def test_copies_share_their_pictures(tmp_path: Path) -> None:
    """Those of one content are written once, and not even fetched for another; each row has its own name."""
    row = Row("a.png", 1, Status.OK, None, "", 7, 0.98, sha256="ab")
    with Spool(tmp_path) as spool:
        spool.offer(Card(row, SCAN, SEEN))
        spool.offer(Card(row._replace(file="b.png"), None, None, lambda _: pytest.fail("fetched")))
        spool.offer(Card(row._replace(file="c.png", page=2), None, None, lambda _: (SCAN, SEEN // 2)))
        entries = spool.entries()
        first, second, _ = places(entries)
        assert first == second
        assert (spool.seen(entries) == [SEEN, SEEN, SEEN // 2]).all()
        one, two, three = rows(spool)
        assert [one[0], two[0], three[0]] == ["a.png", "b.png", "c.png"]
        assert one[1:] == two[1:]


def test_a_copy_that_could_not_be_read_shares_nothing(tmp_path: Path) -> None:
    """A reader that crashed at one of two files of the same content left no picture of that."""
    row = Row("a.png", None, Status.REVIEW, None, "", 7, 0.5, sha256="ab")
    failed = Row("b.png", None, Status.ERROR, Reason.UNREADABLE, sha256="ab")
    with Spool(tmp_path) as spool:
        spool.offer(Card(row, SCAN, SEEN))
        spool.offer(Card(failed, None, None))
        assert [place.seen for place in places(spool.entries())] == [784, 0]


def test_a_human_answer_brings_along_what_the_model_said() -> None:
    """The label is the human's; the last values are the model's, and whether the two contradict."""
    assert row_values(URGENT[3])[-3:] == [1, 0.99, 1]
    assert row_values(URGENT[3])[4] == 7
    assert row_values(SETTLED[3])[-3:] == [1, 0.99, 0]


def test_scans_that_nobody_needs_stay_out_of_a_large_page(tmp_path: Path) -> None:
    """Once those of settled rows take too much, none is kept; those that need a human keep theirs."""
    with Spool(tmp_path, most_settled_scans=2000) as spool:
        for number in range(20):
            spool.offer(Card(Row(f"{number}", None, Status.OK, label=1, confidence=0.9), SCAN, SEEN))
        assert not spool.has_settled_scans()
        spool.offer(Card(URGENT[0], SCAN, SEEN))
        assert places(spool.entries())[0].scan > 0


@pytest.mark.parametrize("name", [os.fsdecode(b"caf\xe9"), "\u202egnp", "</script>"])
def test_any_name_is_valid_json(tmp_path: Path, name: str) -> None:
    """A row is ASCII, whatever the file and the decoder's message hold."""
    with Spool(tmp_path) as spool:
        spool.offer(Card(Row(name, None, Status.ERROR, Reason.UNREADABLE, "\ud800" + name), None, None))
        assert spool.rows(spool.entries())[0].isascii()


@pytest.mark.parametrize(
    ("shape", "small"),
    [((128, 128), (128, 128)), ((20, 30), (20, 30)), ((400, 200), (128, 64)), ((1, 5000), (1, 128))],
)
def test_a_thumbnail_keeps_the_shape(shape: tuple[int, int], small: tuple[int, int]) -> None:
    """The longer side is at most 128 pixels, the other in proportion but never nothing."""
    jpeg = np.frombuffer(jpeg_of(thumbnail(np.zeros(shape, np.uint8))), np.uint8)
    picture = cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE)
    assert picture is not None and picture.shape == small


@pytest.mark.parametrize("shape", [(20, 30), (64, 64), (65, 64), (200, 200)])
def test_a_thumbnail_is_kept_as_bytes(shape: tuple[int, int]) -> None:
    """Pixels of a small picture, and a JPEG of a larger one, come back as they were."""
    small = thumbnail(np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8))
    again = thumbnail_of(small.tobytes(), width_of(small))
    assert np.array_equal(again, small) and jpeg_of(again) == jpeg_of(small)
    assert (again.ndim == 1) == (shape[0] * shape[1] > 4096)


def test_a_thumbnail_does_not_hold_the_scan() -> None:
    """A small scan is copied, so that the memory it was decoded in is free to go."""
    scan = np.zeros((20, 20), np.uint8)
    assert not np.shares_memory(thumbnail(scan), scan)
