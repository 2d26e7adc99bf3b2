"""Logits to answers in `batch_classify.decide`."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from batch_classify.decide import Thresholds, decide, probabilities, reject_scores
from batch_classify.row import Reason, Status

LOGITS = arrays(np.float32, (3, 10), elements=st.floats(-80, 80, width=32))


@given(LOGITS, st.floats(0.05, 20))
def test_probabilities_are_a_distribution_in_the_order_of_the_logits(
    logits: np.ndarray, temperature: float
) -> None:
    """They are positive, sum to 1, and no larger logit has a smaller probability."""
    shares = probabilities(logits, temperature)
    assert np.all(shares >= 0)
    assert np.allclose(shares.sum(axis=1), 1)
    for row, share in zip(logits, shares, strict=True):
        assert np.all(np.diff(share[np.argsort(row, kind="stable")]) >= 0)


def test_a_higher_temperature_is_less_sure() -> None:
    """Temperature scaling moves confidence towards one tenth."""
    logits = np.array([[0, 1, 5, 0, 0, 0, 0, 0, 0, 0]], np.float32)
    sure = [probabilities(logits, temperature).max() for temperature in (0.5, 1, 2, 50)]
    assert sure == sorted(sure, reverse=True)


@pytest.mark.parametrize(
    ("confidence", "threshold", "status", "reason"),
    [
        (0.9, 0.8, Status.OK, None),
        (0.9, 0.9, Status.OK, None),
        (0.9, 0.91, Status.REVIEW, Reason.LOW_CONFIDENCE),
        (0.9, 0.0, Status.OK, None),
    ],
)
def test_what_is_below_the_threshold_goes_to_review(
    confidence: float, threshold: float, status: Status, reason: Reason | None
) -> None:
    """The answer stands either way; only the status says that a human should look."""
    shares = np.full(10, 0.01)
    shares[4], shares[7] = confidence, 0.02
    answer = decide(shares, 0.0, None, Thresholds(threshold))
    assert (answer.status, answer.reason) == (status, reason)
    assert (answer.label, answer.confidence) == (4, confidence)
    assert (answer.second_label, answer.second_confidence) == (7, 0.02)


@pytest.mark.parametrize("finding", [Reason.BLANK, Reason.SEVERAL_DIGITS])
def test_a_finding_claims_no_digit(finding: Reason) -> None:
    """However sure the network is, a blank or a double has no label, but its probabilities are kept."""
    shares = np.eye(10)[3]
    answer = decide(shares, 0.0, finding, Thresholds(0.5))
    assert (answer.status, answer.reason) == (Status.REJECTED, finding)
    assert answer.label is answer.confidence is answer.second_label is answer.second_confidence is None
    assert (answer.probabilities, answer.reject_score) == (tuple(shares), 1.0)


@pytest.mark.parametrize(
    ("score", "status", "reason", "label"),
    [
        (0.6, Status.OK, None, 3),
        (0.7, Status.OK, None, 3),
        (0.71, Status.REJECTED, Reason.NOT_A_DIGIT, None),
        (1.0, Status.REJECTED, Reason.NOT_A_DIGIT, None),
    ],
)
def test_above_the_threshold_there_is_no_digit(
    score: float, status: Status, reason: Reason | None, label: int | None
) -> None:
    """A picture that the judge takes for none gets no label, however sure the reader is."""
    answer = decide(np.eye(10)[3], score, None, Thresholds(0.5, 0.7))
    assert (answer.status, answer.reason, answer.label) == (status, reason, label)
    assert answer.reject_score == score


@pytest.mark.parametrize(
    ("confidence", "score", "status", "reason"),
    [
        (0.99, 0.0, Status.REVIEW, Reason.LOW_QUALITY),
        (0.3, 0.0, Status.REVIEW, Reason.LOW_CONFIDENCE),
        (0.99, 0.9, Status.REJECTED, Reason.NOT_A_DIGIT),
    ],
)
def test_a_poor_scan_goes_to_review(confidence: float, score: float, status: Status, reason: Reason) -> None:
    """It has its answer, and the reason is its quality unless there is a weightier one."""
    shares = np.full(10, (1 - confidence) / 9)
    shares[5] = confidence
    answer = decide(shares, score, Reason.LOW_QUALITY, Thresholds(0.5, 0.7))
    assert (answer.status, answer.reason) == (status, reason)
    assert answer.label == (None if status is Status.REJECTED else 5)


def test_reject_scores_are_the_logistic_function() -> None:
    """From minus infinity, where there is no judge, to plus: 0 to 1, and a half at even odds."""
    scores = reject_scores(np.array([-np.inf, -2, 0, 2, np.inf], np.float32))
    assert scores == pytest.approx([0, 1 / (1 + np.e**2), 0.5, 1 / (1 + np.e**-2), 1])


def test_of_equals_the_smaller_digit_comes_first() -> None:
    """A tie is settled in the same way on every machine."""
    answer = decide(np.full(10, 0.1), 0.0, None, Thresholds(0))
    assert (answer.label, answer.second_label) == (0, 1)
