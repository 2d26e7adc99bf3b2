"""What people answered in a review: `corrections.csv` read, kept, and put on the rows.

A line an answer, about a picture that its file's hash and the page tell from others: file, page, sha256,
predicted_label, label, reviewed_at; a label that is left empty says that there is no digit. Knows nothing of
the page that the answers come from, nor of the models that learn from them.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from batch_classify.errors import ExitCode, JobError
from batch_classify.filename import from_cell, to_cell
from batch_classify.report.table import quoted
from batch_classify.rewrite import rewrite
from batch_classify.row import Reason, Row, Status

CORRECTIONS = "corrections.csv"
COLUMNS = ("file", "page", "sha256", "predicted_label", "label", "reviewed_at")
SURE = 0.95
"""From this probability of another digit on, a label is suspect."""
_NEEDED = {"file", "page", "sha256", "label"}
_LABELS = ("", *"0123456789")

Picture = tuple[str, int | None]
"""What an answer is about: the SHA-256 of the file's bytes, and the page."""


@dataclass(frozen=True, slots=True)
class Correction:
    """A human's answer; `label` is None where there is no digit. `line` is where in the table it stands."""

    file: str
    page: int | None
    sha256: str
    predicted_label: int | None
    label: int | None
    reviewed_at: datetime
    line: int = 0

    @property
    def picture(self) -> Picture:
        """What the answer is about."""
        return self.sha256, self.page


class Corrections:
    """Answers, one for each picture."""

    def __init__(self, answers: Iterable[Correction] = ()) -> None:
        self._answers: Mapping[Picture, Correction] = {answer.picture: answer for answer in answers}

    def __len__(self) -> int:
        return len(self._answers)

    def answers(self) -> list[Correction]:
        """Return the answers, by file and page."""
        return sorted(self._answers.values(), key=lambda answer: (answer.file, answer.page or 0))

    def on(self, row: Row) -> Row:
        """Return the row as a human answered it, or as it is. Its probabilities stay the model's."""
        answer = self._answers.get((row.sha256, row.page)) if row.sha256 else None
        if answer is None:
            return row
        return row._replace(
            status=Status.REVIEWED,
            reason=Reason.NOT_A_DIGIT if answer.label is None else None,
            detail="",
            label=answer.label,
            confidence=None,
            second_label=None,
            second_confidence=None,
        )

    def updated(self, newer: Corrections) -> Corrections:
        """Return both; of two answers about a picture the one reviewed later, or if in doubt the newer."""
        later = (
            answer
            for picture, answer in newer._answers.items()
            if picture not in self._answers or answer.reviewed_at >= self._answers[picture].reviewed_at
        )
        return Corrections([*self._answers.values(), *later])

    def kept_in(self, results: Path) -> Corrections:
        """Add these to the answers that the results folder keeps, write them there, and return all.

        Raises JobError (INPUT) if the table there makes no sense, and (OUTPUT) if it cannot be written.
        """
        path = results / CORRECTIONS
        known = read_corrections(path) if path.exists() else Corrections()
        together = known.updated(self)
        if len(self):
            try:
                together.write(path)
            except OSError as error:
                raise JobError(
                    ExitCode.OUTPUT, f"cannot write {path}: {error.strerror}. Free the place."
                ) from error
        return together

    def write(self, path: Path) -> None:
        """Write the table, whole or not at all. Raises OSError."""
        lines = [",".join(COLUMNS), *map(_line, self.answers())]
        rewrite(path, ("\n".join(lines) + "\n").encode())


def is_suspect(row: Row) -> bool:
    """Whether a human gave the row a digit and the model is at least `SURE` of another."""
    if row.status is not Status.REVIEWED or row.label is None or row.probabilities is None:
        return False
    best = max(row.probabilities)
    return best >= SURE and row.probabilities.index(best) != row.label


def read_corrections(table: Path) -> Corrections:
    """Read a corrections.csv; an answer that is given twice counts once.

    Without `reviewed_at`, an answer is as old as the table. Raises JobError (INPUT) if the table is not there
    or makes no sense, and (USAGE) if two of its lines contradict each other.
    """
    try:
        written = datetime.fromtimestamp(table.stat().st_mtime, UTC)
        with table.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            missing = sorted(_NEEDED - set(reader.fieldnames or ()))
            if missing:
                raise bad_table(table, f"has no column {', '.join(missing)}")
            answers = [_answer(table, reader.line_num, row, written) for row in reader]
    except OSError as error:
        raise bad_table(table, f"cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise bad_table(table, f"is no CSV in UTF-8 ({error})") from error
    return Corrections(_without_repeats(table, answers))


def bad_table(table: Path, problem: str) -> JobError:
    """Say what is wrong with a table of corrections."""
    return JobError(ExitCode.INPUT, f"{table} {problem}. Name a corrections.csv from the review.")


def _line(answer: Correction) -> str:
    numbers = answer.page, answer.predicted_label, answer.label
    page, predicted_label, label = ("" if number is None else str(number) for number in numbers)
    time = answer.reviewed_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return ",".join([quoted(to_cell(answer.file)), page, answer.sha256, predicted_label, label, time])


def _answer(table: Path, line: int, row: Mapping[str, str | None], written: datetime) -> Correction:
    file, page, sha256, predicted, label, time = (row.get(name) or "" for name in COLUMNS)
    try:
        reviewed_at = datetime.fromisoformat(time) if time else written
    except ValueError as error:
        raise bad_table(table, f"makes no sense in line {line}: reviewed_at is no time") from error
    if not file or label not in _LABELS or not (page == "" or page.isdecimal()):
        raise bad_table(
            table, f"makes no sense in line {line}: a label is one digit or empty, a page a number"
        )
    return Correction(
        from_cell(file),
        int(page) if page else None,
        sha256,
        int(predicted) if predicted in _LABELS[1:] else None,
        int(label) if label else None,
        reviewed_at if reviewed_at.tzinfo else reviewed_at.replace(tzinfo=UTC),
        line,
    )


def _without_repeats(table: Path, answers: Iterable[Correction]) -> Iterable[Correction]:
    known: dict[Picture, Correction] = {}
    for answer in answers:
        first = known.setdefault(answer.picture, answer)
        if first.label != answer.label:
            raise JobError(
                ExitCode.USAGE,
                f"{table} contradicts itself: lines {first.line} and {answer.line} give the same picture "
                f"({answer.file}) different labels. Remove the one that is wrong.",
            )
    return known.values()
