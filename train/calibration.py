"""What turns logits into honest answers, fitted on held-out digits that no weight was trained on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from batch_classify.decide import probabilities

_GOLDEN = (5**0.5 - 1) / 2
_LOWEST, _HIGHEST = 0.05, 20.0


def fit_temperature(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Find the temperature with the least negative log-likelihood (Guo et al. 2017).

    The loss has one minimum in the logarithm of the temperature, so a golden-section search finds it.
    """

    def loss(log_temperature: float) -> float:
        shares = probabilities(logits, float(np.exp(log_temperature)))
        return -float(np.log(np.maximum(shares[np.arange(len(labels)), labels], 1e-300)).mean())

    low, high = np.log(_LOWEST), np.log(_HIGHEST)
    while high - low > 1e-4:
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        low, high = (low, right) if loss(left) < loss(right) else (left, high)
    return round(float(np.exp((low + high) / 2)), 4)


def review_threshold(confidence: NDArray[np.float64], right: NDArray[np.bool_], target_error: float) -> float:
    """Find the least confidence from which on at most `target_error` of the answers are wrong.

    `confidence` is float64 [N], `right` bool [N]. Gives 1 if no threshold reaches the target.
    """
    order = np.argsort(-confidence, kind="stable")
    wrong = np.cumsum(~right[order])
    accepted = np.arange(1, len(order) + 1)
    # Only where the next confidence is lower can a threshold lie between the two.
    last_of_equals = np.append(np.diff(confidence[order]) < 0, True)
    good = np.flatnonzero((wrong <= target_error * accepted) & last_of_equals)
    return float(confidence[order[good[-1]]]) if len(good) else 1.0


def reject_threshold(scores: NDArray[np.float64], lost: float) -> float:
    """Find the least reject score that at most the share `lost` of digits exceeds.

    `scores` is float64 [N], those of digits, 0 to 1. Gives 1 where there is none.
    """
    if not len(scores):
        return 1.0
    return float(np.sort(scores)[max(0, len(scores) - 1 - int(lost * len(scores)))])
