"""Figures of answers and their confidences: plain functions of arrays, each with its source.

Knows neither digits nor models.
"""

from __future__ import annotations

from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

BINS = 15
_LEAST = 1e-300  # of a probability, so that its logarithm is finite
_Z = 1.959964  # standard deviations on either side that hold 95 % of a normal distribution


def wilson(right: int, count: int) -> tuple[float, float]:
    """Return the 95 % score interval of a share, `right` of `count` (Wilson 1927).

    Its ends are the shares from which what was seen lies 1.96 standard deviations away; unlike the share
    plus or minus its own deviation, it has a width even where nothing went wrong.
    """
    share, z2 = right / count, _Z**2
    middle = share + z2 / (2 * count)
    reach = _Z * sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    low, high = ((middle + side * reach) / (1 + z2 / count) for side in (-1, 1))
    return max(0.0, min(low, share)), min(1.0, max(high, share))  # which holds but for rounding


def negative_log_likelihood(shares: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Return the mean of -ln of what each true label was given, in nats (Guo et al. 2017)."""
    given = shares[np.arange(len(labels)), labels]
    return -float(np.log(np.maximum(given, _LEAST)).mean())


def accuracy_at(coverage: float, confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Return the accuracy of the most confident answers, at least `coverage` of all; one at the least."""
    kept = max(1, ceil(coverage * len(right) - 1e-9))
    return float(right[np.argsort(-confidence, kind="stable")[:kept]].mean())


def reliability(
    confidence: NDArray[np.float64], right: NDArray[np.bool_]
) -> tuple[tuple[float, float, int], ...]:
    """Return the mean confidence, the accuracy and the number of the answers in each of 15 bins.

    The bins hold equally many answers, from the least confident to the most (Nguyen & O'Connor 2015).
    """
    order = np.argsort(confidence, kind="stable")
    return tuple(
        (float(confidence[part].mean()), float(right[part].mean()), len(part))
        for part in np.array_split(order, BINS)
        if len(part)
    )


def calibration_error(bins: tuple[tuple[float, float, int], ...]) -> float:
    """Return the mean gap between confidence and accuracy over such bins (Guo et al. 2017)."""
    gaps = sum(abs(confidence - accuracy) * count for confidence, accuracy, count in bins)
    return gaps / max(1, sum(count for _, _, count in bins))


def area_under_risk(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Return the area under the curve of risk against coverage (AURC; Geifman & El-Yaniv 2017).

    It is the mean, over all numbers of answers that one may keep, of the share of wrong ones among the most
    confident that many.
    """
    wrong = np.cumsum(~right[np.argsort(-confidence, kind="stable")])
    return float((wrong / np.arange(1, len(right) + 1)).mean())


def area_under_roc(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float:
    """Return how often a positive's score is the higher one (AUROC; Mann & Whitney 1947); ties count half.

    NaN where there is nothing to compare.
    """
    if not len(positive) or not len(negative):
        return float("nan")
    ranked = np.sort(negative)
    below, not_above = (np.searchsorted(ranked, positive, side) for side in ("left", "right"))
    return float((below + not_above).mean() / (2 * len(negative)))
