"""The rows of contents that were answered already, in `batch_classify.memory`."""

from __future__ import annotations

import pytest

from batch_classify import memory as memory_module
from batch_classify.memory import Memory
from batch_classify.row import Reason, Row, Status

ROW = Row("a.png", None, Status.OK, label=3, confidence=0.99, sha256="aa")
PAGES = [Row("b.tif", page, Status.REVIEW, label=page, confidence=0.5, sha256="bb") for page in (1, 2)]
VANISHED = Row("c.png", None, Status.ERROR, Reason.VANISHED)


def test_a_content_has_the_rows_of_the_first_file() -> None:
    """Those of all pages, in order."""
    memory = Memory()
    memory.keep([ROW, *PAGES])
    assert memory.rows("bb") == PAGES
    assert memory.rows("aa") == [ROW]


def test_what_was_not_read_is_not_known() -> None:
    """Files without a hash have nothing in common."""
    memory = Memory()
    memory.keep([VANISHED])
    assert "" not in memory


def test_two_files_of_one_content_in_a_row_are_no_pages_of_one() -> None:
    """Each has its own rows."""
    memory = Memory()
    memory.keep([ROW, ROW._replace(file="b.png")])
    assert len(memory.rows("aa")) == 1


def test_it_does_not_grow_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes last is in it, and never more than two generations of contents."""
    monkeypatch.setattr(memory_module, "_MOST", 4)
    memory = Memory()
    for number in range(11):
        memory.keep([ROW._replace(sha256=f"{number}")])
        assert f"{number}" in memory
    found = [number for number in range(11) if f"{number}" in memory]
    assert found == [4, 5, 6, 7, 8, 9, 10]


def test_what_was_asked_for_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who heard that a content is there gets its rows, though a generation of others came meanwhile."""
    monkeypatch.setattr(memory_module, "_MOST", 4)
    memory = Memory()
    memory.keep([ROW, *(ROW._replace(sha256=f"before {number}") for number in range(4))])
    assert ROW.sha256 in memory
    memory.keep([ROW._replace(sha256=f"after {number}") for number in range(4)])
    assert memory.rows(ROW.sha256) == [ROW]
    memory.keep([ROW._replace(sha256=f"later {number}") for number in range(8)])
    assert ROW.sha256 not in memory
