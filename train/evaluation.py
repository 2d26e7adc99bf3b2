"""How well a model reads labelled digits: accuracy, and what its confidence is worth.

Runs the model as the job does, on `preprocess`ed pictures; chooses nothing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from batch_classify.decide import probabilities
from batch_classify.model import Model
from train.data import Digits

_BATCH = 256
_BINS = 15


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was measured on `count` digits; shares from 0 to 1.

    `accepted` is the share at or above the review threshold, `accepted_error` the share of those that are
    wrong, `calibration_error` the expected calibration error over 15 equal bins (Guo et al. 2017).
    """

    count: int
    accuracy: float
    accepted: float
    accepted_error: float
    calibration_error: float
    accuracy_by_digit: dict[int, float]

    def to_dict(self) -> dict[str, object]:
        """Return the figures for JSON, rounded to six decimals."""
        rounded = {
            key: round(value, 6) if isinstance(value, float) else value for key, value in asdict(self).items()
        }
        rounded["accuracy_by_digit"] = {str(k): round(v, 6) for k, v in self.accuracy_by_digit.items()}
        return rounded


def evaluate(model: Model, digits: Digits) -> Evaluation:
    """Measure `model` on preprocessed digits."""
    parts = [model.logits(digits.images[at : at + _BATCH]) for at in range(0, len(digits), _BATCH)]
    shares = probabilities(np.concatenate(parts), model.card.temperature)
    return measure(shares, digits.labels, model.card.review_below)


def measure(shares: NDArray[np.float64], labels: NDArray[np.int64], review_below: float) -> Evaluation:
    """Measure probabilities, float64 [N, 10], against the true labels, int64 [N]."""
    confidence, right = shares.max(axis=1), shares.argmax(axis=1) == labels
    accepted = confidence >= review_below
    return Evaluation(
        count=len(labels),
        accuracy=float(right.mean()),
        accepted=float(accepted.mean()),
        accepted_error=float((~right[accepted]).mean()) if accepted.any() else 0.0,
        calibration_error=_calibration_error(confidence, right),
        accuracy_by_digit={
            digit: float(right[labels == digit].mean()) for digit in np.unique(labels).tolist()
        },
    )


def _calibration_error(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    gaps = [abs(float((confidence - right)[bins == i].sum())) for i in range(_BINS)]
    return sum(gaps) / len(confidence)
