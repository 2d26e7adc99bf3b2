"""What shards were answered, kept in objects, in `batch_classify.shelf`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")
pytest.importorskip("pyarrow", reason="pyarrow is not installed")

from test_lines import READ, UNREAD  # noqa: E402 - fsspec and pyarrow may be missing

from batch_classify.report.card import Card  # noqa: E402
from batch_classify.row import Reason, Status  # noqa: E402
from batch_classify.shelf import SHELF, Answers, Part, Shelf, packed, unpacked  # noqa: E402
from batch_classify.uri import Uri  # noqa: E402

SEEN = np.arange(784, dtype=np.uint8).reshape(28, 28)
SCAN = np.arange(60, dtype=np.uint8).reshape(6, 10)
ODD = READ._replace(status=Status.REVIEW, reason=Reason.LOW_CONFIDENCE, detail="why\udce9")


@pytest.fixture(params=["folder", "store"])
def results(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path | Uri]:
    """A results folder of this machine, and one in a store."""
    if request.param == "folder":
        yield tmp_path
    else:
        yield Uri("memory://shelf/results")
        fsspec.filesystem("memory").store.clear()


def test_cards_come_back_as_they_were() -> None:
    """Rows are the same to the last bit; pictures are kept of the rows that need a human."""
    cards = [Card(READ, SCAN, SEEN), Card(ODD, SCAN, SEEN), Card(UNREAD, None, None)]
    answers = unpacked(packed(Answers(cards, 7, Counter(short=2, long=1))))
    assert (answers.ignored, answers.ways) == (7, Counter(short=2, long=1))
    rows = [card.row for card in answers.cards]
    assert rows == [READ, ODD._replace(detail="why\\udce9"), UNREAD]
    assert answers.cards[0].scan is None
    assert answers.cards[2].scan is None
    scan, seen = answers.cards[1].scan, answers.cards[1].seen
    assert scan is not None and np.array_equal(scan, SCAN)
    assert seen is not None and np.array_equal(seen, SEEN)


def test_no_cards_come_back_too() -> None:
    """A packed file may hold no scan at all."""
    assert unpacked(packed(Answers([], 3))).cards == []


def test_parts_are_found_by_what_they_are_called(results: Path | Uri) -> None:
    """Another process knows from the listing alone which shard is whole, and what to read again."""
    shelf = Shelf(results)
    parts = [Part("a1", 0, False, False), Part("a1", 1, True, False), Part("b2", 0, True, True)]
    assert shelf.parts() == []
    for part in parts:
        shelf.put(part, Answers([Card(READ, None, None)], part.number))
    assert sorted(Shelf(results).parts()) == parts
    assert shelf.get(parts[1]).ignored == 1
    shelf.remove(parts[:1])
    assert sorted(shelf.parts()) == parts[1:]


def test_a_shard_is_begun_for_the_first_time_once(results: Path | Uri) -> None:
    """Whoever begins it again hears that somebody did before."""
    shelf = Shelf(results)
    assert [shelf.first_try("a1"), shelf.first_try("a1"), Shelf(results).first_try("a1")] == [
        True,
        False,
        False,
    ]
    assert shelf.first_try("b2")


def test_what_belongs_to_no_shard_goes(results: Path | Uri) -> None:
    """So the shelf does not grow from run to run; the notes of what was begun go too."""
    shelf = Shelf(results)
    for name in ("a1", "b2"):
        shelf.first_try(name)
        shelf.put(Part(name, 0, True, False), Answers([]))
    shelf.keep_only(["b2"])
    assert shelf.parts() == [Part("b2", 0, True, False)]
    assert shelf.first_try("b2")


def test_the_shelf_is_hidden(tmp_path: Path) -> None:
    """A scan of a folder around it does not look there."""
    Shelf(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [SHELF] == [".shards"]
