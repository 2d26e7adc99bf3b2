"""Logits to an answer: label, confidence, status and reason.

Knows a model's temperature and thresholds; knows nothing of pictures, files or how the logits were made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from batch_classify.row import NO_DIGIT, Reason, Row, Status


class Prediction(NamedTuple):
    """What one picture says; `None` where no digit is claimed.

    `confidence` and `second_confidence` are calibrated probabilities, 0 to 1; `probabilities` are those
    of all ten digits, and are there even where the picture was rejected. `reject_score` is how surely there
    is no single digit, 0 to 1: 1 where the picture itself shows it, and 0 if the model cannot tell.
    """

    status: Status
    reason: Reason | None
    label: int | None
    confidence: float | None
    second_label: int | None
    second_confidence: float | None
    probabilities: tuple[float, ...]
    reject_score: float

    def on(self, row: Row) -> Row:
        """Return the row of a picture with this answer in it."""
        return Row(
            row.file,
            row.page,
            self.status,
            self.reason,
            row.detail,
            self.label,
            self.confidence,
            self.second_label,
            self.second_confidence,
            row.width,
            row.height,
            row.sha256,
            self.probabilities,
            self.reject_score,
        )


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When an answer goes to a human, and when none is given.

    `review_below` is a confidence and `reject_above` a reject score, both 0 to 1.
    """

    review_below: float
    reject_above: float = 1.0


def probabilities(logits: NDArray[np.float32], temperature: float) -> NDArray[np.float64]:
    """Calibrated probabilities, float64 [N, 10], of logits float32 [N, 10].

    Temperature scaling: softmax(logits / temperature) (Guo et al. 2017).
    """
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    odds = np.exp(scaled)
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def reject_scores(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return how surely each picture shows no digit, float64 [N] from 0 to 1, of its logits float32 [N]."""
    return np.asarray(0.5 * (1 + np.tanh(logits.astype(np.float64) / 2)))  # the logistic function


def _two_best(shares: tuple[float, ...]) -> tuple[int, int]:
    """Return the digits with the two largest shares; of equal ones the smaller digit comes first."""
    first = shares.index(max(shares))
    others = (*shares[:first], -1.0, *shares[first + 1 :])
    return first, others.index(max(others))


def decide(
    probabilities: NDArray[np.float64], reject_score: float, finding: Reason | None, thresholds: Thresholds
) -> Prediction:
    """Decide on one picture from its probabilities, float64 [10], its score, and what it showed by itself."""
    shares = tuple(probabilities.tolist())
    if finding in NO_DIGIT:
        return Prediction(Status.REJECTED, finding, None, None, None, None, shares, 1.0)
    if reject_score > thresholds.reject_above:
        return Prediction(Status.REJECTED, Reason.NOT_A_DIGIT, None, None, None, None, shares, reject_score)
    first, second = _two_best(shares)
    reason = Reason.LOW_CONFIDENCE if shares[first] < thresholds.review_below else finding
    return Prediction(
        status=Status.OK if reason is None else Status.REVIEW,
        reason=reason,
        label=first,
        confidence=shares[first],
        second_label=second,
        second_confidence=shares[second],
        probabilities=shares,
        reject_score=reject_score,
    )
