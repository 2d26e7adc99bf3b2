"""Figures of answers and confidences in `train.statistics`."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.statistics import (
    BINS,
    accuracy_at,
    area_under_risk,
    area_under_roc,
    calibration_error,
    negative_log_likelihood,
    reliability,
    wilson,
)

ANSWERS = st.lists(st.tuples(st.floats(0.1, 1), st.booleans()), min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("right", "count", "low", "high"),
    [
        (8, 10, 0.490162, 0.943318),
        (0, 10, 0.0, 0.277533),
        (10, 10, 0.722467, 1.0),
        (9970, 10_000, 0.995722, 0.997897),
    ],
)
def test_wilson(right: int, count: int, low: float, high: float) -> None:
    """The interval is the one that published calculators give."""
    assert wilson(right, count) == (pytest.approx(low, abs=1e-5), pytest.approx(high, abs=1e-5))


@given(st.integers(1, 10**6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_solves_its_equation(case: tuple[int, int]) -> None:
    """The share lies inside, and 1.96 standard deviations of either end away from that end."""
    right, count = case
    share, ends = right / count, wilson(right, count)
    assert 0 <= ends[0] <= share + 1e-12
    assert share - 1e-12 <= ends[1] <= 1
    for end in ends:
        reach = 1.959964 * (end * (1 - end) / count) ** 0.5
        assert abs(share - end) == pytest.approx(reach, abs=1e-6)


@given(st.lists(st.tuples(st.integers(0, 9), st.floats(0.11, 1), st.integers(0, 9)), min_size=1))
def test_the_likelihood_is_the_mean_surprise(cases: list[tuple[int, float, int]]) -> None:
    """It is the mean of -ln of what the true label was given, and finite where that was nothing."""
    shares = np.stack([np.full(10, (1 - p) / 9) for _, p, _ in cases])
    for row, (said, p, _) in zip(shares, cases, strict=True):
        row[said] = p
    found = negative_log_likelihood(shares, np.array([truth for *_, truth in cases]))
    given_shares = [p if said == truth else (1 - p) / 9 for said, p, truth in cases]
    assert found == pytest.approx(-sum(log(max(share, 1e-300)) for share in given_shares) / len(cases))


@pytest.mark.parametrize(
    ("coverage", "accuracy"), [(1.0, 0.7), (0.9, 7 / 9), (0.85, 7 / 9), (0.8, 7 / 8), (0.1, 1.0), (0.0, 1.0)]
)
def test_the_most_confident_are_kept(coverage: float, accuracy: float) -> None:
    """Of ten answers, the two least confident and one in the middle wrong, at least so many are kept."""
    confidence = np.linspace(0.1, 1, 10)
    right = np.array([False, False, True, False, True, True, True, True, True, True])
    assert accuracy_at(coverage, confidence, right) == pytest.approx(accuracy)


@given(ANSWERS)
def test_the_bins_hold_all_answers_alike(answers: list[tuple[float, bool]]) -> None:
    """No bin has more than one answer more than another, and together they have every one, in order."""
    confidence, right = (np.array(column) for column in zip(*answers, strict=True))
    bins = reliability(confidence, right)
    counts = [count for *_, count in bins]
    assert len(bins) == min(BINS, len(answers))
    assert sum(counts) == len(answers)
    assert max(counts) - min(counts) <= 1
    assert sum(accuracy * count for _, accuracy, count in bins) == pytest.approx(right.sum())
    assert np.all(np.diff([mean for mean, *_ in bins]) >= -1e-9)


@pytest.mark.parametrize(
    ("groups", "error"),
    [
        ([(0.8, 120, 150)], 0.0),
        ([(1.0, 15, 15)], 0.0),
        ([(0.9, 75, 150)], 0.4),
        ([(0.5, 30, 30)], 0.5),
        ([(0.9, 35, 70), (0.5, 80, 80)], 0.45),  # too sure here does not make up for too unsure there
    ],
)
def test_calibration_error(groups: list[tuple[float, int, int]], error: float) -> None:
    """It is the mean gap between confidence and accuracy: 0 where eight of ten answers at 0.8 are right."""
    confidence = np.concatenate([np.full(count, sure) for sure, _, count in groups])
    spread = [np.linspace(0, right, count + 1).astype(int) for _, right, count in groups]
    right = np.concatenate([np.diff(steps) > 0 for steps in spread])
    assert calibration_error(reliability(confidence, right)) == pytest.approx(error, abs=0.04)


@pytest.mark.parametrize(
    ("right", "area"),
    [
        ([True, True, True], 0.0),
        ([False, False], 1.0),
        ([True, True, False], 1 / 9),  # risks 0, 0 and 1/3
        ([False, True, True], (1 + 1 / 2 + 1 / 3) / 3),
    ],
)
def test_the_area_under_the_risk(right: list[bool], area: float) -> None:
    """Of answers from the surest on, it is the mean risk of keeping one, two, and so on."""
    confidence = np.linspace(0.9, 0.5, len(right))
    assert area_under_risk(confidence, np.array(right)) == pytest.approx(area)


@given(st.lists(st.integers(0, 5), min_size=1), st.lists(st.integers(0, 5), min_size=1))
def test_the_area_under_the_roc_counts_pairs(positive: list[int], negative: list[int]) -> None:
    """It is the share of pairs in which the positive's score is the higher one, ties counting half."""
    pairs = [(a > b) + (a == b) / 2 for a in positive for b in negative]
    found = area_under_roc(np.array(positive, float), np.array(negative, float))
    assert found == pytest.approx(sum(pairs) / len(pairs))


@pytest.mark.parametrize(
    ("others", "digits", "area"),
    [
        ([2, 3], [0, 1], 1.0),
        ([0, 1], [2, 3], 0.0),
        ([1, 1, 1], [1, 1], 0.5),
        ([1, 3], [1, 2], 0.625),
        ([1.0] * 3 + [0.2], [0.2, 0.1], 0.9375),
        ([5], [5], 0.5),
    ],
)
def test_auroc_counts_ties_half(others: list[float], digits: list[float], area: float) -> None:
    """The area is the share of pairs in the right order, and a tie is half a pair."""
    assert area_under_roc(np.array(others), np.array(digits)) == pytest.approx(area)


@pytest.mark.parametrize(("others", "digits"), [([], [1.0]), ([1.0], [])])
def test_auroc_of_nothing_is_no_number(others: list[float], digits: list[float]) -> None:
    """Where there is nothing to compare there is no area."""
    assert np.isnan(area_under_roc(np.array(others), np.array(digits)))
