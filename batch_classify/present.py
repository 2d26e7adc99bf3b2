"""What a person reads of a run in the terminal.

Turns rows and counts into text; prints nothing itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from batch_classify.filename import to_cell
from batch_classify.job import PAGE, TABLE, Outcome
from batch_classify.report.page import STATUS_WORDS, percent, reason_in_words, visible
from batch_classify.report.summary import Summary
from batch_classify.row import Row, Status

if TYPE_CHECKING:
    from rich.table import Table


def answer(row: Row) -> str:
    """Tell one picture's digit, its confidence and the runner-up in a line, or why there is none."""
    place = name(row)
    if row.status is Status.REVIEWED:
        return f"{place}: {'no digit' if row.label is None else row.label}  (answered by a human)"
    if row.label is None or row.confidence is None or row.second_confidence is None:
        return f"{place}: no digit, {row.status} ({why(row)})"
    line = f"{place}: {row.label}  {percent(row.confidence)}"
    line += f"  (next: {row.second_label}, {percent(row.second_confidence)})"
    return line if row.status is Status.OK else f"{line}  {row.status}: {why(row)}"


def concern(row: Row) -> str:
    """Tell in a line why a row needs a look."""
    guess = "" if row.label is None else f", perhaps {row.label}"
    return f"{row.status}: {name(row)}{guess} ({why(row)})"


def name(row: Row) -> str:
    """Name a row's file, and its page where it has several, harmless to a terminal."""
    file = visible(to_cell(row.file))
    return file if row.page is None else f"{file}, page {row.page}"


def why(row: Row) -> str:
    """Give a row's reason in words, with what is known in detail."""
    words = reason_in_words(row.reason or "").lower()
    return f"{words}: {row.detail}" if row.detail else words


def place(outcome: Outcome) -> str:
    """Tell where to look: the page, or the table where no page was asked for."""
    return f"report: {outcome.folder / (PAGE if outcome.page else TABLE)}"


def counts(summary: Summary, ignored: int, remembered: int = 0) -> Table:
    """Draw the short table of counts that ends a run."""
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(justify="right")
    table.add_column()
    table.add_column(style="dim")
    for status, words in STATUS_WORDS.items():
        if summary.statuses[status] or status is Status.OK:
            table.add_row(f"{summary.statuses[status]:,}", str(status), words)
    if ignored:
        table.add_row(f"{ignored:,}", "ignored", "other files, without a row")
    if remembered:
        table.add_row(f"{remembered:,}", "remembered", "rows that an earlier run had answered already")
    return table


def summed_up(outcome: Outcome) -> dict[str, Any]:
    """Return the counts for a program, as values for JSON."""
    return {
        "rows": outcome.summary.rows,
        "files": outcome.summary.files,
        "unread": outcome.summary.unread,
        "statuses": outcome.summary.by_status(),
        "ignored": outcome.ignored,
        "remembered": outcome.remembered,
        "seconds": round(outcome.seconds, 3),
        "report": to_cell(str(outcome.folder.absolute())),
    }
