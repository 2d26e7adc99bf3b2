"""What a person reads in the terminal, in `batch_classify.present`."""

from __future__ import annotations

import pytest
from rich.console import Console

from batch_classify.present import answer, concern, counts
from batch_classify.report.summary import Summary
from batch_classify.row import Reason, Row, Status

SEVEN = Row("a.png", None, Status.OK, None, "", 7, 0.987, 1, 0.011)
DOUBTFUL = SEVEN._replace(status=Status.REVIEW, reason=Reason.LOW_CONFIDENCE, confidence=0.5)
BROKEN = Row("b.tif", 3, Status.ERROR, Reason.UNREADABLE, "its pixels do not decode")


@pytest.mark.parametrize(
    ("row", "line"),
    [
        (SEVEN, "a.png: 7  98.7%  (next: 1, 1.1%)"),
        (DOUBTFUL, "a.png: 7  50.0%  (next: 1, 1.1%)  review: not sure enough"),
        (BROKEN, "b.tif, page 3: no digit, error (damaged picture: its pixels do not decode)"),
        (Row("a.png", None, Status.REVIEWED, label=7), "a.png: 7  (answered by a human)"),
        (Row("a.png", None, Status.REVIEWED, Reason.NOT_A_DIGIT), "a.png: no digit  (answered by a human)"),
    ],
)
def test_an_answer_is_one_line(row: Row, line: str) -> None:
    """The digit, how sure, the runner-up, and what a human should know."""
    assert answer(row) == line


@pytest.mark.parametrize(
    ("row", "line"),
    [
        (DOUBTFUL, "review: a.png, perhaps 7 (not sure enough)"),
        (BROKEN, "error: b.tif, page 3 (damaged picture: its pixels do not decode)"),
    ],
)
def test_a_concern_is_one_line(row: Row, line: str) -> None:
    """The status, the file, a guess where there is one, and why."""
    assert concern(row) == line


def test_a_hostile_name_does_not_reach_the_terminal() -> None:
    """Control characters in a file name are shown, not obeyed."""
    line = answer(SEVEN._replace(file="a\x1b[2J\n\udcff.png"))
    assert line.isprintable()
    line.encode("utf-8")
    assert answer(SEVEN._replace(file="caf\udce9.png")).startswith(r"caf\xe9.png: ")


def test_the_counts_say_what_there_is() -> None:
    """Each status that occurs has a line, `ok` always, and ignored files only if there are any."""
    summary = Summary()
    for row in (DOUBTFUL, BROKEN):
        summary.add(row)
    console = Console(width=80)
    with console.capture() as capture:
        console.print(counts(summary, ignored=1200))
    lines = [line.split()[:2] for line in capture.get().splitlines()]
    assert lines == [["1", "review"], ["1", "error"], ["0", "ok"], ["1,200", "ignored"]]
    with console.capture() as capture:
        console.print(counts(summary, ignored=0))
    assert "ignored" not in capture.get()
    assert "remembered" not in capture.get()
    with console.capture() as capture:
        console.print(counts(summary, ignored=0, remembered=2))
    assert "2  remembered" in capture.get()
