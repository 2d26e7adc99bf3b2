"""Accuracy and calibration in `train.evaluation`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from batch_classify.decide import probabilities
from batch_classify.model import load
from batch_classify.preprocess import VERSION
from train.data import Digits
from train.evaluation import evaluate, measure


def shares(answers: list[tuple[int, float]]) -> NDArray[np.float64]:
    """Return probabilities [N, 10] that give each answer its confidence and the other digits the rest."""
    rows = [np.full(10, (1 - confidence) / 9) for _, confidence in answers]
    for row, (label, confidence) in zip(rows, answers, strict=True):
        row[label] = confidence
    return np.stack(rows)


def labels(*digits: int) -> NDArray[np.int64]:
    """Return true labels."""
    return np.array(digits, np.int64)


def test_accuracy_and_what_is_accepted() -> None:
    """Four answers, one wrong among three accepted ones."""
    found = measure(shares([(3, 0.9), (4, 0.8), (4, 0.6), (5, 0.5)]), labels(3, 4, 7, 5), 0.6)
    assert (found.count, found.accuracy) == (4, 0.75)
    assert found.accepted == 0.75
    assert found.accepted_error == pytest.approx(1 / 3)
    assert found.accuracy_by_digit == {3: 1.0, 4: 1.0, 5: 1.0, 7: 0.0}


@pytest.mark.parametrize(
    ("review_below", "accepted", "error"),
    [(0.0, 1.0, 0.5), (0.7, 0.5, 0.0), (0.75, 0.5, 0.0), (0.95, 0.0, 0.0)],
)
def test_nothing_accepted_is_nothing_wrong(review_below: float, accepted: float, error: float) -> None:
    """The threshold belongs to what is accepted, and above all confidences the error is 0."""
    found = measure(shares([(1, 0.75), (2, 0.6)]), labels(1, 1), review_below)
    assert (found.accepted, found.accepted_error) == (accepted, error)


@pytest.mark.parametrize(
    ("groups", "error"),
    [
        ([(0.8, 8, 10), (0.5, 2, 4)], 0.0),
        ([(1.0, 5, 5)], 0.0),
        ([(0.9, 5, 10)], 0.4),
        ([(0.5, 4, 4)], 0.5),
        ([(0.9, 5, 10), (0.5, 10, 10)], 0.45),  # too sure here does not make up for too unsure there
    ],
)
def test_calibration_error(groups: list[tuple[float, int, int]], error: float) -> None:
    """It is the mean gap between confidence and accuracy: 0 where eight of ten answers at 0.8 are right."""
    answers = [(3, confidence) for confidence, _, count in groups for _ in range(count)]
    truth = [3 if i < right else 4 for _, right, count in groups for i in range(count)]
    assert measure(shares(answers), labels(*truth), 0).calibration_error == pytest.approx(error, abs=1e-9)


def test_the_figures_are_json() -> None:
    """The dictionary survives JSON as it is, with six decimals at most."""
    figures = measure(shares([(3, 0.9), (3, 0.8), (4, 0.7)]), labels(3, 4, 4), 0).to_dict()
    assert json.loads(json.dumps(figures)) == figures
    assert figures["accuracy"] == 0.666667
    assert figures["accuracy_by_digit"] == {"3": 1.0, "4": 0.5}


@pytest.mark.parametrize("count", [1, 300], ids=["less than a batch", "more than a batch"])
def test_a_model_is_measured_as_its_probabilities_are(fake_model: Path, count: int) -> None:
    """`evaluate` is `measure` on the model's calibrated probabilities, whatever the batches."""
    rng = np.random.default_rng(1)
    digits = Digits(rng.integers(0, 256, (count, 28, 28), np.uint8), rng.integers(0, 10, count))
    model = load(fake_model, "cpu", preprocessing=VERSION)
    found = probabilities(model.logits(digits.images), model.card.temperature)
    assert evaluate(model, digits) == measure(found, digits.labels, model.card.review_below)
