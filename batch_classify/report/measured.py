"""What a model's card says of how often it was right; any card will do, as it may come from anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from batch_classify.report.summary import CONFIDENCES


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured on `count` held-out digits; shares from 0 to 1.

    `accepted_error` is the share of wrong answers among those above the review threshold; `by_confidence`
    has, for each bin of `CONFIDENCES` that was measured, how many answers fell into it and the share that was
    right.
    """

    count: int
    accuracy: float
    accepted_error: float
    by_confidence: Mapping[int, tuple[int, float]]


def measured(metrics: Mapping[str, Any]) -> Measured | None:
    """Read the metrics of a card; None where they are not what `fit` writes."""
    try:
        found = metrics["held_out"]
        return Measured(
            int(found["count"]),
            float(found["accuracy"]),
            float(found["accepted_error"]),
            {
                CONFIDENCES.index(float(start)): (int(count), float(share))
                for start, (count, share) in found.get("accuracy_by_confidence", {}).items()
            },
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
