"""How well a model reads labelled digits: accuracy, and what its confidence is worth.

Asks the job itself, from the scan to the decision; chooses nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batch_classify.classifier import Classifier
from batch_classify.filename import to_cell
from batch_classify.job import classify
from batch_classify.preprocess import preprocess
from batch_classify.present import name
from batch_classify.report.card import Card
from batch_classify.report.summary import CONFIDENCES
from batch_classify.row import Reason, Row, Status
from batch_classify.scan import Scan
from train.data import Digits, load, no_digits
from train.rejection import Rejection
from train.statistics import (
    accuracy_at,
    area_under_risk,
    calibration_error,
    negative_log_likelihood,
    reliability,
    wilson,
)

DATA_SETS = ("mnist", "usps", "semeion", "synthetic")
"""What is no folder."""
NO_POINTS: Mapping[str, float] = {}
COVERAGES = (0.99, 0.95, 0.9)
NO_DIGIT = 10
"""The last column of the confusion matrix."""
_BATCH = 256


@dataclass(frozen=True, slots=True)
class Answer:
    """What a picture shows in truth, and the row that the job gives it, with the pictures."""

    truth: int
    card: Card

    @property
    def right(self) -> bool:
        """Whether the job claims just that digit."""
        return self.card.row.label == self.truth


@dataclass(frozen=True, slots=True)
class Operating:
    """What comes of a review threshold: shares from 0 to 1, of answers that no human is asked to check.

    `accepted` is their share of all digits, `error` the share of them that is wrong, with its 95 % interval
    (Wilson 1927); `caught` is the share of all mistakes that are not among them.
    """

    review_below: float
    accepted: float
    error: float
    error_interval: tuple[float, float]
    caught: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was measured on `count` digits; shares from 0 to 1. What claims no digit counts as wrong.

    `accuracy_interval` is the 95 % interval of Wilson (1927); `rejected` is the share for which no digit is
    claimed. `accepted` is the share that no human is asked to check, `accepted_error` the share of those that
    are wrong, and `caught` the share of all mistakes that are not among them; `operating_points` has this for
    each target error that the model was set for. `nll` is the mean negative log-likelihood in nats, rejected
    digits included. `reliability` has, for 15 equally large groups of answers by confidence, its mean, the
    accuracy and the number, and `calibration_error` their mean gap. `area_under_risk` is that of risk against
    coverage. `accuracy_at_coverage` is the accuracy of the most confident share, `accuracy_by_digit` the
    recall of each digit that occurs.
    `accuracy_by_confidence` has, by where a bin of confidences begins, how many answers fall into it and the
    share of them that is right. `confusion` counts true digits (rows) by answer (columns 0 to 9, and one for
    no digit).
    """

    count: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    rejected: float
    accepted: float
    accepted_error: float
    caught: float
    operating_points: Mapping[str, Operating]
    nll: float
    reliability: tuple[tuple[float, float, int], ...]
    calibration_error: float
    area_under_risk: float
    accuracy_at_coverage: Mapping[float, float]
    accuracy_by_digit: Mapping[int, float]
    accuracy_by_confidence: Mapping[float, tuple[int, float]]
    confusion: tuple[tuple[int, ...], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the figures for JSON, rounded to six decimals; `confusion`, a table, is not among them."""
        figures = {key: _rounded(value) for key, value in asdict(self).items()}
        del figures["confusion"]
        return figures


def _rounded(value: Any) -> Any:
    match value:
        case float():
            return round(value, 6)
        case tuple():
            return [_rounded(part) for part in value]
        case dict():
            return {str(key): _rounded(part) for key, part in value.items()}
    return value


def ask(classifier: Classifier, data: str, data_dir: Path | None, seed: int) -> list[Answer]:
    """Ask about a data set, of a public one the test part (see `train.data.load`), or about a folder.

    Raises JobError (INPUT).
    """
    if data in DATA_SETS:
        return evaluate(classifier, load(data, data_dir, seed, test=True))
    return evaluate_folder(classifier, Path(data))


def evaluate(classifier: Classifier, digits: Digits) -> list[Answer]:
    """Ask about preprocessed digits; a row's `file` names it by its number, from 0."""
    answers: list[Answer] = []
    for at in range(0, len(digits), _BATCH):
        images = digits.images[at : at + _BATCH]
        # `preprocess` leaves alone what it has made, but only it knows what it would reject.
        findings = [preprocess(image).finding for image in images]
        for image, said in zip(images, classifier.predict_prepared(images, findings), strict=True):
            row = said.on(Row(f"digit {len(answers)}", None, said.status))
            answers.append(Answer(int(digits.labels[len(answers)]), Card(row, None, image)))
    return answers


def evaluate_folder(classifier: Classifier, root: Path) -> list[Answer]:
    """Run the job on the subfolders 0 to 9 of `root`; files that cannot be read have their answers too.

    Raises JobError (INPUT) if there is no image in them.
    """
    answers = [answer for digit in range(10) for answer in _subfolder(classifier, root, digit)]
    if not answers:
        raise no_digits(root)
    return answers


def _subfolder(classifier: Classifier, root: Path, digit: int) -> Iterator[Answer]:
    scan = Scan(root / str(digit))
    if not scan.path.is_dir() or not (any(scan) or scan.unlisted):
        return
    for cards in classify(scan, classifier):
        for card in cards:
            row = card.row._replace(file=f"{digit}/{card.row.file}")
            yield Answer(digit, card._replace(row=row))


def figures(
    answers: Sequence[Answer], review_below: float, operating_points: Mapping[str, float] = NO_POINTS
) -> Evaluation:
    """Measure answers. A file that could not be read gives each digit a tenth."""
    rows = [answer.card.row for answer in answers]
    return measure(
        np.array([row.probabilities or [0.1] * 10 for row in rows]),
        np.array([answer.truth for answer in answers], np.int64),
        review_below,
        np.array([row.label is not None for row in rows]),
        np.array([row.reason is not Reason.LOW_QUALITY for row in rows]),
        operating_points,
    )


def measure(
    shares: NDArray[np.float64],
    labels: NDArray[np.int64],
    review_below: float,
    claimed: NDArray[np.bool_] | None = None,
    clear: NDArray[np.bool_] | None = None,
    operating_points: Mapping[str, float] = NO_POINTS,
) -> Evaluation:
    """Measure probabilities, float64 [N, 10], against the true labels, int64 [N].

    `claimed`, bool [N], is False where the job claims no digit, whatever the probabilities, and `clear` where
    it asks a human whatever the confidence. `operating_points` are review thresholds by target error.
    """
    claimed = np.ones(len(labels), bool) if claimed is None else claimed
    clear = claimed if clear is None else claimed & clear
    said = np.where(claimed, shares.argmax(axis=1), NO_DIGIT)
    right = said == labels
    confidence = np.where(claimed, shares.max(axis=1), 0.0)
    bins = reliability(confidence[claimed], right[claimed])
    chosen = _operating(review_below, clear, confidence, right)
    confusion = np.zeros((10, NO_DIGIT + 1), int)
    np.add.at(confusion, (labels, said), 1)
    return Evaluation(
        count=len(labels),
        accuracy=float(right.mean()),
        accuracy_interval=wilson(int(right.sum()), len(labels)),
        rejected=float((~claimed).mean()),
        accepted=chosen.accepted,
        accepted_error=chosen.error,
        caught=chosen.caught,
        operating_points={
            target: _operating(threshold, clear, confidence, right)
            for target, threshold in operating_points.items()
        },
        nll=negative_log_likelihood(shares, labels),
        reliability=bins,
        calibration_error=calibration_error(bins),
        area_under_risk=area_under_risk(confidence, right),
        accuracy_at_coverage={share: accuracy_at(share, confidence, right) for share in COVERAGES},
        accuracy_by_digit={
            digit: float(right[labels == digit].mean()) for digit in np.unique(labels).tolist()
        },
        accuracy_by_confidence=_by_confidence(confidence[claimed], right[claimed]),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
    )


def _operating(
    review_below: float,
    clear: NDArray[np.bool_],
    confidence: NDArray[np.float64],
    right: NDArray[np.bool_],
) -> Operating:
    accepted = clear & (confidence >= review_below)
    count, wrong, mistakes = int(accepted.sum()), int((~right[accepted]).sum()), int((~right).sum())
    return Operating(
        review_below,
        count / len(right),
        wrong / max(1, count),
        wilson(wrong, count) if count else (0.0, 1.0),
        1 - wrong / mistakes if mistakes else 1.0,
    )


def _by_confidence(
    confidence: NDArray[np.float64], right: NDArray[np.bool_]
) -> dict[float, tuple[int, float]]:
    bins = np.digitize(confidence, CONFIDENCES) - 1
    return {
        CONFIDENCES[place]: (int((bins == place).sum()), float(right[bins == place].mean()))
        for place in np.unique(bins).tolist()
    }


def unread(answers: Sequence[Answer]) -> list[Row]:
    """Return the rows of what could not be read."""
    return [answer.card.row for answer in answers if answer.card.row.status is Status.ERROR]


def record(
    data: str,
    classifier: Classifier,
    found: Evaluation,
    answers: Sequence[Answer],
    others: Mapping[str, Rejection],
) -> dict[str, Any]:
    """Return all there is to know, for JSON: on what, by which model, the figures, and what was not read."""
    return {
        "data": to_cell(f"/{data}")[1:],  # escaped, but never taken for a formula
        "model": classifier.model.card.name,
        "model_sha256": classifier.model.sha256,
        **asdict(classifier.thresholds),
        **found.to_dict(),
        "confusion": [list(row) for row in found.confusion],
        "others": {kind: _rounded(one.to_dict()) for kind, one in others.items()},
        "unread": [name(row) for row in unread(answers)],
    }
