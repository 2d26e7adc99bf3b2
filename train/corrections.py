"""Digits that people corrected or accepted in a review, to train on.

The answers are in a `corrections.csv`, the scans themselves in the folder that was classified.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from batch_classify.corrections import read_corrections
from batch_classify.decode import quiet
from batch_classify.errors import ExitCode, JobError
from batch_classify.prepare import prepare_all
from train.data import Digits


@dataclass(frozen=True, slots=True)
class Reviewed:
    """Digits with the labels that people gave them, and by what to find each: its line and its scan."""

    digits: Digits
    places: Sequence[str]


def load_corrections(table: Path, scans: Path) -> Reviewed:
    """Read the digits of `table`, a corrections.csv, from the folder `scans`.

    An answer is about a picture, known by its file's hash and the page: given twice, it counts once. Says on
    stderr which answers it had to leave out because their scan is gone, changed or shows nothing.
    Raises JobError (INPUT) if the table is not there or makes no sense or no digit is left, and (USAGE) if
    two of its lines contradict each other.
    """
    answers = [answer for answer in read_corrections(table).answers() if answer.label is not None]
    images, labels, places = [], [], []
    with quiet():
        for file, group in groupby(answers, key=lambda answer: answer.file):
            pages = {(page.sha256, page.page): page for page in prepare_all(scans, [file])}
            for answer in group:
                page = pages.get((answer.sha256, answer.page))
                place = f"line {answer.line} of {table}: {scans / file}"
                if page is not None and page.image is not None and page.image.any():
                    images.append(page.image)
                    labels.append(answer.label)
                    places.append(place)
                else:
                    found = page is not None and page.image is not None
                    problem = "shows no writing" if found else "is gone or has changed"
                    print(f"left out {place} {problem}", file=sys.stderr)
    if not images:
        raise JobError(
            ExitCode.INPUT,
            f"{table} has no digit whose scan is in {scans}. Name with --images the folder that was read.",
        )
    return Reviewed(Digits(np.stack(images), np.array(labels, np.int64)), places)
