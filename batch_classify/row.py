"""One line of the table: what a file or a page of it says.

Knows the columns, the statuses and the reasons; not where they come from or how they are written.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Status(StrEnum):
    """What became of a file. Stable."""

    OK = "ok"
    REVIEW = "review"
    REJECTED = "rejected"
    ERROR = "error"
    DEFERRED = "deferred"
    REVIEWED = "reviewed"


class Reason(StrEnum):
    """Why a row is not simply `ok`. Stable; docs/errors.md gives each its remedy."""

    LOW_CONFIDENCE = "low_confidence"
    LOW_QUALITY = "low_quality"
    BLANK = "blank"
    SEVERAL_DIGITS = "several_digits"
    NOT_A_DIGIT = "not_a_digit"
    UNREADABLE = "unreadable"
    EMPTY_FILE = "empty_file"
    TOO_LARGE = "too_large"
    UNSUPPORTED = "unsupported"
    PERMISSION_DENIED = "permission_denied"
    VANISHED = "vanished"
    BEING_WRITTEN = "being_written"


NO_DIGIT = (Reason.BLANK, Reason.SEVERAL_DIGITS)
"""What a picture itself shows that makes any answer of a network void."""


class Row(NamedTuple):
    """A line of predictions.csv; `None` stands for an empty cell.

    `file` is the path below INPUT as the system gives it (surrogate escapes for bytes that are
    not UTF-8); `detail` is a sentence for the report and the log, not a column. `reject_score` is how surely
    there is no single digit, 0 to 1.
    """

    file: str
    page: int | None
    status: Status
    reason: Reason | None = None
    detail: str = ""
    label: int | None = None
    confidence: float | None = None
    second_label: int | None = None
    second_confidence: float | None = None
    width: int | None = None
    height: int | None = None
    sha256: str = ""
    probabilities: tuple[float, ...] | None = None
    reject_score: float | None = None
