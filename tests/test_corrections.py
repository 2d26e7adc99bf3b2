"""Answers from a review: how they are read and kept, and what they make of a row."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_classify.corrections import (
    COLUMNS,
    CORRECTIONS,
    Correction,
    Corrections,
    is_suspect,
    read_corrections,
)
from batch_classify.errors import ExitCode, JobError
from batch_classify.row import Reason, Row, Status

HEADER = ",".join(COLUMNS) + "\n"
NIGHT = datetime(2026, 11, 24, 2, tzinfo=UTC)
MORNING = NIGHT.replace(hour=8)
SIX = Correction("a.png", None, "aa", 8, 6, MORNING)
SHARES = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.02, 0.0, 0.98, 0.0)
ROW = Row("a.png", None, Status.REVIEW, Reason.LOW_CONFIDENCE, "", 8, 0.6, 6, 0.3, 28, 28, "aa", SHARES)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Name the table."""
    return tmp_path / CORRECTIONS


def labels(corrections: Corrections) -> dict[str, int | None]:
    """Return the labels by file."""
    return {answer.file: answer.label for answer in corrections.answers()}


@pytest.mark.parametrize(("label", "reason"), [(6, None), (8, None), (0, None), (None, Reason.NOT_A_DIGIT)])
def test_an_answered_row(label: int | None, reason: Reason | None) -> None:
    """It has the human's label, accepted or changed, and nothing of the model's but the probabilities."""
    row = Corrections([replace(SIX, label=label)]).on(ROW)
    assert (row.status, row.label, row.reason) == (Status.REVIEWED, label, reason)
    assert (row.confidence, row.second_label, row.second_confidence) == (None, None, None)
    assert (row.file, row.width, row.probabilities) == ("a.png", 28, SHARES)


@pytest.mark.parametrize("row", [ROW._replace(sha256="bb"), ROW._replace(page=1), ROW._replace(sha256="")])
def test_another_picture_is_left_alone(row: Row) -> None:
    """An answer is about the bytes and the page, whatever the file is called."""
    answers = Corrections([SIX, replace(SIX, sha256="")])
    assert answers.on(row) == row
    assert answers.on(ROW._replace(file="moved.png")).status is Status.REVIEWED


@pytest.mark.parametrize(
    ("label", "shares", "suspect"),
    [
        (6, SHARES, True),
        (8, SHARES, False),
        (None, SHARES, False),
        (6, (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.06, 0.0, 0.94, 0.0), False),
        (6, None, False),
    ],
)
def test_a_suspect_answer(label: int | None, shares: tuple[float, ...] | None, suspect: bool) -> None:
    """A digit is suspect if the model is all but sure of another; that there is none, it cannot judge."""
    row = ROW._replace(probabilities=shares)
    assert is_suspect(Corrections([replace(SIX, label=label)]).on(row)) is suspect
    assert not is_suspect(row)


@given(
    st.lists(
        st.builds(
            Correction,
            st.binary(min_size=1, max_size=9)
            .filter(lambda name: b"\0" not in name and name[:2] != b"./")
            .map(os.fsdecode),
            st.none() | st.integers(1, 9),
            st.text("0123456789abcdef", min_size=64, max_size=64),
            st.none() | st.integers(0, 9),
            st.none() | st.integers(0, 9),
            st.just(MORNING),
        ),
        max_size=5,
    )
)
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, answers: list[Correction]
) -> None:
    """Any file name comes back as it was, and every answer with it."""
    path = tmp_path_factory.mktemp("kept") / CORRECTIONS
    Corrections(answers).write(path)
    back = [replace(answer, line=0) for answer in read_corrections(path).answers()]
    assert back == Corrections(answers).answers()
    assert path.read_bytes().startswith(HEADER.encode())


def test_contradictions_name_both_lines(path: Path) -> None:
    """Two labels for one picture, under whatever names, are an error in usage."""
    path.write_text(HEADER + "a.png,,aa,8,6,\nb.png,,bb,8,6,\ncopy.png,,aa,8,,\n")
    with pytest.raises(JobError, match=r"lines 2 and 4 .*copy\.png") as caught:
        read_corrections(path)
    assert caught.value.code is ExitCode.USAGE


@pytest.mark.parametrize("line", ["a.png,,aa,8,x,", "a.png,one,aa,8,6,", ",,aa,8,6,", "a.png,,aa,8,6,soon"])
def test_lines_that_make_no_sense(path: Path, line: str) -> None:
    """The message names the table, the line and the remedy."""
    path.write_text(HEADER + "b.png,,bb,8,6,\n" + line + "\n")
    with pytest.raises(JobError, match=r"corrections\.csv .*line 3.*from the review") as caught:
        read_corrections(path)
    assert caught.value.code is ExitCode.INPUT


def test_a_table_that_a_spreadsheet_has_saved(path: Path) -> None:
    """A byte order mark, other line ends, other columns and a time without a zone do no harm."""
    path.write_bytes(
        b"\xef\xbb\xbfnote,file,page,sha256,label,reviewed_at\r\n,a.png,,aa,6,2026-11-24 08:00\r\n"
    )
    assert read_corrections(path).answers() == [replace(SIX, predicted_label=None, line=2)]


@pytest.mark.parametrize(
    ("first", "second", "label"),
    [(NIGHT, MORNING, 3), (MORNING, NIGHT, 6), (MORNING, MORNING, 3)],
)
def test_the_later_review_holds(path: Path, first: datetime, second: datetime, label: int) -> None:
    """Of two answers in two tables the later one holds, and if they are as old, the one given now."""
    Corrections([replace(SIX, reviewed_at=first)]).kept_in(path.parent)
    newer = Corrections([replace(SIX, label=3, reviewed_at=second), replace(SIX, file="b.png", sha256="bb")])
    assert labels(newer.kept_in(path.parent)) == {"a.png": label, "b.png": 6}
    assert labels(read_corrections(path)) == {"a.png": label, "b.png": 6}


def test_an_answer_without_a_time_is_as_old_as_its_table(path: Path) -> None:
    """A table written by hand is not overruled by what was reviewed before it was written."""
    path.write_text("file,page,sha256,label\na.png,,aa,6\n")
    os.utime(path, (MORNING.timestamp(), MORNING.timestamp()))
    assert read_corrections(path).answers()[0].reviewed_at == MORNING


def test_nothing_is_kept_of_nothing(path: Path) -> None:
    """Without answers no table is made, and one that is there stays as it is."""
    assert len(Corrections().kept_in(path.parent)) == 0
    assert not path.exists()
    path.write_text(HEADER + "a.png,,aa,8,6,\n")
    assert labels(Corrections().kept_in(path.parent)) == {"a.png": 6}
    assert path.read_text() == HEADER + "a.png,,aa,8,6,\n"


def test_a_table_that_cannot_be_written(path: Path) -> None:
    """The run ends before the work, and says what to do."""
    path.with_name(f".{CORRECTIONS}.partial").mkdir()
    with pytest.raises(JobError, match=r"cannot write .*corrections\.csv") as caught:
        Corrections([SIX]).kept_in(path.parent)
    assert caught.value.code is ExitCode.OUTPUT
