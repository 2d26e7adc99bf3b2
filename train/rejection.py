"""How well a model tells what is no digit: scans of none, in the subfolders of a labelled folder.

Asks the job itself; chooses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from batch_classify.classifier import Classifier
from batch_classify.job import classify
from batch_classify.row import Reason, Row, Status
from batch_classify.scan import Scan
from train.statistics import area_under_roc, wilson

KINDS = (Reason.BLANK, Reason.SEVERAL_DIGITS, Reason.NOT_A_DIGIT)
"""The subfolders, named after what the job is to say."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """What became of `count` scans of one kind that show no single digit; shares from 0 to 1.

    `caught` is the share that was rejected, with its 95 % interval, `reviewed` that which a human is asked
    about, and `accepted` that which passes for a digit. `area_under_roc` is how often such a scan's reject
    score is above a digit's; None where there is no score to compare.
    """

    count: int
    caught: float
    caught_interval: tuple[float, float]
    reviewed: float
    accepted: float
    area_under_roc: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return the figures for JSON."""
        return asdict(self)


def ask_others(classifier: Classifier, root: Path) -> dict[str, list[Row]]:
    """Run the job on the subfolders of `root` that hold no digits, those of `KINDS`; give their rows."""
    return {kind: rows for kind in KINDS if (rows := _rows(classifier, root / kind))}


def _rows(classifier: Classifier, folder: Path) -> list[Row]:
    if not folder.is_dir() or not any(Scan(folder)):
        return []
    return [card.row for cards in classify(Scan(folder), classifier) for card in cards]


def rejections(others: Mapping[str, Sequence[Row]], digits: Sequence[Row]) -> dict[str, Rejection]:
    """Measure the rows of each kind, beside those of digits."""
    scores = _scores(digits)
    return {kind: _rejection(rows, scores) for kind, rows in others.items()}


def _rejection(rows: Sequence[Row], digits: NDArray[np.float64]) -> Rejection:
    statuses = [row.status for row in rows]
    count, caught = len(rows), statuses.count(Status.REJECTED)
    scores = _scores(rows)
    return Rejection(
        count,
        caught / count,
        wilson(caught, count),
        statuses.count(Status.REVIEW) / count,
        statuses.count(Status.OK) / count,
        area_under_roc(scores, digits) if len(scores) and len(digits) else None,
    )


def _scores(rows: Sequence[Row]) -> NDArray[np.float64]:
    return np.array([row.reject_score for row in rows if row.reject_score is not None])


def table_of(found: Mapping[str, Rejection]) -> Table:
    """Draw what became of each kind."""
    table = Table(box=None, pad_edge=False, title="scans of no digit", title_justify="left", title_style="")
    for heading in ("", "scans", "caught", "95% interval", "to review", "accepted", "AUROC"):
        table.add_column(heading, justify="right")
    for kind, one in found.items():
        low, high = one.caught_interval
        table.add_row(
            kind,
            f"{one.count:,}",
            f"{one.caught:.2%}",
            f"{low:.2%} to {high:.2%}",
            f"{one.reviewed:.2%}",
            f"{one.accepted:.2%}",
            "" if one.area_under_roc is None else f"{one.area_under_roc:.4f}",
        )
    return table
