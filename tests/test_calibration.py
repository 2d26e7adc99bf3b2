"""The temperature and the review threshold in `train.calibration`."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from batch_classify.decide import probabilities
from train.calibration import fit_temperature, reject_threshold, review_threshold
from train.statistics import wilson

LABELS = np.arange(1000, dtype=np.int64) % 10
ANSWERS = st.lists(
    st.tuples(st.sampled_from([0.2, 0.5, 0.5000001, 0.9, 1.0]) | st.floats(0.1, 1), st.booleans()),
    min_size=1,
    max_size=40,
)


def simulated(temperature: float, count: int = 20_000) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return random logits [count, 10], and labels drawn from softmax(logits / temperature)."""
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 4, (count, 10)).astype(np.float32)
    # The largest of logits with Gumbel noise is a draw from their softmax.
    return logits, (logits / temperature + rng.gumbel(size=logits.shape)).argmax(axis=1)


def wrong_from(
    confidence: NDArray[np.float64], right: NDArray[np.bool_], threshold: float
) -> tuple[int, int]:
    """Return how many answers at or above the threshold are wrong, and how many there are."""
    accepted = right[confidence >= threshold]
    return int((~accepted).sum()), len(accepted)


@pytest.mark.parametrize("temperature", [0.3, 0.7, 1.0, 2.0, 5.0])
def test_a_known_temperature_is_found_again(temperature: float) -> None:
    """Where the labels follow softmax(logits / T), the fit finds T."""
    assert fit_temperature(*simulated(temperature)) == pytest.approx(temperature, rel=0.05)


def test_the_temperature_follows_the_scale_of_the_logits() -> None:
    """Logits three times as large need three times the temperature for the same probabilities."""
    logits, labels = simulated(1.3, 2000)
    assert fit_temperature(3 * logits, labels) == pytest.approx(3 * fit_temperature(logits, labels), rel=1e-3)


def test_no_other_temperature_fits_better() -> None:
    """The labels are at least as likely as at any temperature of a fine grid."""
    logits, labels = simulated(1.7, 2000)

    def likelihood(temperature: float) -> float:
        return float(np.log(probabilities(logits, temperature)[np.arange(len(labels)), labels]).mean())

    best = likelihood(fit_temperature(logits, labels))
    assert all(likelihood(other) <= best + 1e-6 for other in np.geomspace(0.05, 20, 60))


@pytest.mark.parametrize(("shift", "limit"), [(0, 0.05), (1, 20)], ids=["always right", "always wrong"])
def test_the_temperature_has_limits(shift: int, limit: float) -> None:
    """Without a mistake, or with nothing else, no temperature is the best, and the fit stops at a limit."""
    logits = np.eye(10, dtype=np.float32)[LABELS]
    assert fit_temperature(logits, (LABELS + shift) % 10) == pytest.approx(limit, rel=1e-2)


@given(ANSWERS, st.floats(0, 1))
def test_the_threshold_is_the_least_that_is_sure_to_reach_the_target(
    answers: list[tuple[float, bool]], target: float
) -> None:
    """Of all confidences seen it is the least with surely few enough wrong ones, or with none, else 1."""
    confidence = np.array([share for share, _ in answers])
    right = np.array([is_right for _, is_right in answers])
    seen = {each: wrong_from(confidence, right, each) for each in confidence.tolist()}
    certain = [each for each, (wrong, count) in seen.items() if wilson(wrong, count)[1] <= target]
    spotless = [each for each, (wrong, _) in seen.items() if wrong == 0]
    assert review_threshold(confidence, right, target) == min(certain or spotless, default=1.0)


@pytest.mark.parametrize(
    ("confidence", "right", "target", "threshold"),
    [
        ([0.9, 0.8, 0.7], [True, True, True], 0.0, 0.7),
        ([0.7, 0.9, 0.8], [False, True, True], 0.0, 0.8),
        ([0.9, 0.8, 0.7], [True, True, False], 0.34, 0.8),  # a third is wrong, but it may be more
        ([0.9, 0.8, 0.7], [True, True, False], 0.8, 0.7),
        ([0.9, 0.8, 0.7, 0.6], [True, False, True, True], 0.7, 0.6),  # the later right ones make up for it
        ([0.9, 0.8], [False, False], 0.5, 1.0),
        ([0.9, 0.8], [False, True], 0.1, 1.0),
        ([0.9, 0.5, 0.5], [True, True, False], 0.0, 0.9),
        ([0.9, 0.5, 0.5], [True, False, True], 0.0, 0.9),
        ([0.5, 0.5], [True, False], 0.95, 0.5),
        ([0.5000001] * 9 + [0.5000005], [True] * 9 + [False], 0.5, 0.5000001),
        # 1 of 100 wrong is 0.2 to 5.4 % by Wilson; 1 of 600 is 0.03 to 0.94 %.
        ([0.9] * 99 + [0.8], [True] * 99 + [False], 0.01, 0.9),
        ([0.9] * 599 + [0.8], [True] * 599 + [False], 0.01, 0.8),
        ([], [], 0.1, 1.0),
    ],
)
def test_thresholds_of_small_tables(
    confidence: list[float], right: list[bool], target: float, threshold: float
) -> None:
    """Order does not matter, equals stand or fall together, and 1 says that nothing reaches the target."""
    found = review_threshold(np.array(confidence), np.array(right, bool), target)
    assert found == threshold


@pytest.mark.parametrize("target", [0.01, 0.003, 0.001])
def test_the_target_holds_on_other_answers_too(target: float) -> None:
    """Nearly all thresholds that are set on some calibrated answers keep the target on many others."""
    rng = np.random.default_rng(7)
    kept = 0
    for _ in range(40):
        confidence = 1 - rng.random(60_000) ** 4
        right = rng.random(60_000) < confidence
        wrong, count = wrong_from(
            confidence[10_000:], right[10_000:], review_threshold(confidence[:10_000], right[:10_000], target)
        )
        kept += wrong <= target * count
    assert kept >= 34


@pytest.mark.parametrize(
    ("scores", "lost", "threshold"),
    [
        ([], 0.1, 1.0),
        ([0.2], 0.0, 0.2),
        ([0.1, 0.2, 0.3, 0.4], 0.0, 0.4),
        ([0.4, 0.1, 0.3, 0.2], 0.25, 0.3),
        ([0.4, 0.1, 0.3, 0.2], 0.49, 0.3),
        ([0.4, 0.1, 0.3, 0.2], 0.5, 0.2),
        ([0.5] * 10, 0.3, 0.5),
    ],
)
def test_so_many_digits_are_lost_at_most(scores: list[float], lost: float, threshold: float) -> None:
    """The threshold is the least that no more than the share of the scores exceeds."""
    found = reject_threshold(np.array(scores), lost)
    assert found == threshold
    assert sum(score > found for score in scores) <= lost * len(scores)
