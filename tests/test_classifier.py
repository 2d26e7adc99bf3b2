"""Pictures to predictions in `batch_classify.classifier`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import batch_classify
from batch_classify.classifier import Classifier
from batch_classify.errors import ExitCode, JobError
from batch_classify.row import Reason, Status
from train.generator import draw_digit


@pytest.fixture
def scan() -> np.ndarray:
    """A drawn digit, dark on light."""
    return 255 - draw_digit(4, np.random.default_rng(1), 60)


def test_the_package_offers_it(fake_model: Path) -> None:
    """`batch_classify.Classifier` is the one that is documented."""
    assert batch_classify.Classifier is Classifier


def test_predictions_come_in_order_and_one_for_each(classifier: Classifier, scan: np.ndarray) -> None:
    """Pictures of any size and both polarities are read, and a blank claims no digit."""
    blank = np.full((50, 40), 255, np.uint8)
    first, rejected, inverted = classifier.predict([scan, blank, 255 - scan])
    assert first == inverted
    assert first.label in range(10)
    assert (rejected.status, rejected.reason, rejected.label) == (Status.REJECTED, Reason.BLANK, None)


@pytest.mark.parametrize(
    "picture", [np.zeros((0, 5), np.uint8), np.zeros((4, 4)), np.zeros((4, 4, 3), np.uint8)]
)
def test_what_is_no_grey_picture_is_refused(classifier: Classifier, picture: np.ndarray) -> None:
    """The error says which one it is and what is needed."""
    with pytest.raises(ValueError, match=r"image 0 is .* uint8 \[height, width\]"):
        classifier.predict([picture])


def test_no_picture_is_no_prediction(classifier: Classifier) -> None:
    """An empty list is fine."""
    assert classifier.predict([]) == []


@pytest.mark.parametrize(("review_below", "status"), [(0.0, Status.OK), (1.0, Status.REVIEW)])
def test_the_threshold_can_be_chosen(
    fake_model: Path, scan: np.ndarray, review_below: float, status: Status
) -> None:
    """A threshold given when loading goes before the model's own."""
    assert Classifier.load(fake_model, "cpu", review_below).predict([scan])[0].status is status


def test_without_a_choice_the_threshold_is_the_models(classifier: Classifier) -> None:
    """The card's threshold holds."""
    assert classifier.thresholds.review_below == classifier.model.card.review_below


@pytest.mark.parametrize(("target_error", "review_below"), [(None, 0.5), (0.01, 0.5), (0.001, 0.9)])
def test_a_target_error_has_its_threshold(
    fake_model: Path, target_error: float | None, review_below: float
) -> None:
    """The card knows which confidence keeps it."""
    found = Classifier.load(fake_model, "cpu", target_error=target_error)
    assert found.thresholds.review_below == review_below


def test_a_threshold_goes_before_a_target_error(fake_model: Path) -> None:
    """Whoever names a confidence gets it."""
    assert Classifier.load(fake_model, "cpu", 0.7, 0.001).thresholds.review_below == 0.7


def test_a_target_error_that_the_card_does_not_know(fake_model: Path) -> None:
    """It is wrong usage, and the message says which there are and what else to do."""
    with pytest.raises(JobError, match=r"0\.5%.*fake was set for 0\.1%, 1%.*--review-below") as caught:
        Classifier.load(fake_model, "cpu", target_error=0.005)
    assert caught.value.code is ExitCode.USAGE
