"""What turns logits into honest answers, fitted on held-out digits that no weight was trained on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from batch_classify.decide import probabilities
from train.statistics import wilson

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
    """Find the least confidence from which on, with 95 % certainty, at most `target_error` are wrong.

    `confidence` is float64 [N], `right` bool [N]. What counts is the upper end of the interval of the share
    that is wrong (Wilson 1927), since a threshold at which the share itself just meets the target is too low
    half of the time (a bound in its place: Geifman & El-Yaniv 2017). Where the answers are too few to be
    certain, gives the least confidence from which on none is wrong, and 1 if the surest one is.
    """
    order = np.argsort(-confidence, kind="stable")
    wrong = np.cumsum(~right[order])
    at_most = np.array([wilson(int(lost), count)[1] for count, lost in enumerate(wrong, start=1)])
    # Only where the next confidence is lower can a threshold lie between the two.
    last_of_equals = np.append(np.diff(confidence[order]) < 0, True)[: len(order)]
    certain = np.flatnonzero((at_most <= target_error) & last_of_equals)
    spotless = np.flatnonzero((wrong == 0) & last_of_equals)
    good = certain if len(certain) else spotless
    return float(confidence[order[good[-1]]]) if len(good) else 1.0


def reject_threshold(scores: NDArray[np.float64], lost: float) -> float:
    """Find the least reject score that at most the share `lost` of digits exceeds.

    `scores` is float64 [N], those of digits, 0 to 1. Gives 1 where there is none.
    """
    if not len(scores):
        return 1.0
    return float(np.sort(scores)[max(0, len(scores) - 1 - int(lost * len(scores)))])
