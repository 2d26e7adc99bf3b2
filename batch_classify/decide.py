"""Logits to an answer: label, confidence, status and reason.

Knows a model's temperature and threshold; knows nothing of pictures, files or how the logits were made.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from batch_classify.row import Reason, Row, Status


@dataclass(frozen=True, slots=True)
class Prediction:
    """What one picture says; `None` where no digit is claimed.

    `confidence` and `second_confidence` are calibrated probabilities, 0 to 1; `probabilities` are those
    of all ten digits, and are there even where the picture was rejected.
    """

    status: Status
    reason: Reason | None
    label: int | None
    confidence: float | None
    second_label: int | None
    second_confidence: float | None
    probabilities: tuple[float, ...]

    def on(self, row: Row) -> Row:
        """Return the row of a picture with this answer in it."""
        return replace(
            row,
            status=self.status,
            reason=self.reason,
            label=self.label,
            confidence=self.confidence,
            second_label=self.second_label,
            second_confidence=self.second_confidence,
            probabilities=self.probabilities,
        )


def probabilities(logits: NDArray[np.float32], temperature: float) -> NDArray[np.float64]:
    """Calibrated probabilities, float64 [N, 10], of logits float32 [N, 10].

    Temperature scaling: softmax(logits / temperature) (Guo et al. 2017).
    """
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    odds = np.exp(scaled)
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def decide(probabilities: NDArray[np.float64], finding: Reason | None, review_below: float) -> Prediction:
    """Decide on one picture from its probabilities, float64 [10], and what the picture itself showed."""
    shares = tuple(probabilities.tolist())
    if finding is not None:
        return Prediction(Status.REJECTED, finding, None, None, None, None, shares)
    # Stable, so that of two equal probabilities the smaller digit comes first on every machine.
    first, second = np.argsort(-probabilities, kind="stable")[:2].tolist()
    doubtful = shares[first] < review_below
    return Prediction(
        status=Status.REVIEW if doubtful else Status.OK,
        reason=Reason.LOW_CONFIDENCE if doubtful else None,
        label=first,
        confidence=shares[first],
        second_label=second,
        second_confidence=shares[second],
        probabilities=shares,
    )
