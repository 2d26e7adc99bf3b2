"""Digits that people corrected or accepted in a review, to train on.

`corrections.csv` has a line an answer: file, page, sha256, predicted_label, label, reviewed_at; a label that
is left empty says that there is no digit. The scans themselves come from the folder that was classified.
"""

from __future__ import annotations

import csv
import sys
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from batch_classify.decode import quiet
from batch_classify.errors import ExitCode, JobError
from batch_classify.filename import from_cell
from batch_classify.prepare import prepare
from train.data import Digits

_COLUMNS = {"file", "page", "sha256", "label"}


@dataclass(frozen=True, slots=True)
class _Answer:
    line: int
    file: str
    page: int | None
    sha256: str
    label: int | None


def load_corrections(table: Path, scans: Path) -> Digits:
    """Read the digits of `table`, a corrections.csv, from the folder `scans`.

    An answer is about a picture, known by its file's hash and the page: given twice, it counts once. Says on
    stderr which answers it had to leave out because their scan is gone, changed or shows nothing.
    Raises JobError (INPUT) if the table is not there or makes no sense or no digit is left, and (USAGE) if
    two of its lines contradict each other.
    """
    answers = _without_repeats(table, _read(table))
    images, labels = [], []
    with quiet():
        for file, group in groupby(answers, key=lambda answer: answer.file):
            pages = {(page.sha256, page.page): page for page in prepare(scans, file)}
            for answer in group:
                page = pages.get((answer.sha256, answer.page))
                if page is not None and page.image is not None and page.image.any():
                    images.append(page.image)
                    labels.append(answer.label)
                else:
                    found = page is not None and page.image is not None
                    problem = "shows no writing" if found else "is gone or has changed"
                    place = f"line {answer.line} of {table}"
                    print(f"left out {place}: {scans / file} {problem}", file=sys.stderr)
    if not images:
        raise JobError(
            ExitCode.INPUT,
            f"{table} has no digit whose scan is in {scans}. Name with --images the folder that was read.",
        )
    return Digits(np.stack(images), np.array(labels, np.int64))


def _read(table: Path) -> list[_Answer]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            missing = sorted(_COLUMNS - set(reader.fieldnames or ()))
            if missing:
                raise _bad(table, f"has no column {', '.join(missing)}")
            return [_answer(table, reader.line_num, row) for row in reader]
    except OSError as error:
        raise _bad(table, f"cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise _bad(table, f"is no CSV in UTF-8 ({error})") from error


def _answer(table: Path, line: int, row: dict[str, str | None]) -> _Answer:
    file, page, label = (row[name] or "" for name in ("file", "page", "label"))
    if not file or label not in ("", *"0123456789") or not (page == "" or page.isdecimal()):
        raise _bad(table, f"makes no sense in line {line}: a label is one digit or empty, a page a number")
    return _Answer(
        line, from_cell(file), int(page) if page else None, row["sha256"] or "", int(label) if label else None
    )


def _without_repeats(table: Path, answers: list[_Answer]) -> list[_Answer]:
    """Return the answers that name a digit, each picture's once, file by file."""
    known: dict[tuple[str, int | None], _Answer] = {}
    for answer in answers:
        first = known.setdefault((answer.sha256, answer.page), answer)
        if first.label != answer.label:
            raise JobError(
                ExitCode.USAGE,
                f"{table} contradicts itself: lines {first.line} and {answer.line} give the same picture "
                f"({answer.file}) different labels. Remove the one that is wrong.",
            )
    return sorted(
        (answer for answer in known.values() if answer.label is not None),
        key=lambda answer: (answer.file, answer.line),
    )


def _bad(table: Path, problem: str) -> JobError:
    return JobError(ExitCode.INPUT, f"{table} {problem}. Name a corrections.csv from the review.")
